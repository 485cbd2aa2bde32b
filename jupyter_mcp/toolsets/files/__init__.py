"""Files and git, in the Jupyter root and in sandboxes, by the same tools."""
