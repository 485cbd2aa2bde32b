"""Stands in for the build backend of that name."""

from stand_in import *  # noqa: F403
