"""`rtpose adapt`: the lifter learns from a user's own clips, without labels."""
