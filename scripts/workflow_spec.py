"""The reference of workflow specs, for `reference.py`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from jupyter_mcp.toolsets.workflows.spec.models import NODES
from jupyter_mcp.toolsets.workflows.spec.models.parts import Work
from jupyter_mcp.toolsets.workflows.spec.schema import json_schema

MOST_SHOWN = 3
HEAD = """\
A workflow is YAML or JSON in this form; its [JSON Schema](workflow-spec.schema.json) is for
editors. YAML is read as its version 1.2 means it: `yes` and dates are text, there are no tags.

```yaml
name: sales
parameters:
  type: object
  properties:
    path: {type: string}
  required: [path]
nodes:
  - id: load
    kind: action
    tool: file_read
    arguments: {path: "${parameters.path}"}
  - id: is_long
    kind: processing
    input: ${nodes.load.output}
    expression: size(input.text) > 1000
  - id: tell
    kind: notification
    channel: panel
    body: "${parameters.path} is long: ${nodes.is_long.output}"
```

## Values

`${parameters.x}`, `${nodes.ID.output.rows.0.name}`, `${nodes.ID.status}`, `${workflow.id}` and,
in a map, `${item}` are put in where they stand. Text that is one reference becomes the value
itself with its type; in other text the value is put in, as JSON where it is no text. A name
with other characters is written as `${parameters["a name"]}`. `$${` is the text `${`.
References compute nothing.

A node that refers to another needs it, without saying so in `needs`.

In `notify` there are also `${workflow.status}` and `${workflow.error.message}`, with `code`,
`remedy` and `node` beside it, which are empty when the run has succeeded. What is missing there is
null.

## Expressions

Expressions are [CEL](https://cel.dev), the Common Expression Language, with its standard
functions and no others. They know `parameters`, `nodes`, `workflow`, in a map the element by
its name, in `processing` and in rules also `input`, and in rules `output`. Whole numbers and
others are not mixed: `double(input.n) * 1.5`. An expression goes round at most 10,000 times and
writes at most 128 MiB, which is a `map` or `filter` of about 2,800 elements; more is for
Python.

"""


def schema() -> str:
    """Return the published JSON Schema."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False)


def page() -> str:
    """Return the page without its title."""
    definitions = json_schema()["$defs"]
    lines = ["## The workflow", "", *_fields(definitions["Spec"], ()), "", "## Every node", ""]
    every = {**definitions["WaitNode"]["properties"], "kind": {"enum": list(NODES)}}
    order = ["id", "kind", "title", "needs", "when", *Work.model_fields]
    node = {"required": ["id", "kind"], "properties": {name: every[name] for name in order}}
    lines += [*_fields(node, ()), ""]
    for kind, model in NODES.items():
        told = definitions[model.__name__]["description"]
        lines += [f"## `{kind}`", "", told, "", *_fields(definitions[model.__name__], order), ""]
    for name in ("Retry", "Compensation", "Rule", "Threshold", "Branch", "Otherwise", "Notice"):
        told = definitions[name]["description"]
        lines += [f"## {name}", "", told, "", *_fields(definitions[name], ()), ""]
    return HEAD + "\n".join(lines)


def _fields(schema: dict[str, Any], without: Collection[str]) -> Iterator[str]:
    required = schema.get("required", ())
    yield "| field | type | default | |"
    yield "| --- | --- | --- | --- |"
    for name, each in schema["properties"].items():
        if name in without:
            continue
        default = "required" if name in required else _default(each)
        yield f"| `{name}` | {_type(each)} | {default} | {_cell(each)} |"


def _default(schema: dict[str, Any]) -> str:
    value = schema.get("default")
    return "" if value in (None, [], {}) or isinstance(value, dict) else f"`{json.dumps(value)}`"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return "workflow" if name == "Spec" else f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            found = [_type(each) for each in schema[key] if each.get("type") != "null"]
            return "node" if len(found) > MOST_SHOWN else " \\| ".join(dict.fromkeys(found))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if values := schema.get("enum"):
        return " \\| ".join(f"`{value}`" for value in values)
    named = schema.get("type", "any")
    return named if isinstance(named, str) else " \\| ".join(named)


def _cell(schema: dict[str, Any]) -> str:
    return " ".join(str(schema.get("description", "")).replace("|", "\\|").split())
