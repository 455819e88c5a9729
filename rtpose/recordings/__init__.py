"""Recordings of poses: `.npz`, `.rtpose`, their recorders, and exports to other formats."""
