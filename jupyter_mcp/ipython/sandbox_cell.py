"""``%%sandbox NAME [--lang sh|python]``: the cell runs in a sandbox.

It runs in a terminal there, so that its output comes as it is written, with its colours, and
Ctrl-C (the notebook's stop button) reaches it as in any terminal.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.failure import CallError

USAGE = "Write %%sandbox [NAME] [--lang sh|python], and the code below."

WAIT_SECONDS = 10.0
GRACE_SECONDS = 2.0
"""How long a program that got Ctrl-C may take to end by itself."""

ENDED_BY_CTRL_C = 130

GOES_ON = "trap '' HUP\n"
"""What a cell starts with ``&`` stays when the cell's terminal goes, as with ``%%bash``."""


def read_line(line: str) -> tuple[str, str]:
    """Return the sandbox's name and the language.

    Raises:
        UsageError: For words that nobody understands.
    """
    try:
        words = shlex.split(line)
    except ValueError:
        raise UsageError(USAGE) from None
    language = "sh"
    if "--lang" in words:
        at = words.index("--lang")
        language = " ".join(words[at + 1 : at + 2])
        del words[at : at + 2]
    if language not in {"sh", "python"} or len(words) > 1 or any(w[0] == "-" for w in words):
        raise UsageError(USAGE)
    return "".join(words), language


class SandboxCell:
    """One cell on its way through a sandbox.

    Args:
        client: Calls the tools.
        sandbox: Identifier or name of the sandbox.
        write: Shows what the cell writes.
    """

    def __init__(self, client: Any, sandbox: str, write: Callable[[str], object]) -> None:
        self._client = client
        self._sandbox = sandbox
        self._write = write
        self._offset = 0

    def run(self, code: str, language: str) -> None:
        """Run the cell to its end.

        Raises:
            ToolError: ``failed`` when it ends with an exit code; ``cancelled`` after Ctrl-C.
        """
        command = f"python3 -c {shlex.quote(code)}" if language == "python" else GOES_ON + code
        opened = self._client.call("terminal_open", sandbox_id=self._sandbox, command=command)
        terminal = opened["terminal_id"]
        try:
            code_of_exit = self._watch(terminal)
        finally:
            self._close(terminal)
        if code_of_exit:
            raise CallError(
                "failed", f"The cell ended with exit code {code_of_exit} in '{self._sandbox}'."
            )

    def _watch(self, terminal: str) -> int:
        """Follow the program to its end, and return its exit code; Ctrl-C is passed on to it."""
        is_interrupted = False
        while True:
            try:
                return self._follow(terminal, is_interrupted=is_interrupted)
            except (KeyboardInterrupt, ToolError) as error:
                if is_interrupted or not _is_interrupt(error):
                    raise
            is_interrupted = True
            self._client.call("terminal_send", terminal_id=terminal, keys=["ctrl-c"])

    def _follow(self, terminal: str, *, is_interrupted: bool) -> int:
        """Show what comes until the program ends, and return its exit code."""
        wait = GRACE_SECONDS if is_interrupted else WAIT_SECONDS
        while True:
            news = self._client.call(
                "terminal_read", terminal_id=terminal, offset=self._offset, wait=wait
            )
            self._write(news["text"].replace("\r\n", "\n"))
            self._offset = news["offset"]
            if not news["is_open"] and not news["text"]:
                return ENDED_BY_CTRL_C if is_interrupted else int(news["exit_code"] or 0)
            if is_interrupted and not news["text"]:
                self._write(f"\nIt did not end within {GRACE_SECONDS:g} s of Ctrl-C: killed.\n")
                return ENDED_BY_CTRL_C

    def _close(self, terminal: str) -> None:
        try:
            self._client.call("terminal_close", terminal_id=terminal)
        except ToolError:  # it went with its sandbox
            return


def write(text: str) -> None:
    """Show what a cell writes, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _is_interrupt(error: BaseException) -> bool:
    return isinstance(error, KeyboardInterrupt) or getattr(error, "code", "") == "cancelled"
