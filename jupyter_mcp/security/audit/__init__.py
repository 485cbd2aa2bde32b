"""What happened: the chain of records, metrics and events."""
