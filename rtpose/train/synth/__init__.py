"""Rendered people: a body model animated by motion capture, dressed, lit and drawn. Needs the extra `synth`."""
