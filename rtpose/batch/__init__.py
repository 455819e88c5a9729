"""Many videos: the jobs, the executors (this process, several processes, a Ray cluster), and the report."""
