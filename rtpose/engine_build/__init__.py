"""Engines: network files built for one backend, device and precision, by recipes. See docs/engines.md."""
