"""`rtpose eval --footage`: errors on real people whose 3D truth was measured. docs/footage.md describes the layout."""
