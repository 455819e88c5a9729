"""The estimator `cascaded`: from a picture of one person straight to 3D."""
