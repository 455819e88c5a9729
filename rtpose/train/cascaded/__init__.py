"""Training of `cascaded`: targets, losses, pictures, the loop. Needs the extra `train`."""
