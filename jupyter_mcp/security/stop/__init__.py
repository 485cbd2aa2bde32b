"""The stop button: who is active, and who is stopped."""
