"""The parts that specs of every kind are made of.

Types are strict: a number in quotes is a mistake that is told, not one that is guessed at.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    Strict,
    StringConstraints,
    model_serializer,
    model_validator,
)

DAY = 86_400
YEAR = 366 * DAY
FIRST = ("id", "kind", "title", "needs", "when")
ID = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"

Id = Annotated[str, StringConstraints(pattern=ID)]
"""The id of a node."""
Ids = Annotated[tuple[Id, ...], Strict(False)]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{1,300}$")]
"""One line of text."""
Cel = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
"""An expression in the Common Expression Language."""
Text = Annotated[str, StringConstraints(min_length=1)]
"""Text that may refer to values as ``${…}``."""
Seconds = Annotated[float, Field(gt=0, le=YEAR)]


class Model(BaseModel):
    """What all parts share: nothing is coerced, nothing unknown is taken, nothing changes."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        serialize_by_alias=True,
    )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data, without what is only the default."""
        return self.model_dump(mode="json", exclude_defaults=True)


class Retry(Model):
    """How often something that failed is tried again, and when."""

    attempts: Annotated[int, Field(ge=1, le=100)] = 1
    """How often it is tried in all."""
    delay: Annotated[float, Field(ge=0, le=DAY)] = 1
    """Seconds before the second attempt."""
    factor: Annotated[float, Field(ge=1, le=100)] = 2
    """By how much each delay is longer than the one before."""
    max_delay: Annotated[float, Field(ge=0, le=DAY)] = 60
    """The longest delay in seconds."""


class Compensation(Model):
    """The tool that takes back what a node did, when a later node fails."""

    tool: Line
    """The name of a tool."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Its arguments; ``${nodes.ID.output…}`` may also refer to the node itself."""


class Rule(Model):
    """What has to hold for a result; otherwise its node fails."""

    expression: Cel
    """A truth value of `input` and `output`."""
    message: Line
    """What is told when it does not hold."""


class Threshold(Model):
    """The limits of one value of an analysis."""

    name: Line
    """What the value is called."""
    path: Line
    """Where it stands in the result, as in ``columns.price.mean``."""
    min: float | None = None
    """The smallest value that is good."""
    max: float | None = None
    """The largest value that is good."""
    level: Literal["warning", "error"] = "error"
    """Whether a value beyond it fails the node or is only noted."""

    @model_validator(mode="after")
    def _has_a_limit(self) -> Threshold:
        if self.min is None and self.max is None:
            raise ValueError("A threshold has no limit. Give 'min', 'max' or both.")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("The threshold's 'min' is larger than its 'max'. Swap them.")
        return self


class Branch(Model):
    """One way on from a decision."""

    name: Line
    """What the branch is called; the decision's output is ``{"branch": name}``."""
    when: Cel
    """Whether it is taken; the first branch that is true is."""
    next: Ids
    """The nodes that only run when it is taken."""


class Otherwise(Model):
    """The way on from a decision when no branch is true."""

    name: Line = "otherwise"
    """What it is called."""
    next: Ids
    """The nodes that only run then."""


class Work(Model):
    """What a node does, and what is done when it fails."""

    retry: Retry = Retry()
    """How often it is tried; once unless it says more."""
    timeout: Seconds | None = None
    """The most seconds that one attempt may take."""
    compensate: Compensation | None = None
    """What takes it back when a later node fails."""
    idempotency_key: Text | None = None
    """The key under which its effect is done once; by default the run's id and the node's."""
    resources: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")], ...],
        Strict(False),
    ] = ()
    """The resource classes that it uses, such as ``kernels``: each has so many places."""

    @model_serializer(mode="wrap")
    def _in_order(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write what a reader looks for first before the rest, whatever class a field is of."""
        fields: dict[str, Any] = serialize(self)
        rest = [name for name in fields if name not in FIRST and name not in Work.model_fields]
        order = [*FIRST, *rest, *Work.model_fields]
        return {name: fields[name] for name in order if name in fields}


class Node(Model):
    """Where a work stands in the graph."""

    id: Id
    """Its name, by which others need it and refer to it."""
    title: Line | None = None
    """What people are shown."""
    needs: Ids = ()
    """The nodes that end before it starts; what it refers to is needed anyway."""
    when: Cel | None = None
    """Whether it runs: an expression over `parameters` and `nodes`; otherwise it is skipped."""
