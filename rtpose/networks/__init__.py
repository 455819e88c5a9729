"""Network files: where they are, how they are downloaded, loaded and run."""
