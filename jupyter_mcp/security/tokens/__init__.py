"""Tokens for clients, and how access ends."""
