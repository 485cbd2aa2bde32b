"""Notebooks and kernels: live documents, execution, outputs, variables, history and undo."""
