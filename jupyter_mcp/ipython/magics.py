"""``%mcp``, ``%%mcp``, ``%%sandbox`` and ``%%workflow``: the Jupyter server in the notebook itself.

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
    %mcp sandbox new|list|attach|rm      development containers; terminal and screen show one live
    %%sandbox [NAME] [--lang python]     run the cell in one
    %mcp search WORDS …                  find code, cells, docs and variables by meaning
    %mcp index status|update|drop        what is searched
    %mcp workflow run|list|show|edit …   work in many steps that survives the kernel
    %%workflow [--run] [key=value …]     a workflow in the cell
    %mcp jobs [JOB_ID]                   what goes on in the background; %mcp jobs cancel JOB_ID

Loading it imports nothing heavy; the first call connects.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import (
    Magics,
    cell_magic,
    line_cell_magic,
    magics_class,
    no_var_expand,
)
from traitlets import Float, Unicode

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython import (
    discovery,
    own_kernel,
    progress,
    search_words,
    trust_words,
    workflow_words,
)
from jupyter_mcp.ipython.arguments import arguments, check_names
from jupyter_mcp.ipython.completer import Completer
from jupyter_mcp.ipython.display import Markdown, Table
from jupyter_mcp.ipython.failure import CallError
from jupyter_mcp.ipython.job_words import JobWords
from jupyter_mcp.ipython.result import CallResult
from jupyter_mcp.ipython.sandbox_words import SandboxWords
from jupyter_mcp.ipython.schema import ToolInfo
from jupyter_mcp.ipython.search_words import SearchWords
from jupyter_mcp.ipython.words import Word, split
from jupyter_mcp.ipython.workflow_words import WorkflowWords

T = TypeVar("T")

_PERSONS = ("sandbox", "jobs", "workflow", *trust_words.WORDS)
"""Words by which a person speaks, and no agent."""

COMMANDS = ("tools", "help", "connect", "disconnect", "call", *search_words.WORDS, *_PERSONS)
"""Words after ``%mcp`` that are no tools; ``%mcp call NAME`` reaches a tool of such a name."""


@magics_class
class McpMagics(Magics):
    """The magics; configurable with ``%config McpMagics.progress_after=5``."""

    progress_after = Float(2.0, help="Seconds before the progress of a call is shown.").tag(
        config=True
    )
    toolsets = Unicode("all", help="Toolsets to use, joined by commas.").tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._client: Any = None
        self._person: Any = None
        self._sandboxes = SandboxWords(lambda: self.person, self._bar)
        self._search = SearchWords(lambda: self.client, self._bar, lambda: self._shell.user_ns)
        self._jobs = JobWords(lambda: self.person, lambda: bool(own_kernel.kernel_id()))
        self.workflows = WorkflowWords(
            lambda: self.person, self._bar, lambda: bool(own_kernel.kernel_id())
        )
        self.completer = Completer(self)

    @no_var_expand
    @line_cell_magic
    def mcp(self, line: str, cell: str | None = None) -> Any:
        """Call tools of the Jupyter server: %mcp, %mcp tools, %mcp help NAME, %mcp NAME key=value.

        ``%mcp NAME key=value … -o variable`` keeps the result; ``%%mcp NAME`` takes the arguments
        as JSON or YAML from the cell; ``%mcp connect URL --token TOKEN`` goes to another server.
        ``%mcp pause`` stops agents and ``%mcp resume`` lets them go on; ``%mcp agents`` says who is
        at work, ``%mcp approvals`` what waits for ``%mcp approve ID`` or ``%mcp deny ID``.
        ``%mcp search WORDS`` finds code, notebook cells, docs and variables; ``%mcp index`` says
        what is searched; ``%mcp jobs`` shows what goes on in the background, and ``%mcp jobs ID``
        one of it; ``%mcp workflow help`` has the words for work in many steps.
        """
        question = search_words.question_in(line) if cell is None else None
        if question is not None:
            return _in_one_line(lambda: self._find(question))
        return _in_one_line(lambda: self._run(split(line), cell))

    @no_var_expand
    @cell_magic
    def sandbox(self, line: str, cell: str) -> None:
        """Run the cell in a sandbox: %%sandbox [NAME] [--lang sh|python].

        Its output comes while it runs, and Ctrl-C reaches it. ``%mcp sandbox new NAME`` makes a
        sandbox, and without a name the cell runs in the one that was made or attached last.
        """
        from jupyter_mcp.ipython import sandbox_cell

        name, language = sandbox_cell.read_line(line)

        def run() -> None:
            place = self._sandboxes.named(name)
            sandbox_cell.SandboxCell(self.person, place, sandbox_cell.write).run(cell, language)

        _in_one_line(run)

    @no_var_expand
    @cell_magic
    def workflow(self, line: str, cell: str) -> Any:
        """Check the workflow in the cell: %%workflow [--run] [key=value …].

        The cell is YAML or JSON; with ``--run`` it is started with these parameters, and what
        becomes of it is shown below. ``%mcp workflow help`` has the words for its runs.
        """
        return _in_one_line(lambda: self.workflows.cell(split(line), cell))

    @property
    def client(self) -> Any:
        """The client, made at first use."""
        if self._client is None:
            self._client = self._make_client("", "")
        return self._client

    @property
    def person(self) -> Any:
        """The client that calls as the person where this machine knows them, with every toolset."""
        client = self.client
        client.connect()
        if client.server is None:
            return client
        if self._person is None:
            from jupyter_mcp.ipython.client import Client

            def find() -> discovery.Server:
                server: discovery.Server = client.server.as_person()
                return server

            self._person = Client(toolsets="all", find=find, embedded=False)
        return self._person

    def close(self) -> None:
        """Let go of the server and end the clients' threads."""
        self._jobs.close()
        self.workflows.close()
        clients = self._client, self._person
        self._client = self._person = None
        for client in clients:
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
            case "index":
                shown = self._search.carry_out(rest)
            case "call" if rest:
                shown = self._call(rest[0].value, rest[1:], cell)
            case _ if first in _PERSONS:
                shown = self._as_person(first, rest)
            case _:
                shown = self._call(first, rest, cell)
        return self._kept(target, shown)

    def _find(self, question: str) -> Any:
        arguments, target = search_words.wish(question)
        return self._kept(target, self._search.search(arguments))

    def _kept(self, target: str, shown: Any) -> Any:
        if not target:
            return shown
        self._keep(target, shown)
        return None

    def _as_person(self, first: str, rest: list[Word]) -> Any:
        if first == "sandbox":
            return self._sandboxes.carry_out(rest)
        if first == "jobs":
            return self._jobs.carry_out(rest)
        if first == "workflow":
            return self.workflows.carry_out(rest)
        return trust_words.carry_out(first, rest, self.client)

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

    def _help(self, words: list[Word]) -> Markdown | Table:
        if len(words) != 1:
            raise UsageError("Say which tool: %mcp help NAME.")
        name = words[0].value
        if name == "workflow":
            return workflow_words.USAGE.table()
        if name in COMMANDS and self._listed(name) is None:
            return Table([], [], f"%mcp {name} is a word and no tool; %mcp? tells what follows it.")
        return Markdown(self._tool(name).to_markdown())

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
        bar = self._bar(name)
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

    def _bar(self, title: str) -> progress.Bar:
        return progress.Bar(title, self.progress_after, self._show())

    def _show(self) -> progress.Show:
        if own_kernel.kernel_id():
            return progress.in_notebook(uuid.uuid4().hex)
        return progress.in_terminal

    def _make_client(self, url: str, token: str) -> Any:
        from jupyter_mcp.ipython.client import Client

        # A person has no context window to fill, so `%mcp` sees all, unless the URL says which.
        named = parse_qs(urlsplit(url or os.environ.get("JUPYTER_MCP_URL", "")).query)
        toolsets = "" if "toolsets" in named else self.toolsets
        return Client(url, token, toolsets=toolsets, find=discovery.of_kernel, say=print)


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
        for name in ("mcp", "sandbox", "workflow"):
            shell.magics_manager.magics[kind].pop(name, None)
    kept: list[Any] = [other for other in shell.configurables if id(other) != id(magics)]
    shell.configurables[:] = kept
    matchers = shell.Completer.custom_matchers
    if magics.completer.matcher in matchers:
        matchers.remove(magics.completer.matcher)
    magics.close()


def _in_one_line(work: Callable[[], T]) -> T:
    """Do `work`, and raise what fails as one line without a stack."""
    try:
        return work()
    except CallError as error:
        failure = error
    except ToolError as error:
        failure = CallError(error.code, error.message, error.remedy, data=error.data)
    # Raised out here, because IPython prints the whole stack of an exception whose context
    # holds an exception group, and the SDK's errors come in groups.
    failure.__context__ = None
    raise failure


def _take_option(words: list[Word], names: tuple[str, ...]) -> tuple[list[Word], str]:
    """Take an option with its value out of `words`; return the other words and the value."""
    for at, word in enumerate(words):
        if not word.key and not word.quoted and word.value in names:
            if at + 1 >= len(words):
                raise UsageError(f"{word.value} needs a value.")
            return words[:at] + words[at + 2 :], words[at + 1].value
    return words, ""
