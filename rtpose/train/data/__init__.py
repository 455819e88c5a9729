"""Training and evaluation sets: motion packs and data sets, cameras, detector noise."""
