"""Durable workflows: work in many steps that survives its client, its server and its worker."""
