"""Python functions as steps of a workflow: their source is what is kept.

A step runs elsewhere, so its source has to stand alone: modules that it uses are imported again
there, other names of its module are refused when the workflow is built and not when it runs.
"""

from __future__ import annotations

import ast
import dis
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType, FunctionType, ModuleType
from typing import Any, overload

from jupyter_mcp.errors import ToolError


class Step:
    """A Python function that can be a node; calling it is calling the function.

    Args:
        function: The function; it takes and returns JSON data.
        node_id: The node's id; by default the function's name.
        fields: What else the node has, such as ``retry`` or ``sandbox_id``.

    Raises:
        ToolError: ``invalid_arguments`` for what is no function.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        node_id: str | None = None,
        **fields: Any,
    ) -> None:
        if not isinstance(function, FunctionType):
            raise ToolError(
                "invalid_arguments", "A step has to be a function.", "Define it by 'def'."
            )
        self._function = function
        self.id = node_id or function.__name__
        self.fields = {key: value for key, value in fields.items() if value is not None}
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self._function(*args, **kwargs)

    @property
    def parameters(self) -> list[str]:
        """The names of its parameters."""
        return list(inspect.signature(self._function).parameters)

    @property
    def optional(self) -> set[str]:
        """The names of those that have a default."""
        found = inspect.signature(self._function).parameters
        return {name for name, each in found.items() if each.default is not each.empty}

    def bound(self, given: Sequence[Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return arguments by name.

        Raises:
            ToolError: ``invalid_arguments`` when they do not fit the function.
        """
        signature = inspect.signature(self._function)
        kinds = {each.kind for each in signature.parameters.values()}
        if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
            raise self._wrong("takes any arguments", "Name them.")
        if inspect.Parameter.POSITIONAL_ONLY in kinds:
            raise self._wrong("has arguments without a name", "Take out '/'.")
        try:
            return dict(signature.bind_partial(*given, **inputs).arguments)
        except TypeError as error:
            raise self._wrong(f"cannot be called so: {error}", "") from None

    def code(self) -> str:
        """Return Python that defines ``run(input)``.

        Raises:
            ToolError: ``invalid_arguments`` when the source is not to be had or cannot stand alone.
        """
        source = self._source()
        imports = self._imports()
        name = self._function.__name__
        return f"{imports}{source}\n\n\ndef run(input):\n    return {name}(**input)\n"

    def _source(self) -> str:
        if inspect.iscoroutinefunction(self._function):
            raise self._wrong("is asynchronous", "Write it with 'def'.")
        try:
            text = textwrap.dedent(inspect.getsource(self._function))
            tree = ast.parse(text)
        except (OSError, TypeError, SyntaxError):
            told = "has no source that can be read"
            raise self._wrong(told, "Define it by 'def' in a file or a cell.") from None
        definition = tree.body[0]
        if not isinstance(definition, ast.FunctionDef):
            raise self._wrong("is no function of its own", "Define it by 'def'.")
        lines = text.splitlines()[definition.lineno - 1 : definition.end_lineno]
        return "\n".join(lines)

    def _imports(self) -> str:
        code = self._function.__code__
        known: Mapping[str, Any] = self._function.__globals__
        used = {name: known[name] for name in _global_names(code) if name in known}
        modules = {name: each for name, each in used.items() if isinstance(each, ModuleType)}
        self._refuse_names([*code.co_freevars, *(name for name in used if name not in modules)])
        lines = [
            f"import {each.__name__}" + ("" if each.__name__ == name else f" as {name}")
            for name, each in sorted(modules.items())
        ]
        return "".join(f"{line}\n" for line in lines) + ("\n\n" if lines else "")

    def _refuse_names(self, names: Any) -> None:
        others = sorted(set(names) - {self._function.__name__})
        if others:
            told = f"uses '{others[0]}', which is defined outside of it"
            raise self._wrong(told, "Define or import it inside the function.")

    def _wrong(self, what: str, remedy: str) -> ToolError:
        return ToolError("invalid_arguments", f"The step '{self.id}' {what}.", remedy)


def _global_names(code: CodeType) -> Iterator[str]:
    """Yield the global names that code uses, that of its comprehensions and functions included."""
    for each in dis.get_instructions(code):
        if each.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            yield str(each.argval)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _global_names(inner)


@overload
def step(function: Callable[..., Any], /) -> Step: ...


@overload
def step(
    *,
    node_id: str | None = None,
    **fields: Any,
) -> Callable[[Callable[..., Any]], Step]: ...


def step(
    function: Callable[..., Any] | None = None,
    /,
    *,
    node_id: str | None = None,
    **fields: Any,
) -> Step | Callable[[Callable[..., Any]], Step]:
    """Make a Python function a step that `Workflow.add` takes; use it with or without arguments.

    Args:
        function: The function; it takes and returns JSON data, and its source stands alone.
        node_id: The node's id; by default the function's name.
        fields: What else the node has, such as ``retry``, ``timeout`` or ``sandbox_id``.
    """
    if function is not None:
        return Step(function)

    def made(each: Callable[..., Any]) -> Step:
        return Step(each, node_id, **fields)

    return made
