"""Workflows built in Python: `jupyter_mcp.Workflow` and `jupyter_mcp.step`.

    @step
    def clean(load):
        return [row for row in load["rows"] if row["price"] > 0]

    workflow = Workflow("prices", sandbox_id="s-1")
    path = workflow.parameter("path", "string")
    load = workflow.action("load", "file_read", {"path": path})
    cleaned = workflow.add(clean)
    workflow.notification("tell", "panel", f"{cleaned.output[0]} is the first.")
    workflow.to_yaml()

It only writes a spec, which is what runs: each node is checked when it is added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict, Unpack

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec import export
from jupyter_mcp.toolsets.workflows.spec.functions import Step
from jupyter_mcp.toolsets.workflows.spec.handles import Node, Reference, ids, plain
from jupyter_mcp.toolsets.workflows.spec.models import Spec
from jupyter_mcp.toolsets.workflows.spec.parsing import parse
from jupyter_mcp.toolsets.workflows.spec.references import nearest

Data = Mapping[str, Any]


class Common(TypedDict, total=False):
    """What every node may have."""

    title: str
    needs: Sequence[Node | str]
    when: str
    retry: Data
    timeout: float
    compensate: Data
    idempotency_key: Any
    resources: Sequence[str]


class Workflow:
    """A workflow that is being built.

    Args:
        name: What it is called.
        version: Its version, as in ``1.0.0``.
        description: What it is for.
        parameters: A JSON Schema of an object; `parameter` adds to it.
        priority: Whether runs start before or after others; higher is sooner.
        on_failure: Whether a failure takes back what was done (``compensate``) or only stops.
        kernel_id: The kernel in which its Python steps run.
        sandbox_id: The sandbox in which they run.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str | None = None,
        description: str | None = None,
        parameters: Data | None = None,
        priority: int = 0,
        on_failure: Literal["compensate", "stop"] = "compensate",
        kernel_id: str | Reference | None = None,
        sandbox_id: str | Reference | None = None,
    ) -> None:
        given = {"version": version, "description": description, "priority": priority}
        self._head = {"name": name, **given, "on_failure": on_failure}
        self._parameters: dict[str, Any] | None = None if parameters is None else dict(parameters)
        self._place: dict[str, Any] = {"kernel_id": kernel_id, "sandbox_id": sandbox_id}
        self._nodes: dict[str, dict[str, Any]] = {}
        self._notices: list[dict[str, Any]] = []

    def parameter(
        self,
        name: str,
        json_type: str | None = None,
        *,
        default: Any = None,
        description: str = "",
    ) -> Reference:
        """Declare a parameter; without a default it has to be given.

        Args:
            name: Its name.
            json_type: Its JSON type, such as ``string``; None for any.
            default: What it is when it is not given; None for nothing.
            description: What it is for.
        """
        schema: dict[str, Any] = {} if json_type is None else {"type": json_type}
        if description:
            schema["description"] = description
        if default is not None:
            schema["default"] = default
        found: dict[str, Any] = self._parameters or {"type": "object"}
        before: Mapping[str, Any] = found.get("properties", {})
        properties = {**before, name: schema}
        required = [*found.get("required", []), *([name] if default is None else [])]
        self._parameters = {**found, "properties": properties}
        if required:
            self._parameters["required"] = required
        return Reference("parameters", name)

    def add(self, function: Callable[..., Any] | Step, /, *given: Any, **inputs: Any) -> Node:
        """Add a Python function as a processing node.

        Its parameters are filled by what is passed here (a node stands for its output), else by
        the node or the workflow's parameter of that name.

        Args:
            function: A `step`, or a function as it is.
            given: Its arguments in order.
            inputs: Its arguments by name.

        Raises:
            ToolError: ``invalid_arguments`` for an argument that nothing gives, or a function
                whose source cannot stand alone.
        """
        made = function if isinstance(function, Step) else Step(function)
        values = self._filled(made, given, inputs)
        fields = {"input": values, "code": made.code(), **self._where(made)}
        return self.node(made.id, "processing", **{**fields, **made.fields})

    def node(self, node_id: str, kind: str, **fields: Any) -> Node:
        """Add a node of any kind with the fields that a spec has for it.

        Raises:
            ToolError: ``invalid_arguments`` when the node is not right, or its id is taken.
        """
        if node_id in self._nodes:
            raise ToolError(
                "invalid_arguments", f"There is another node '{node_id}'.", "Give each its own id."
            )
        node: dict[str, Any] = {"id": node_id, "kind": kind}
        node |= {key: plain(value) for key, value in fields.items() if value is not None}
        if "needs" in fields:
            node["needs"] = ids(fields["needs"])
        parse({"name": "new", "nodes": [node]})
        self._nodes[node_id] = node
        return Node(node_id)

    def action(
        self,
        node_id: str,
        tool: str,
        arguments: Data | None = None,
        **common: Unpack[Common],
    ) -> Node:
        """Add a call of a tool."""
        return self.node(node_id, "action", tool=tool, arguments=arguments, **common)

    def processing(
        self,
        node_id: str,
        expression: str,
        input: Any = None,  # noqa: A002 - what it is called in a spec
        *,
        rules: Sequence[Data] | None = None,
        **common: Unpack[Common],
    ) -> Node:
        """Add an expression in CEL; `add` is for Python."""
        fields = {"input": input, "expression": expression, "rules": rules}
        return self.node(node_id, "processing", **fields, **common)

    def analysis(
        self,
        node_id: str,
        method: str,
        input: Any = None,  # noqa: A002 - what it is called in a spec
        *,
        thresholds: Sequence[Data] | None = None,
        tool: str | None = None,
        arguments: Data | None = None,
        rules: Sequence[Data] | None = None,
        **common: Unpack[Common],
    ) -> Node:
        """Add a look at values or code."""
        fields = {"thresholds": thresholds, "tool": tool, "arguments": arguments, "rules": rules}
        return self.node(node_id, "analysis", method=method, input=input, **fields, **common)

    def decision(
        self,
        node_id: str,
        branches: Mapping[str, tuple[str, Sequence[Node | str]]],
        otherwise: Sequence[Node | str] | None = None,
        **common: Unpack[Common],
    ) -> Node:
        """Add a decision.

        Args:
            node_id: Its id.
            branches: By name, the expression and the nodes that run when it is true.
            otherwise: The nodes that run when none is true.
            common: What every node may have.
        """
        made = [
            {"name": name, "when": when, "next": ids(following)}
            for name, (when, following) in branches.items()
        ]
        rest = None if otherwise is None else {"next": ids(otherwise)}
        return self.node(node_id, "decision", branches=made, otherwise=rest, **common)

    def notification(
        self,
        node_id: str,
        channel: str,
        body: str,
        *,
        to: str | Reference | None = None,
        subject: str | None = None,
        **common: Unpack[Common],
    ) -> Node:
        """Add something that is told."""
        fields = {"channel": channel, "to": to, "subject": subject, "body": body}
        return self.node(node_id, "notification", **fields, **common)

    def notebook(
        self,
        node_id: str,
        path: str | Reference,
        parameters: Data | None = None,
        *,
        output: str | Reference | None = None,
        kernel: str | None = None,
        **common: Unpack[Common],
    ) -> Node:
        """Add a run of a notebook."""
        fields = {"path": path, "parameters": parameters, "output": output, "kernel": kernel}
        return self.node(node_id, "notebook", **fields, **common)

    def approval(
        self,
        node_id: str,
        message: str,
        *,
        fields: Data | None = None,
        expires: float | None = None,
        on_expiry: str | None = None,
        **common: Unpack[Common],
    ) -> Node:
        """Add a wait for a person's answer."""
        asked = {"message": message, "fields": fields, "expires": expires, "on_expiry": on_expiry}
        return self.node(node_id, "approval", **asked, **common)

    def map(
        self,
        node_id: str,
        over: Reference | Node | Sequence[Any],
        work: Step | Data,
        *,
        item: str = "item",
        concurrency: int | None = None,
        **common: Unpack[Common],
    ) -> Node:
        """Add what is done for each element of a list.

        Args:
            node_id: Its id.
            over: The list.
            work: A `step`, whose first parameter gets the element, or a node without id.
            item: What the element is called in `work`.
            concurrency: How many are done at once.
            common: What every node may have.
        """
        made: Data = self._repeated(work, item) if isinstance(work, Step) else work
        fields = {"over": over, "as": item, "node": made, "concurrency": concurrency}
        return self.node(node_id, "map", **fields, **common)

    def subworkflow(
        self,
        node_id: str,
        workflow: Workflow | Spec | Data | str,
        parameters: Data | None = None,
        **common: Unpack[Common],
    ) -> Node:
        """Add a run of another workflow, or of a template as ``name@version``."""
        inner = workflow.to_dict() if isinstance(workflow, Workflow | Spec) else workflow
        return self.node(node_id, "subworkflow", workflow=inner, parameters=parameters, **common)

    def wait(
        self,
        node_id: str,
        *,
        seconds: float | Reference | None = None,
        until: str | Reference | None = None,
        **common: Unpack[Common],
    ) -> Node:
        """Add a wait for a while or until a time."""
        return self.node(node_id, "wait", seconds=seconds, until=until, **common)

    def notify(
        self,
        channel: str,
        body: str,
        *,
        on: Sequence[str] | None = None,
        to: str | Reference | None = None,
        subject: str | None = None,
    ) -> None:
        """Say who is told when a run has ended: by default when it has not succeeded.

        Args:
            channel: How: ``event``, ``panel``, ``webhook`` or ``email``.
            body: What; ``${workflow.status}`` and ``${workflow.error.message}`` say how it ended.
            on: In which states: ``failed``, ``compensated``, ``succeeded``.
            to: The address of a web hook or mail.
            subject: The subject of the mail, the title elsewhere.
        """
        told = {"channel": channel, "to": to, "subject": subject, "body": body, "on": on}
        self._notices.append(
            {key: plain(value) for key, value in told.items() if value is not None}
        )

    def to_spec(self) -> Spec:
        """Return the spec.

        Raises:
            ToolError: ``invalid_arguments`` when it is not right.
        """
        head = {key: value for key, value in self._head.items() if value is not None}
        nodes = list(self._nodes.values())
        data = {"parameters": self._parameters, "nodes": nodes, "notify": self._notices}
        return parse({**head, **data})

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as JSON data."""
        return self.to_spec().to_dict()

    def to_yaml(self) -> str:
        """Return the spec as YAML."""
        return export.to_yaml(self.to_spec())

    def _filled(self, made: Step, given: Sequence[Any], inputs: Data) -> dict[str, Any]:
        values = made.bound(given, inputs)
        known = (self._parameters or {}).get("properties", {})
        for name in made.parameters:
            if name in values:
                continue
            if name in self._nodes:
                values[name] = Node(name)
            elif name in known:
                values[name] = Reference("parameters", name)
            elif name not in made.optional:
                raise ToolError(
                    "invalid_arguments",
                    f"Nothing gives '{name}' to the step '{made.id}'.",
                    f"Pass it to add, or name it after a node. {nearest(name, [*self._nodes])}",
                )
        return values

    def _repeated(self, made: Step, item: str) -> dict[str, Any]:
        first = made.parameters[:1]
        values = self._filled(made, (), dict.fromkeys(first, Reference(item)))
        fields = {"input": values, "code": made.code(), **self._where(made)}
        return {"kind": "processing", **fields, **made.fields}

    def _where(self, made: Step) -> dict[str, Any]:
        places = {name: value for name, value in self._place.items() if value is not None}
        if not places and not {"kernel_id", "sandbox_id"} & made.fields.keys():
            raise ToolError(
                "invalid_arguments",
                f"Nothing says where the step '{made.id}' runs.",
                "Give kernel_id or sandbox_id to the workflow or to @step.",
            )
        return {} if {"kernel_id", "sandbox_id"} & made.fields.keys() else places
