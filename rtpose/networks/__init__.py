"""Network files: locating, downloading, loading and running them."""
