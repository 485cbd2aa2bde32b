"""Templates of workflows: specs under a name and a version, which never change."""
