"""Commands and terminals in sandboxes."""
