"""2D joints to 3D: normalise, run the network, undo the normalisation, scale to metres, place in camera space."""
