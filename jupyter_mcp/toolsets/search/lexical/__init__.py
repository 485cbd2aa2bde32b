"""Finds pieces by their words, in SQLite."""
