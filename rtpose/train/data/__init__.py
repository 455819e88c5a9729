"""What trainings and evaluations read: packs, data sets, cameras, noise."""
