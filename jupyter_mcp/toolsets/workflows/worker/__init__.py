"""The worker: the process in which workflows run."""
