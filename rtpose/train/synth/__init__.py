"""Rendered people: a body model moved by motion capture, clothed, lit and drawn. Needs the extra `synth`."""
