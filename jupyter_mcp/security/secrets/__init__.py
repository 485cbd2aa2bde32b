"""Secrets of the account, and keeping them out of everything else."""
