"""Readers of data sets, one module each. Motion packs are read by `rtpose.train.data.motion_pack`."""
