"""Training and evaluation of the networks. Needs the extra `train`."""
