"""Cuts files into pieces that can be found."""
