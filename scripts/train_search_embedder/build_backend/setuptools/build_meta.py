"""Stands in for the build backend of that name."""

import stand_in as __legacy__  # noqa: F401
from stand_in import *  # noqa: F403
