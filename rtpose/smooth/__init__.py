"""Smoothers remove jitter, by real time."""
