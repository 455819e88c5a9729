"""Estimators: image to 3D people."""
