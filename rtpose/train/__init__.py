"""Learning: data sets, losses, loops, evaluation. Needs the extra `train`."""
