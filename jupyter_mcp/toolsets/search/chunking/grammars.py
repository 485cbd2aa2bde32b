"""Finds definitions with the grammars of the extra ``search-languages``; without it, nothing does.

The packages that load their grammars from the net at first use are of no use here: search works
offline.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from typing import TYPE_CHECKING

from jupyter_mcp.toolsets.search.chunking.definitions import Definition, signature
from jupyter_mcp.toolsets.search.chunking.lines import Lines

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_PARSED = frozenset(
    """
    bash c cpp csharp dart elixir erlang fortran go groovy haskell java javascript julia kotlin lua
    objc ocaml perl php powershell proto r ruby rust scala solidity swift typescript zig
    """.split()  # noqa: SIM905 - a list of words reads better than one of strings
)
_BOXES = frozenset(
    """
    actor_declaration category_implementation class class_declaration class_definition
    class_implementation class_interface class_specifier contract_declaration enum_declaration
    extension_declaration extension_definition impl_item implementation_definition
    interface_declaration internal_module library_declaration mixin_declaration mod_item module
    module_definition namespace_declaration namespace_definition object_declaration
    object_definition package_definition protocol_declaration record_declaration service
    struct_declaration struct_specifier trait_declaration trait_definition trait_item
    """.split()  # noqa: SIM905
)
_LEAVES = frozenset(
    """
    abstract_class_declaration constructor_declaration constructor_definition enum enum_item
    enum_specifier function function_declaration function_definition function_item
    function_statement generator_function_declaration macro_definition message method
    method_declaration method_definition rpc secondary_constructor signature singleton_method
    struct_definition struct_item subroutine subroutine_declaration_statement type_alias_declaration
    type_declaration type_definition type_item type_spec union_item value_definition
    """.split()  # noqa: SIM905
)
_FUNCTIONS = frozenset({"arrow_function", "function_expression", "function"})
_RECEIVER = re.compile(r"(\w+)(?:\[[^\]]*\])?\s*\)?\Z")
_LONGEST = 120
_DEEPEST = 60
_MOST = 500_000
"""Characters of a file that is parsed; a longer one is data and would keep a process busy."""


def found_by_grammar(language: str, lines: Lines) -> list[Definition] | None:
    """Find what is defined in a file; None when that cannot be done here.

    Args:
        language: Its language.
        lines: Its lines.
    """
    if language not in _PARSED or len(lines.text) > _MOST or "\r" in lines.text:
        return None
    parser = _parser(language)
    if parser is None:
        return None
    tree = parser.parse(lines.text.encode("utf-8", "replace"))
    return _inside(tree.root_node, lines, 0) or None


@cache
def _parser(language: str) -> Parser | None:
    """Return the parser of a language; None without the extra or on a platform that it lacks."""
    try:
        found: Parser = importlib.import_module("semble_grammars").get_parser(language)
    except Exception:  # noqa: BLE001 - a grammar that does not load is one that is not there
        return None
    return found


def _inside(node: Node, lines: Lines, depth: int) -> list[Definition]:
    if depth > _DEEPEST:
        return []
    found: list[Definition] = []
    for child in node.named_children:
        is_box = child.type in _BOXES
        name = _name(child) if is_box or child.type in _LEAVES else _function_value(child)
        if not name:
            if child.named_child_count:
                found += _inside(child, lines, depth + 1)
            continue
        line, end = child.start_point[0] + 1, child.end_point[0] + 1
        if end > line and child.end_point[1] == 0:
            end -= 1
        inside = _inside(child, lines, depth + 1) if is_box else []
        found.append(Definition(line, end, name, signature(lines, line, line), inside))
    return found


def _name(node: Node) -> str:
    """Return what a node defines; nothing when it only mentions something."""
    at: Node = node
    for _ in range(6):  # in C the name is inside of what it is declared as
        found = at.child_by_field_name("name") or at.child_by_field_name("declarator")
        if found is None and at is node and node.type == "impl_item":
            found = node.child_by_field_name("type")
        if found is None:
            break
        at = found
    name = "" if at is node else _text(at)
    receiver = node.child_by_field_name("receiver")
    if name and receiver is not None and (of := _RECEIVER.search(_text(receiver))):
        return f"{of[1]}.{name}"
    return name


def _function_value(node: Node) -> str:
    """Return the name that a declaration gives to a function without one, as in JavaScript."""
    if node.type not in {"lexical_declaration", "variable_declaration"}:
        return ""
    for child in node.named_children:
        value = child.child_by_field_name("value")
        if value is not None and value.type in _FUNCTIONS:
            return _name(child)
    return ""


def _text(node: Node) -> str:
    told = (node.text or b"").decode("utf-8", "replace")
    return told if len(told) <= _LONGEST and "\n" not in told else ""
