"""The kinds of nodes, and the spec they make up.

A subworkflow holds a spec and a map holds a work, so these stand in one file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    Discriminator,
    Field,
    PlainValidator,
    Strict,
    StringConstraints,
    Tag,
    WithJsonSchema,
)

from jupyter_mcp.toolsets.workflows.spec import references
from jupyter_mcp.toolsets.workflows.spec.models.parts import Id, Line, Model, Node, Work
from jupyter_mcp.toolsets.workflows.spec.models.works import (
    Action,
    Analysis,
    Approval,
    Decision,
    Notebook,
    Notice,
    Notification,
    Processing,
    Wait,
)

MOST_NODES = 500
MOST_NOTICES = 20
RESERVED = ("parameters", "nodes", "workflow", "input", "output")
SEMVER = r"^\d{1,9}\.\d{1,9}\.\d{1,9}(-[0-9A-Za-z.-]{1,64})?(\+[0-9A-Za-z.-]{1,64})?$"


def _which(value: Any) -> str:
    return "named" if isinstance(value, str) else "inline"


def _over(value: Any) -> Any:
    if isinstance(value, list) or (isinstance(value, str) and references.is_reference(value)):
        return value
    raise ValueError("This has to be a list or one reference, such as '${parameters.files}'.")


def _item_name(value: Any) -> str:
    if isinstance(value, str) and value.isidentifier() and value.isascii():
        if value not in RESERVED:
            return value
        raise ValueError(f"'{value}' means something else here. Choose another name.")
    raise ValueError("This has to be a name of letters, digits and '_'.")


class Subworkflow(Work):
    """Runs another workflow; its output is that of the other's nodes, by their ids."""

    kind: Literal["subworkflow"]
    workflow: Annotated[
        Annotated[Spec, Tag("inline")] | Annotated[Line, Tag("named")], Discriminator(_which)
    ]
    """A spec, or a template as ``name@version``."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """The other workflow's parameters."""


AnyWork = Annotated[
    Action | Processing | Analysis | Notification | Notebook | Approval | Subworkflow | Wait,
    Field(discriminator="kind"),
]
"""What a map can repeat."""


class Map(Work):
    """Does the same for each element of a list; its output is the list of results."""

    kind: Literal["map"]
    over: Annotated[
        list[Any] | str, PlainValidator(_over), WithJsonSchema({"type": ["array", "string"]})
    ]
    """The list, or one reference to it."""
    item_name: Annotated[
        str,
        PlainValidator(_item_name),
        WithJsonSchema({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}),
        Field(alias="as"),
    ] = "item"
    """What an element is called in ``${…}`` and in expressions."""
    node: AnyWork
    """What is done for each: a node without id and needs."""
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    """How many are done at once."""


class ActionNode(Action, Node):
    """A node that calls a tool, with the scopes of the run's owner."""


class ProcessingNode(Processing, Node):
    """A node that makes a value of others."""


class AnalysisNode(Analysis, Node):
    """A node that looks at values or code and says what is outside of its limits."""


class DecisionNode(Decision, Node):
    """A node that chooses which nodes run."""


class NotificationNode(Notification, Node):
    """A node that tells somebody."""


class NotebookNode(Notebook, Node):
    """A node that runs a notebook with parameters."""


class ApprovalNode(Approval, Node):
    """A node that waits for a person."""


class MapNode(Map, Node):
    """A node that does the same for each element of a list."""


class SubworkflowNode(Subworkflow, Node):
    """A node that runs another workflow."""


class WaitNode(Wait, Node):
    """A node that waits for a while or until a time."""


AnyNode = Annotated[
    ActionNode
    | ProcessingNode
    | AnalysisNode
    | DecisionNode
    | NotificationNode
    | NotebookNode
    | ApprovalNode
    | MapNode
    | SubworkflowNode
    | WaitNode,
    Field(discriminator="kind"),
]


class Spec(Model):
    """A workflow: nodes, what they need of each other, and the parameters of all."""

    name: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f@/\\]{1,128}$")]
    """What the workflow is called."""
    version: Annotated[str, StringConstraints(pattern=SEMVER)] | None = None
    """Its version, as in ``1.0.0`` (semver)."""
    description: str | None = None
    """What it is for."""
    parameters: dict[str, Any] | None = None
    """A JSON Schema (2020-12) of an object: what a run is started with."""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """Whether runs start before or after others; higher is sooner."""
    nodes: Annotated[tuple[AnyNode, ...], Strict(False), Field(min_length=1, max_length=MOST_NODES)]
    """What is done."""
    on_failure: Literal["compensate", "stop"] = "compensate"
    """Whether a failure takes back what was done before, in reverse order, or only stops."""
    notify: Annotated[tuple[Notice, ...], Strict(False), Field(max_length=MOST_NOTICES)] = ()
    """Who is told when a run has ended. As of `on_failure`, the outermost workflow's counts."""

    @property
    def notices(self) -> Iterator[tuple[str, Notice]]:
        """What is sent at the end, by the names of its records."""
        return ((f"notify[{index}]", each) for index, each in enumerate(self.notify))

    def node(self, node_id: Id) -> AnyNode:
        """Return a node.

        Raises:
            KeyError: There is no such node.
        """
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)


def _by_kind(models: Any) -> dict[str, type[Work]]:
    union = get_args(models)[0]
    return {get_args(each.model_fields["kind"].annotation)[0]: each for each in get_args(union)}


NODES = _by_kind(AnyNode)
"""The models of nodes by kind."""
WORKS = _by_kind(AnyWork)
"""The models of what a map can repeat, by kind."""
KINDS = tuple(NODES)

for _model in (Subworkflow, Map, MapNode, SubworkflowNode, Spec):
    _model.model_rebuild()
