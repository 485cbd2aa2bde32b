"""Puts together what the engines find, and orders it."""
