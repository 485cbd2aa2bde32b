"""A notebook as a workflow: its tagged cells become nodes.

- ``parameters`` (papermill's tag): each assignment of a literal is a parameter with that default.
- ``workflow``: a raw cell with YAML: what a workflow has besides its nodes, such as ``notify``.
- ``node:ID``: the cell is a node. A code cell is a processing node that runs in a kernel as cells
  do: parameters and the results of what it needs are variables, and the value of its last line,
  which has to be JSON data, is its result. A cell that defines ``run(input)`` is taken as it is.
- ``kind:KIND``: the kind; then the cell is a raw one, and its YAML holds the node's fields.
- ``needs:ID``, once for each: without it a node needs the one before it, ``needs:`` is for none.

Other cells are text. A heading right before a node is its title.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp.toolsets.workflows.spec import texts
from jupyter_mcp.toolsets.workflows.spec.models import KINDS, Spec
from jupyter_mcp.toolsets.workflows.spec.problems import Problem, refuse
from jupyter_mcp.toolsets.workflows.spec.quiet import quiet
from jupyter_mcp.toolsets.workflows.spec.references import nearest
from jupyter_mcp.toolsets.workflows.spec.schemas import problems_of, type_of
from jupyter_mcp.toolsets.workflows.spec.validating import validate

KERNEL = "${parameters.kernel_id}"
HEAD = tuple(name for name in Spec.model_fields if name != "nodes")

_MAGIC = re.compile(r"^\s*[%!]", re.MULTILINE)
_TEMPLATE = """\
_CELL = {source!r}


def run(input):
    import ast

    space = globals()
    space.update(input)
    tree = ast.parse(_CELL)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, {name!r}, "exec"), space)
    if last is not None:
        return eval(compile(ast.Expression(last.value), {name!r}, "eval"), space)
"""


def from_notebook(
    notebook: str | Mapping[str, Any],
    name: str = "notebook",
    *,
    kernel_id: str | None = None,
    sandbox_id: str | None = None,
) -> Spec:
    """Return the workflow that the tagged cells of a notebook describe.

    Args:
        notebook: The notebook's JSON, as text or data.
        name: What the workflow is called unless the notebook says it.
        kernel_id: The kernel in which code runs; without it and `sandbox_id` it is a parameter of
            that name.
        sandbox_id: The sandbox in which it runs.

    Raises:
        ToolError: ``invalid_arguments``; all that is wrong is in the data's ``problems``.
    """
    places = {"kernel_id": kernel_id, "sandbox_id": sandbox_id}
    where = {key: value for key, value in places.items() if value}
    reading = _Reading(name, where or {"kernel_id": KERNEL})
    for index, cell in enumerate(_cells(notebook)):
        reading.take(index, cell)
    if not reading.nodes and not reading.problems:
        told = "No cell of the notebook is a node."
        reading.problems.append(Problem("", told, "Give cells tags such as 'node:load'."))
    if reading.problems:
        refuse(reading.problems)
    spec, problems = validate(reading.data())
    if spec is None:
        refuse([reading.told(problem) for problem in problems])
    return spec


def _cells(notebook: str | Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    import nbformat

    try:
        with quiet():  # cells without ids are no matter here
            if isinstance(notebook, str):
                found: Any = nbformat.reads(notebook, as_version=4)  # type: ignore[no-untyped-call]
            else:
                found = nbformat.from_dict(dict(notebook))  # type: ignore[no-untyped-call]
                found = nbformat.convert(found, 4)  # type: ignore[no-untyped-call]
        cells: Sequence[Mapping[str, Any]] = found["cells"]
    except Exception:  # noqa: BLE001 - nbformat raises what it happens on
        refuse([Problem("", "This is no notebook.", "Give the JSON of an .ipynb file.")])
    return cells


@dataclass(slots=True)
class _Reading:
    """Goes through the cells.

    Args:
        name: The workflow's name unless the notebook says it.
        where: Where code runs.
    """

    name: str
    where: Mapping[str, str]
    head: dict[str, Any] = field(default_factory=dict)
    declared: dict[str, Any] = field(default_factory=dict)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    cells_of_code: set[str] = field(default_factory=set)
    title: str = ""

    def take(self, index: int, cell: Mapping[str, Any]) -> None:
        """Take a cell into account."""
        tags = [str(tag) for tag in cell.get("metadata", {}).get("tags", [])]
        source = cell.get("source", "")
        text = source if isinstance(source, str) else "".join(map(str, source))
        kind = str(cell.get("cell_type", ""))
        if "parameters" in tags and kind == "code":
            self.declared |= _assigned(text)
        elif "workflow" in tags:
            self._take_head(index, text)
        elif ids := _tagged(tags, "node"):
            self._take_node(index, ids[0], tags, kind, text)
        self.title = _heading(text) if kind == "markdown" else ""

    def data(self) -> dict[str, Any]:
        """Return the spec as data."""
        schema = self.head.get("parameters") or {"type": "object"}
        properties = {**self.declared, **schema.get("properties", {})}
        required = list(schema.get("required", []))
        if any(node.get("kernel_id") == KERNEL for node in self.nodes):
            properties.setdefault(
                "kernel_id", {"type": "string", "description": "The kernel in which cells run."}
            )
            required += [] if "kernel_id" in required else ["kernel_id"]
        schema = {**schema, "properties": properties, "required": required}
        nodes = [self._with_input(node, list(properties)) for node in self.nodes]
        head = {"name": self.name, **self.head}
        return {**head, "parameters": schema if properties else None, "nodes": nodes}

    def told(self, problem: Problem) -> Problem:
        """Return a problem with the cell in which it stands."""
        found = re.match(r"nodes\[(\d+)\]", problem.place)
        if found is None or int(found[1]) >= len(self.cells):
            return problem
        place = f"cell {self.cells[int(found[1])] + 1}, {problem.place}"
        return Problem(place, problem.message, problem.remedy)

    def _take_head(self, index: int, text: str) -> None:
        data = self._yaml(index, text)
        for key in data:
            if key not in HEAD:
                told = f"There is no field '{key}' in a workflow's head."
                self.problems.append(Problem(f"cell {index + 1}", told, nearest(key, HEAD)))
        schema = data.get("parameters", {})
        if problems_of(schema) if isinstance(schema, Mapping) else schema is not None:
            told, remedy = (
                "These parameters are no JSON Schema of an object.",
                "Write 'type: object'.",
            )
            self.problems.append(Problem(f"cell {index + 1}, parameters", told, remedy))
        self.head |= {key: value for key, value in data.items() if key in HEAD}

    def _take_node(self, index: int, node: str, tags: list[str], cell: str, text: str) -> None:
        kind = (_tagged(tags, "kind") or ["processing"])[0]
        made: dict[str, Any] = {"id": node, "kind": kind}
        if self.title:
            made["title"] = self.title[:300]
        needs = _tagged(tags, "needs")
        before = [self.nodes[-1]["id"]] if self.nodes else []
        made["needs"] = [need for need in needs if need] if needs else before
        if cell == "code":
            self.cells_of_code.add(node)
            made |= self._code(index, node, kind, text)
        elif cell == "raw":
            fields = self._yaml(index, text)
            if not needs and "needs" in fields:
                del made["needs"]
            made = {**fields, **made}
        else:
            told = "A node is a code cell or a raw cell with YAML."
            self.problems.append(Problem(f"cell {index + 1}", told, "Change the cell's type."))
        self.nodes.append(made)
        self.cells.append(index)

    def _code(self, index: int, node: str, kind: str, text: str) -> dict[str, Any]:
        place = f"cell {index + 1}"
        if kind != "processing":
            told = f"A code cell cannot be of the kind '{kind}'."
            if kind not in KINDS:
                told = f"There is no kind '{kind}'."
            remedy = "Take out the tag, or write the fields as YAML in a raw cell."
            self.problems.append(Problem(place, told, remedy))
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError) as error:
            magic = _MAGIC.search(text)
            told = "A node can hold no magics." if magic else f"This is no Python: {error}."
            self.problems.append(Problem(place, told, "Write it as Python."))
            return {}
        names = [each.name for each in tree.body if isinstance(each, ast.FunctionDef)]
        code = text if "run" in names else _TEMPLATE.format(source=text, name=f"<node {node}>")
        return {"code": code, **self.where}

    def _with_input(self, node: dict[str, Any], parameters: Sequence[str]) -> dict[str, Any]:
        if node["id"] not in self.cells_of_code or not isinstance(node["needs"], list):
            return node
        given = {name: f"${{parameters.{name}}}" for name in parameters if name.isidentifier()}
        given.pop("kernel_id", None)
        given |= {_variable(need): f"${{nodes.{need}.output}}" for need in node["needs"]}
        return {**node, "input": given}

    def _yaml(self, index: int, text: str) -> dict[str, Any]:
        found = texts.read(text)
        place = f"cell {index + 1}"
        for problem in found.problems:
            where = f"{place}, {problem.place}" if problem.place else place
            line = (problem.line, problem.column)
            self.problems.append(Problem(where, problem.message, problem.remedy, *line))
        if found.problems or found.data is None:
            return {}
        if isinstance(found.data, Mapping):
            return dict(found.data)
        remedy = "Write 'key: value'."
        self.problems.append(Problem(place, "This has to be a mapping.", remedy))
        return {}


def _tagged(tags: Sequence[str], name: str) -> list[str]:
    return [tag.partition(":")[2].strip() for tag in tags if tag.startswith(f"{name}:")]


def _heading(text: str) -> str:
    line = text.strip().splitlines()[-1] if text.strip() else ""
    return line.lstrip("#").strip() if line.startswith("#") else ""


def _variable(node: str) -> str:
    return node.replace("-", "_")


def _assigned(text: str) -> dict[str, Any]:
    """Return the schemas of what a cell assigns literals to."""
    return {name: _schema(value) for name, value in _literals(text)}


def _literals(text: str) -> Iterator[tuple[str, Any]]:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return
    for each in body:
        targets = each.targets if isinstance(each, ast.Assign) else []
        if isinstance(each, ast.AnnAssign) and each.value is not None:
            targets = [each.target]
        value = getattr(each, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value, ast.expr):
                try:
                    yield target.id, ast.literal_eval(value)
                except (ValueError, TypeError, RecursionError):
                    continue


def _schema(value: Any) -> dict[str, Any]:
    if value is None:
        return {"default": None}
    if isinstance(value, tuple):
        value = list(value)
    return {"type": type_of(value), "default": value}
