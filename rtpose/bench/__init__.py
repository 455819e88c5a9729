"""`rtpose bench`: how fast the whole program is, where its time goes, and how far that is from the machine's limit."""
