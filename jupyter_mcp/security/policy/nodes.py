"""Reads YAML as nodes that know their line, and says what is wrong with them.

Nothing is built but texts, numbers and truth values: no tags, no aliases, no merge keys. Every
mistake is collected with its line and with what is allowed instead; the reader goes on, so that one
look shows them all.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp.errors import ToolError

LARGEST = 1 << 20
"""Bytes of the largest policy file: thousands of rules fit."""

SHOWN = 80
LISTED = 12
NEAR = 128
_STR, _BOOL, _NULL = (f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "null"))
_NUMBERS = tuple(f"tag:yaml.org,2002:{name}" for name in ("int", "float"))


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something that is wrong with a policy.

    Args:
        line: The line, from 1 on.
        message: What is wrong.
        allowed: What is allowed there.
    """

    line: int
    message: str
    allowed: str = ""


@dataclass(slots=True)
class Nodes:
    """Reads the nodes of one file.

    Args:
        file: The file's name, for messages.
        mistakes: What was wrong so far.
        warnings: What may be a mistake.
    """

    file: str
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def wrong(self, line: int, message: str, allowed: str = "") -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(line, message, allowed))

    def raise_mistakes(self) -> None:
        """Raise what was wrong, if anything was.

        Raises:
            ToolError: ``invalid_policy``, with the first mistake and all of them in its data.
        """
        if not self.mistakes:
            return
        found = sorted(self.mistakes, key=lambda mistake: mistake.line)
        first, more = found[0], len(found) - 1
        also = f" ({more} more in the file)" if more else ""
        raise ToolError(
            "invalid_policy",
            f"{self.file}:{first.line}: {first.message}{also}",
            first.allowed,
            data={
                "file": self.file,
                "line": first.line,
                "problems": [f"{self.file}:{m.line}: {m.message} {m.allowed}" for m in found],
            },
        )

    def root(self, text: str) -> Any:
        """Return the root node of a YAML document; None where it is empty or cannot be read."""
        import yaml

        try:
            return _composed(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            self.wrong(line, f"This is no valid YAML: {error.problem or error.context}.")
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            self.wrong(line, f"This is no valid YAML: {error.reason}.")
        except (yaml.YAMLError, ValueError, OverflowError):
            self.wrong(1, "This is no valid YAML.")
        except RecursionError:
            self.wrong(1, "This is nested too deeply.")
        return None

    def mapping(self, node: Any, what: str, keys: Collection[str] | None = None) -> dict[str, Any]:
        """Return the entries of a mapping by key.

        Args:
            node: The node.
            what: What it is, for messages.
            keys: The keys that it may have; None for any.
        """
        if node is None or not self._is(node, "mapping", what, "a mapping, as in 'key: value'"):
            return {}
        found: dict[str, Any] = {}
        for key_node, value in node.value:
            key = self.text(key_node, f"a key of {what}")
            if key is None:
                continue
            if keys is not None and key not in keys:
                self.unknown(line_of(key_node), f"key of {what}", key, keys)
            elif key in found:
                self.wrong(line_of(key_node), f"The key '{shown(key)}' of {what} is there twice.")
            else:
                found[key] = value
        return found

    def sequence(self, node: Any, what: str) -> list[Any]:
        """Return the entries of a list."""
        if node is None or not self._is(node, "sequence", what, "a list, with '- ' before each"):
            return []
        return list(node.value)

    def text(self, node: Any, what: str) -> str | None:
        """Return a text; None where it is something else."""
        if node.id == "scalar" and node.tag == _STR and _is_text(node.value):
            return str(node.value)
        hint = " Put it in quotes." if node.id == "scalar" else ""
        self.wrong(line_of(node), f"{_upper(what)} has to be text.{hint}")
        return None

    def texts(self, node: Any, what: str) -> list[tuple[int, str]]:
        """Return one text or a list of them, with their lines."""
        nodes = node.value if node.id == "sequence" else [node]
        if not nodes:
            self.wrong(line_of(node), f"{_upper(what)} is an empty list.", "Leave it out for all.")
        found = ((line_of(each), self.text(each, what)) for each in nodes)
        return [(line, text) for line, text in found if text is not None]

    def truth(self, node: Any, what: str) -> bool | None:
        """Return true or false."""
        if node.id == "scalar" and node.tag == _BOOL:
            return str(node.value).lower() in {"true", "yes", "on"}
        self.wrong(line_of(node), f"{_upper(what)} has to be true or false.")
        return None

    def scalar(self, node: Any, what: str) -> Any:
        """Return a text, number, truth value or null."""
        if node.id == "scalar" and node.tag == _NULL:
            return None
        if node.id == "scalar" and node.tag == _BOOL:
            return self.truth(node, what)
        if node.id == "scalar" and node.tag in _NUMBERS:
            return self._number(node, what)
        return self.text(node, what)

    def one_of(self, line: int, what: str, name: str, names: Collection[str]) -> bool:
        """Note a mistake where `name` is none of `names`."""
        if name in names:
            return True
        self.unknown(line, what, name, names)
        return False

    def unknown(self, line: int, what: str, name: str, names: Iterable[str]) -> None:
        """Note an unknown name, with what is allowed."""
        known = sorted(names)
        near = difflib.get_close_matches(name[:NEAR], known, n=3)
        if len(known) <= LISTED:
            allowed = f"Allowed: {', '.join(known)}." if known else "None is allowed here."
        elif near:
            allowed = f"Did you mean {' or '.join(near)}?"
        else:
            allowed = f"Allowed, among others: {', '.join(known[:LISTED])}."
        self.wrong(line, f"There is no {what} '{shown(name)}'.", allowed)

    def _number(self, node: Any, what: str) -> Any:
        from yaml.constructor import SafeConstructor

        try:
            return SafeConstructor().construct_object(node)
        except (ValueError, OverflowError):
            self.wrong(line_of(node), f"{_upper(what)} is no number.", "Put it in quotes.")
            return None

    def _is(self, node: Any, kind: str, what: str, told: str) -> bool:
        if node.id == kind:
            return True
        self.wrong(line_of(node), f"{_upper(what)} has to be {told}.")
        return False


def line_of(node: Any) -> int:
    """Return the line of a node, from 1 on."""
    return int(node.start_mark.line) + 1


def shown(text: str, most: int = SHOWN) -> str:
    """Return a text from a file as a message can show it."""
    return text[:most].encode("utf-8", "backslashreplace").decode()


def _composed(text: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses aliases: a few of them unfold to more than any memory holds."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
                raise yaml.composer.ComposerError(None, None, "aliases are not read here", mark)
            return super().compose_node(parent, index)

    loader = Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _is_text(value: Any) -> bool:
    """Return whether a text can be written anywhere: half a surrogate pair cannot."""
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
