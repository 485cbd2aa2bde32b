"""Objects that tools take and give, where a signature names them by a class."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """Base of such classes: pydantic works one out when it is first needed.

    Most belong to tools that nobody asks for. To work out all of them costs 0.8 MiB and 0.02 s of
    each start, however small they are.
    """

    model_config = ConfigDict(defer_build=True)
