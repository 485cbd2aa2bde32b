"""Recipes of images, and how they are built."""
