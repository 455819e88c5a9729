"""`rtpose eval --footage`: errors on real people with measured 3D ground truth. Layout: docs/footage.md."""
