"""Training of lifters: methods, losses, the loop, evaluation."""
