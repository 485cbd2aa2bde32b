"""``%mcp`` and ``%%mcp``: the tools of the Jupyter server in the notebook itself.

    %mcp                                 where calls go
    %mcp tools [pattern]                 what there is
    %mcp help NAME                       what a tool takes
    %mcp NAME key=value … [-o variable]  call it; key:=json for JSON
    %%mcp NAME [key=value …]             the other arguments as JSON or YAML in the cell
    %mcp connect [URL] [--token TOKEN]   to another server
    %mcp disconnect                      let go of it
    %mcp pause [--read-only] [WHO]       stop agents at once; %mcp resume lets them go on
    %mcp agents                          who called lately, and who is stopped
    %mcp approvals                       what waits for your yes; %mcp approve ID, %mcp deny ID

Loading it imports nothing heavy; the first call connects.
"""

from __future__ import annotations

import uuid
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from traitlets import Float, Unicode

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython import discovery, own_kernel, progress, trust_words
from jupyter_mcp.ipython.arguments import arguments, check_names
from jupyter_mcp.ipython.completer import Completer
from jupyter_mcp.ipython.display import Markdown, Table
from jupyter_mcp.ipython.failure import CallError
from jupyter_mcp.ipython.result import CallResult
from jupyter_mcp.ipython.schema import ToolInfo
from jupyter_mcp.ipython.words import Word, split

COMMANDS = ("tools", "help", "connect", "disconnect", "call", *trust_words.WORDS)
"""Words after ``%mcp`` that are no tools; ``%mcp call NAME`` reaches a tool of such a name."""


@magics_class
class McpMagics(Magics):
    """The magics; configurable with ``%config McpMagics.progress_after=5``."""

    progress_after = Float(2.0, help="Seconds before the progress of a call is shown.").tag(
        config=True
    )
    toolsets = Unicode("", help="Toolsets to use, joined by commas, or 'all'.").tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._client: Any = None
        self.completer = Completer(self)

    @no_var_expand
    @line_cell_magic
    def mcp(self, line: str, cell: str | None = None) -> Any:
        """Call tools of the Jupyter server: %mcp, %mcp tools, %mcp help NAME, %mcp NAME key=value.

        ``%mcp NAME key=value … -o variable`` keeps the result; ``%%mcp NAME`` takes the arguments
        as JSON or YAML from the cell; ``%mcp connect URL --token TOKEN`` goes to another server.
        ``%mcp pause`` stops agents and ``%mcp resume`` lets them go on; ``%mcp agents`` says who is
        at work, ``%mcp approvals`` what waits for ``%mcp approve ID`` or ``%mcp deny ID``.
        """
        try:
            return self._run(split(line), cell)
        except CallError as error:
            failure = error
        except ToolError as error:
            failure = CallError(error.code, error.message, error.remedy, data=error.data)
        # Raised out here, because IPython prints the whole stack of an exception whose context
        # holds an exception group, and the SDK's errors come in groups.
        failure.__context__ = None
        raise failure

    @property
    def client(self) -> Any:
        """The client, made at first use."""
        if self._client is None:
            self._client = self._make_client("", "")
        return self._client

    def close(self) -> None:
        """Let go of the server and end the client's thread."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _run(self, words: list[Word], cell: str | None) -> Any:
        words, target = _take_option(words, ("-o", "--out"))
        first = words[0].value if words and not words[0].key else ""
        if words and not first:
            raise UsageError("Say which tool: %mcp NAME key=value. '%mcp tools' lists them.")
        rest = words[1:]
        match first:
            case "":
                shown: Any = self._status()
            case "tools":
                shown = self._list(" ".join(word.value for word in rest))
            case "help":
                shown = self._help(rest)
            case "connect":
                shown = self._connect(rest)
            case "disconnect":
                self.close()
                return None
            case "call" if rest:
                shown = self._call(rest[0].value, rest[1:], cell)
            case _ if first in trust_words.WORDS:
                shown = trust_words.carry_out(first, rest, self.client)
            case _:
                shown = self._call(first, rest, cell)
        if not target:
            return shown
        self._keep(target, shown)
        return None

    def _keep(self, target: str, value: Any) -> None:
        if not target.isidentifier():
            raise UsageError(f"-o wants the name of a variable, not '{target}'.")
        self._shell.user_ns[target] = value

    @property
    def _shell(self) -> InteractiveShell:
        assert self.shell is not None  # noqa: S101 - a loaded magic has a shell
        return self.shell

    def _status(self) -> Table:
        self.client.connect()
        count = len(self.client.tools())
        server = self.client.server
        rows = [
            ["server", self.client.place],
            ["found by", server.found_by if server else "no server was found"],
            ["protocol", self.client.protocol],
            ["tools", f"{count}; %mcp tools lists them, %mcp help NAME explains one"],
        ]
        return Table(rows)

    def _list(self, pattern: str) -> Table:
        found = self.client.tools(pattern)
        rows = [[tool.name, tool.summary] for tool in found]
        note = "" if found else f"No tool has '{pattern}' in its name or description."
        return Table(rows, ["tool", "what it does"] if rows else [], note)

    def _help(self, words: list[Word]) -> Markdown:
        if len(words) != 1:
            raise UsageError("Say which tool: %mcp help NAME.")
        return Markdown(self._tool(words[0].value).to_markdown())

    def _connect(self, words: list[Word]) -> Table:
        words, token = _take_option(words, ("--token",))
        options = [word.value for word in words if not word.key and word.value.startswith("-")]
        if options or len(words) > 1:
            raise UsageError("Write %mcp connect [URL] [--token TOKEN].")
        self.close()
        self._client = self._make_client(words[0].value if words else "", token)
        return self._status()

    def _call(self, name: str, words: list[Word], cell: str | None) -> CallResult:
        info = self._listed(name) or ToolInfo.unlisted(name)
        if cell is None:
            values = arguments(info, words)
        else:
            from jupyter_mcp.ipython import body

            values = arguments(info, words, complete=False) | body.read(cell)
            check_names(info, values)
        bar = progress.Bar(name, self.progress_after, self._show())
        try:
            result: CallResult = self.client.call_tool(name, values, bar)
        except ToolError as error:
            if error.code == "not_found" and name not in self.client.known:
                raise self._unknown(name) from None
            raise
        bar.end(result.seconds)
        return result

    def _tool(self, name: str) -> ToolInfo:
        info = self._listed(name)
        if info is None:
            raise self._unknown(name)
        return info

    def _listed(self, name: str) -> ToolInfo | None:
        """Return the tool of that name; list the tools anew when it is not known."""
        if name not in self.client.known:
            self.client.tools()
        known: dict[str, ToolInfo] = self.client.known
        return known.get(name)

    def _unknown(self, name: str) -> CallError:
        import difflib

        near = difflib.get_close_matches(name, [*self.client.known, *COMMANDS], n=3)
        remedy = f"Did you mean {' or '.join(near)}?" if near else "%mcp tools lists them."
        return CallError("not_found", f"There is no tool '{name}' here.", remedy)

    def _show(self) -> progress.Show:
        if own_kernel.kernel_id():
            return progress.in_notebook(uuid.uuid4().hex)
        return progress.in_terminal

    def _make_client(self, url: str, token: str) -> Any:
        from jupyter_mcp.ipython.client import Client

        return Client(url, token, toolsets=self.toolsets, find=discovery.of_kernel, say=print)


def load(shell: InteractiveShell) -> None:
    """Add the magics and their completion to `shell`."""
    unload(shell)
    magics = McpMagics(shell)
    shell.register_magics(magics)
    shell.Completer.custom_matchers.append(magics.completer.matcher)


def unload(shell: InteractiveShell) -> None:
    """Take away everything that `load` added: magics, matcher, connection and thread."""
    magics = shell.magics_manager.registry.pop(McpMagics.__name__, None)
    if not isinstance(magics, McpMagics):
        return
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("mcp", None)
    kept: list[Any] = [other for other in shell.configurables if id(other) != id(magics)]
    shell.configurables[:] = kept
    matchers = shell.Completer.custom_matchers
    if magics.completer.matcher in matchers:
        matchers.remove(magics.completer.matcher)
    magics.close()


def _take_option(words: list[Word], names: tuple[str, ...]) -> tuple[list[Word], str]:
    """Take an option with its value out of `words`; return the other words and the value."""
    for at, word in enumerate(words):
        if not word.key and not word.quoted and word.value in names:
            if at + 1 >= len(words):
                raise UsageError(f"{word.value} needs a value.")
            return words[:at] + words[at + 2 :], words[at + 1].value
    return words, ""
