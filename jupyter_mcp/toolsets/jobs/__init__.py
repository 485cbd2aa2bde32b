"""Long-running work as one kind of record."""
