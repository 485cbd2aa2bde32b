"""Engines that sandboxes run on, one file each."""
