"""The kinematic body: constant bones, rotations, contacts, gravity and floor."""
