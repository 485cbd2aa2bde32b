"""What nodes can do, but for what holds other works: that is in ``nodes``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, Strict, WithJsonSchema, model_validator

from jupyter_mcp.toolsets.workflows.spec import references
from jupyter_mcp.toolsets.workflows.spec.models.parts import (
    YEAR,
    Branch,
    Cel,
    Line,
    Model,
    Otherwise,
    Retry,
    Rule,
    Seconds,
    Text,
    Threshold,
    Work,
)

Rules = Annotated[tuple[Rule, ...], Strict(False)]


def _duration(value: Any) -> float | str:
    if isinstance(value, str) and references.is_reference(value):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("This has to be a number of seconds or one reference.")  # noqa: TRY004
    if not 0 <= value <= YEAR:
        raise ValueError(f"This has to be between 0 and {YEAR} seconds.")
    return value


def _moment(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("This has to be text, such as '2026-01-31T08:00:00Z'.")  # noqa: TRY004
    if "${" in value:
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("This is no time. Write it as in '2026-01-31T08:00:00Z'.") from None
    if moment.tzinfo is None:
        raise ValueError("This time has no zone. Write it as in '2026-01-31T08:00:00Z'.")
    return value


def _named(value: Any) -> Any:
    if isinstance(value, dict) or (isinstance(value, str) and references.is_reference(value)):
        return value
    raise ValueError("This has to be a mapping. Write 'key: value', or one reference.")


class Action(Work):
    """Calls a tool, with the scopes of the run's owner."""

    kind: Literal["action"]
    tool: Line
    """The name of a tool of the catalog."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Its arguments, in which values may be referred to."""


class Processing(Work):
    """Makes a value of others: by an expression, or by Python in a kernel or a sandbox."""

    kind: Literal["processing"]
    input: Any = None
    """What it works on."""
    expression: Cel | None = None
    """The result, in the Common Expression Language."""
    code: Text | None = None
    """Python that defines ``run(input)``, which returns the result as JSON data."""
    kernel_id: Text | None = None
    """The kernel in which the code runs."""
    sandbox_id: Text | None = None
    """The sandbox in which the code runs."""
    rules: Rules = ()
    """What has to hold for the result."""

    @model_validator(mode="after")
    def _is_one_way(self) -> Processing:
        if (self.expression is None) == (self.code is None):
            raise ValueError("It needs either 'expression' or 'code'. Give one of them.")
        places = [self.kernel_id, self.sandbox_id]
        if self.code is None and any(places):
            raise ValueError("An expression runs in no kernel. Leave the place out or give 'code'.")
        if self.code is not None and places.count(None) != 1:
            raise ValueError("The code needs one place. Give 'kernel_id' or 'sandbox_id'.")
        return self


class Analysis(Work):
    """Looks at values or code and says what is outside of its limits."""

    kind: Literal["analysis"]
    method: Literal["statistics", "thresholds", "code"]
    """Figures of the input, its limits alone, or a tool that analyses code."""
    input: Any = None
    """What it looks at."""
    thresholds: Annotated[tuple[Threshold, ...], Strict(False)] = ()
    """The limits of single values."""
    tool: Line | None = None
    """The tool that analyses, for the method ``code``."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """The tool's arguments."""
    rules: Rules = ()
    """What has to hold for the result."""

    @model_validator(mode="after")
    def _fits_its_method(self) -> Analysis:
        if self.method == "code" and self.tool is None:
            raise ValueError("The method 'code' needs a tool. Give 'tool'.")
        if self.method != "code" and (self.tool is not None or self.arguments):
            raise ValueError("Only the method 'code' calls a tool. Leave out 'tool'.")
        if self.method == "thresholds" and not self.thresholds:
            raise ValueError("The method 'thresholds' has none. Give 'thresholds'.")
        return self


class Decision(Work):
    """Chooses which nodes run; those of the other branches are skipped."""

    kind: Literal["decision"]
    branches: Annotated[tuple[Branch, ...], Strict(False), Field(min_length=1)]
    """The ways on, of which the first that is true is taken."""
    otherwise: Otherwise | None = None
    """The way on when none is true; without it the node fails then."""

    @model_validator(mode="after")
    def _names_are_different(self) -> Decision:
        names = [branch.name for branch in self.branches]
        names += [self.otherwise.name] if self.otherwise else []
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"The branch '{twice[0]}' is there twice. Rename one of them.")
        return self


class Message(Model):
    """What somebody is told, and how."""

    channel: Literal["event", "panel", "webhook", "email"]
    """How it is told: a Jupyter event, the panel, an address in the web, or SMTP."""
    to: Text | None = None
    """The address of the web or the mail; not for the other channels."""
    subject: Text | None = None
    """The subject of the mail, the title elsewhere."""
    body: Text
    """What is told; values may be referred to."""

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.channel in {"webhook", "email"} and self.to is None:
            raise ValueError(f"The channel '{self.channel}' needs an address. Give 'to'.")
        return self


class Notification(Message, Work):
    """Tells somebody; delivery is confirmed, and tried again where it failed."""

    kind: Literal["notification"]


class Notice(Message):
    """Tells somebody how a run has ended, when all of it is over."""

    title: Line | None = None
    """What people are shown."""
    on: Annotated[
        tuple[Literal["failed", "compensated", "succeeded"], ...],
        Strict(False),
        Field(min_length=1),
    ] = ("failed", "compensated")
    """The states in which it is sent: by default whenever the run has not succeeded."""
    retry: Retry = Retry(attempts=5)
    """How often it is tried."""
    timeout: Seconds | None = None
    """The most seconds that one attempt may take."""

    def work(self) -> Notification:
        """Return it as something that is done."""
        told = {name: getattr(self, name) for name in (*Message.model_fields, "retry", "timeout")}
        return Notification.model_construct(kind="notification", **told)


class Notebook(Work):
    """Runs a notebook with parameters and keeps the result as another notebook."""

    kind: Literal["notebook"]
    path: Text
    """The notebook."""
    parameters: Annotated[
        dict[str, Any] | str,
        PlainValidator(_named),
        WithJsonSchema({"type": ["object", "string"]}),
    ] = Field(default_factory=dict)
    """Put in after the cell tagged ``parameters``, as papermill does: each, or one reference."""
    output: Text | None = None
    """Where the notebook that was run is kept; by default beside the run."""
    kernel: Text | None = None
    """The name of the kernel; by default the notebook's own."""


class Approval(Work):
    """Waits for a person, for days if need be."""

    kind: Literal["approval"]
    message: Text
    """What the person is asked."""
    fields: dict[str, Any] | None = None
    """A JSON Schema of the answer, where more is asked than a yes."""
    expires: Seconds | None = None
    """After how many seconds nobody is waited for any more."""
    on_expiry: Literal["fail", "skip"] = "fail"
    """What becomes of the node then."""


class Wait(Work):
    """Waits for a while or until a time."""

    kind: Literal["wait"]
    seconds: Annotated[
        float | str | None,
        PlainValidator(_duration),
        WithJsonSchema({"type": ["number", "string"], "minimum": 0, "maximum": YEAR}),
    ] = None
    """How long: a number, or one reference to a number."""
    until: Annotated[str | None, PlainValidator(_moment), WithJsonSchema({"type": "string"})] = None
    """Until when, as in ``2026-01-31T08:00:00Z`` (RFC 3339); values may be referred to."""

    @model_validator(mode="after")
    def _is_one_way(self) -> Wait:
        if (self.seconds is None) == (self.until is None):
            raise ValueError("It needs either 'seconds' or 'until'. Give one of them.")
        return self
