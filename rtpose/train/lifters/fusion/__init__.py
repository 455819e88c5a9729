"""Training of the lifter `fusion`: motions, cameras, the detector's errors, the loop, export."""
