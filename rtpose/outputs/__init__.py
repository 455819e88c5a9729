"""Outputs: what happens to results during a run. Each runs in its own thread."""
