"""The tree of an expression, as the CEL library itself parsed it.

The library gives its tree only as bytes (``cel.expr.CheckedExpr``, https://github.com/google/cel-spec,
``proto/cel/expr/syntax.proto``) and brings no Python classes for them, so the few fields that are
needed are read here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that stands in the expression; text is kept, of others only that they are there."""

    text: str | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """A part by its name: ``operand.part``; with `has`, only whether it is there."""

    operand: Tree
    part: str
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A call of a function or an operator, the target of a method being its first argument."""

    name: str
    arguments: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list, or the keys and values of a map."""

    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """What a macro becomes: it goes through `over` and makes a result of each step."""

    variables: tuple[str, ...]
    over: Tree
    result_name: str
    start: Tree
    condition: Tree
    step: Tree
    result: Tree


Tree = Constant | Name | Select | Function | Items | Loop
Path = tuple[str | int, ...]


def read(serialized: bytes) -> Tree:
    """Return the tree of a checked expression as the library serialises it.

    Raises:
        ValueError: These bytes are something else.
    """
    try:
        checked = _Message(_Message(serialized).raw(2))
        return _tree(checked.raw(4))
    except (IndexError, UnicodeError, RecursionError) as error:
        raise ValueError("The expression cannot be read back.") from error


def paths(tree: Tree) -> frozenset[Path]:
    """Return the longest paths of names and positions that a tree asks of its variables."""
    return frozenset(_paths(tree, frozenset()))


def path_of(tree: Tree) -> Path | None:
    """Return the path that a tree is, such as ``nodes.load.output``; None for anything else."""
    if isinstance(tree, Name):
        return (tree.name,)
    if isinstance(tree, Select):
        before = path_of(tree.operand)
        return None if before is None else (*before, tree.part)
    if isinstance(tree, Function) and tree.name == "_[_]":
        before, key = path_of(tree.arguments[0]), tree.arguments[1]
        if before is not None and isinstance(key, Constant):
            step = key.number if key.text is None else key.text
            return None if step is None else (*before, step)
    return None


def tested(tree: Tree) -> frozenset[Path]:
    """Return the paths of which `has` asks whether they are there."""
    own = path_of(tree) if isinstance(tree, Select) and tree.is_test else None
    inner = frozenset[Path]().union(*map(tested, _inner(tree)))
    return inner if own is None else inner | {own}


def has_loops(tree: Tree) -> bool:
    """Return whether there is a macro in it that goes through elements."""
    return isinstance(tree, Loop) or any(map(has_loops, _inner(tree)))


def _paths(tree: Tree, bound: frozenset[str]) -> Iterator[Path]:
    path = path_of(tree)
    if path is not None:
        if path[0] not in bound:
            yield path
        return
    if isinstance(tree, Loop):
        yield from _paths(tree.over, bound)
        yield from _paths(tree.start, bound)
        inside = bound | {*tree.variables, tree.result_name}
        for inner in (tree.condition, tree.step, tree.result):
            yield from _paths(inner, inside)
        return
    for inner in _inner(tree):
        yield from _paths(inner, bound)


def _inner(tree: Tree) -> tuple[Tree, ...]:
    if isinstance(tree, Select):
        return (tree.operand,)
    if isinstance(tree, Function):
        return tree.arguments
    if isinstance(tree, Items):
        return tree.items
    if isinstance(tree, Loop):
        return (tree.over, tree.start, tree.condition, tree.step, tree.result)
    return ()


def _tree(data: bytes) -> Tree:
    expression = _Message(data)
    for number, read_kind in _KINDS.items():
        if number in expression.fields:
            return read_kind(_Message(expression.raw(number)))
    return Constant()


def _constant(message: _Message) -> Tree:
    number, text = (each if each in message.fields else None for each in _CONSTANTS)
    return Constant(
        None if text is None else message.text(text),
        None if number is None else message.signed(number),
    )


def _select(message: _Message) -> Tree:
    return Select(_tree(message.raw(1)), message.text(2), bool(message.number(3)))


def _call(message: _Message) -> Tree:
    target = [_tree(message.raw(1))] if 1 in message.fields else []
    return Function(message.text(2), (*target, *map(_tree, message.all(3))))


def _struct(message: _Message) -> Tree:
    entries = [_Message(entry) for entry in message.all(2)]
    found = [_tree(entry.raw(n)) for entry in entries for n in (3, 4) if n in entry.fields]
    return Items(tuple(found))


def _loop(message: _Message) -> Tree:
    names = tuple(message.text(number) for number in (1, 8) if number in message.fields)
    over, start, condition, step, result = (_tree(message.raw(n)) for n in (2, 4, 5, 6, 7))
    return Loop(names, over, message.text(3), start, condition, step, result)


_CONSTANTS = (3, 6)
"""The fields of a whole number and of a text."""

_KINDS = {
    3: _constant,
    4: lambda message: Name(message.text(1)),
    5: _select,
    6: _call,
    7: lambda message: Items(tuple(map(_tree, message.all(1)))),
    8: _struct,
    9: _loop,
}


@dataclass(slots=True)
class _Message:
    """The fields of a message in the wire format of protocol buffers, by number."""

    data: bytes
    fields: dict[int, list[bytes | int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        at = 0
        while at < len(self.data):
            tag, at = self._varint(at)
            value: bytes | int
            if tag & 7 == 0:
                value, at = self._varint(at)
            elif tag & 7 == 2:  # noqa: PLR2004 - wire type of bytes
                size, at = self._varint(at)
                value, at = self.data[at : at + size], at + size
            else:
                size = 8 if tag & 7 == 1 else 4
                value, at = self.data[at : at + size], at + size
            self.fields.setdefault(tag >> 3, []).append(value)

    def raw(self, number: int) -> bytes:
        """Return the last bytes of a field; none where it is missing."""
        value = self.fields.get(number, [b""])[-1]
        return value if isinstance(value, bytes) else b""

    def all(self, number: int) -> list[bytes]:
        """Return all bytes of a field."""
        return [value for value in self.fields.get(number, []) if isinstance(value, bytes)]

    def text(self, number: int) -> str:
        """Return the text of a field."""
        return self.raw(number).decode()

    def number(self, number: int) -> int:
        """Return the number of a field."""
        value = self.fields.get(number, [0])[-1]
        return value if isinstance(value, int) else 0

    def signed(self, number: int) -> int:
        """Return the number of a field that may be below zero."""
        value = self.number(number)
        return value - (1 << 64) if value >= 1 << 63 else value

    def _varint(self, at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = self.data[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:  # noqa: PLR2004 - the last byte of a number
                return value, at
