"""Builds engines from recipes: calibrate, quantise or compile, compare with fp32. See docs/engines.md."""
