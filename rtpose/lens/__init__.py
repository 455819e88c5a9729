"""A camera's focal length and centre from pictures of a printed board: `rtpose calibrate`."""
