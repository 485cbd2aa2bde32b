"""Code that is no Python, for any Python: what only a newer one takes is left to the run."""

from __future__ import annotations

import threading
import warnings

import pytest

from jupyter_mcp.toolsets.workflows.spec.python import LONGEST, syntax_error
from jupyter_mcp.toolsets.workflows.spec.quiet import quiet


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("x = (1", "'(' was never closed (line 1 of it)"),
        ("if x:\npass", "expected an indented block after 'if' statement on line 1 (line 2 of it)"),
        ("x = f(1", "'(' was never closed (line 1 of it)"),
        ("a\0b", "source code string cannot contain null bytes"),
    ],
)
def test_what_no_python_takes_is_told(code: str, told: str) -> None:
    assert syntax_error(code) == told


@pytest.mark.parametrize(
    "code",
    [
        "x = [1, 2]",
        "x = '\\d'",
        "f'{x['a']}'",
        'f"""\na {\'\\n\'.join(x)} b\n"""',
        "f'''\na {x['x']} {'''z'''}\n'''",
        'f"""\n{x  # why\n}"""',
        "def one[T](x: T) -> T: ...",
        "import os; type X = int",
        "try:\n    x\nexcept A, B:\n    y",
        "x = [\n    *y\n    for y in z\n]",
        "class Run[T]: ...",
        "name = t'{input}'",
        "lazy import json",
        "name = f'{\n1}'",
        "y = 1 # \x0c\ntype X = int",
        "x = (" + "1," * LONGEST,
    ],
)
def test_what_some_python_takes_is_left_to_the_run(code: str) -> None:
    assert syntax_error(code) == ""


def test_threads_that_are_quiet_at_once_leave_the_filters_as_they_were() -> None:
    before = list(warnings.filters)
    first, second = threading.Event(), threading.Event()

    def work() -> None:
        with quiet():
            first.set()
            assert second.wait(30)

    one = threading.Thread(target=work)
    one.start()
    assert first.wait(30)
    others = [threading.Thread(target=syntax_error, args=("x = 1",)) for _ in range(3)]
    for each in others:
        each.start()
    second.set()
    for each in [one, *others]:
        each.join(30)
    assert list(warnings.filters) == before
