"""What runs workflows, inside of the worker."""
