"""Jupyter kernels in sandboxes."""
