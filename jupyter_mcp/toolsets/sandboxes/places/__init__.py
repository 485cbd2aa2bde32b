"""The files and commands of a sandbox, with its agent and without one."""
