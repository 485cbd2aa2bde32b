"""The way out of a sandbox, for those who have one."""
