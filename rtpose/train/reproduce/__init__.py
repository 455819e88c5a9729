"""Reproduces the papers' tables, with their figures and ours side by side."""
