"""Many videos: what is to be done (`jobs`), who does it (here, processes, a Ray cluster), and what came of it."""
