"""Network files: finding, downloading, loading and running them. One room for all that touches them."""
