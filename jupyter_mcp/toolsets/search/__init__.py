"""Finds code, notebooks and live variables by words and by meaning, offline."""
