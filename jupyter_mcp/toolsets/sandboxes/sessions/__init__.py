"""Sandboxes as their owners know them: made, kept, found again and ended."""
