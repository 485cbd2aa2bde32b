"""Commands and terminals in sandboxes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jupyter_mcp.calls import Context, JobContext, Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.terminals.keys import KEYS_LIMIT, sequences
from jupyter_mcp.toolsets.sandboxes.tools.base import SandboxId, SandboxToolset

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.terminals.commands import Command, Commands, Ran
    from jupyter_mcp.toolsets.sandboxes.terminals.terminals import Terminal, Terminals

TerminalId = Annotated[str, Field(description="As terminal_open returned it")]
Folder = Annotated[str, Field(description="Working folder; default: /workspace")]
Environment = Annotated[dict[str, str] | None, Field(description="Variables for it")]
Seconds = Annotated[float | None, Field(gt=0, description="Seconds after which it is killed")]
Background = Annotated[bool, Field(description="Return a job_id at once and go on")]
Rows = Annotated[int, Field(ge=1, le=1000)]
Columns = Annotated[int, Field(ge=1, le=1000)]

Send = Callable[[float, float | None, str], Awaitable[None]]


class CommandRun(Shape):
    """What became of a command."""

    sandbox_id: str
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""
    timed_out: bool = False
    output_path: str | None = None
    output_bytes: int | None = None
    remedy: str | None = None
    job_id: str | None = None


class OpenTerminal(Shape):
    """A terminal."""

    terminal_id: str
    sandbox_id: str
    rows: int
    columns: int
    command: str = ""
    is_open: bool = True
    exit_code: int | None = None
    offset: int = 0


class TerminalList(Shape):
    """Terminals."""

    terminals: list[OpenTerminal]


class TerminalNews(Shape):
    """What a terminal wrote."""

    terminal_id: str
    text: str
    offset: int
    is_open: bool
    exit_code: int | None = None
    dropped: int = 0


class TerminalInput(Shape):
    """What was typed."""

    terminal_id: str
    sent: int


class TerminalTools(SandboxToolset):
    """Commands and terminals in sandboxes."""

    @cached_property
    def commands(self) -> Commands:
        """What runs commands, imported at first use."""
        from jupyter_mcp.toolsets.sandboxes.terminals.commands import Commands

        host = self.host
        return Commands(
            self.sandboxes, host.tasks, host.executor.run, int(host.settings.output_bytes)
        )

    @cached_property
    def terminals(self) -> Terminals:
        """The open terminals, imported at first use."""
        from jupyter_mcp.toolsets.sandboxes.terminals.terminals import Terminals

        return Terminals(self.sandboxes, self.host.tasks, self.commands.shells)

    @tool(
        scope="execute",
        title="Run a command",
        open_world=True,
        untrusted=True,
        long_running=True,
        within="sandbox_id",
    )
    async def terminal_run(
        self,
        ctx: Context,
        command: Annotated[str, Field(description="A line for the shell (bash, else sh)")],
        sandbox_id: SandboxId,
        *,
        cwd: Folder = "",
        timeout: Seconds = None,  # noqa: ASYNC109 - the tool's argument
        env: Environment = None,
        background: Background = False,
    ) -> Reply[CommandRun]:
        """Run a shell command in a sandbox; output streams as progress, exit code and text come.

        What it starts with & goes on when it ends. For programs that ask use terminal_open.
        """
        from jupyter_mcp.toolsets.sandboxes.terminals.commands import Command

        owner = self.seen_by(ctx)
        wanted = Command(command, cwd, env or {}, timeout)
        if not background:
            return await self._run(sandbox_id, owner, wanted, ctx.progress)
        session = await self.sandboxes.get(sandbox_id, owner)

        async def work(job: JobContext) -> Reply[CommandRun]:
            return await self._run(session.id, owner, wanted, job.progress)

        job_id = ctx.job(f"{command[:60]} in {session.id}", work)
        value = CommandRun(sandbox_id=session.id, job_id=job_id)
        told = f"Running in the background as job {job_id}; job_get tells more."
        return Reply(value, [Text(told)], job=job_id)

    @tool(scope="execute", title="Open a terminal", open_world=True, within="sandbox_id")
    async def terminal_open(
        self,
        ctx: Context,
        sandbox_id: SandboxId,
        *,
        command: Annotated[str, Field(description="A line for the shell; default: a shell")] = "",
        rows: Rows = 24,
        columns: Columns = 80,
        cwd: Folder = "",
        env: Environment = None,
    ) -> OpenTerminal:
        """Open a terminal (PTY) for interactive programs; it stays until closed or they end."""
        from jupyter_mcp.toolsets.sandboxes.terminals.terminals import Opening

        opening = Opening(rows, columns, command, cwd, env or {})
        return _told(await self.terminals.open(sandbox_id, self.seen_by(ctx), opening))

    @tool(scope="execute", title="Type into a terminal", open_world=True, within="terminal_id")
    async def terminal_send(
        self,
        ctx: Context,
        terminal_id: TerminalId,
        *,
        text: Annotated[str, Field(description="Characters, typed as they are")] = "",
        keys: Annotated[
            list[str] | None,
            Field(description="Then keys: enter, ctrl-c, up, tab, f1 …", max_length=KEYS_LIMIT),
        ] = None,
    ) -> TerminalInput:
        """Type text, then press keys. Text alone runs nothing: end it with keys=["enter"]."""
        terminal = self.terminals.find(terminal_id, self.seen_by(ctx))
        typed = text + sequences(keys or ())
        if not typed:
            raise ToolError("invalid_arguments", "There is nothing to type.", "Give text or keys.")
        return TerminalInput(
            terminal_id=terminal_id, sent=await self.terminals.send(terminal, typed)
        )

    @tool(scope="execute", title="Resize a terminal", idempotent=True, within="terminal_id")
    async def terminal_resize(
        self, ctx: Context, terminal_id: TerminalId, rows: Rows, columns: Columns
    ) -> OpenTerminal:
        """Change the size of a terminal."""
        terminal = self.terminals.find(terminal_id, self.seen_by(ctx))
        await self.terminals.resize(terminal, rows, columns)
        return _told(terminal)

    @tool(scope="read", title="Read a terminal", untrusted=True)
    async def terminal_read(
        self,
        ctx: Context,
        terminal_id: TerminalId,
        *,
        offset: Annotated[int, Field(ge=0, description="As the last read returned it")] = 0,
        wait: Annotated[float, Field(ge=0, le=60, description="Seconds to wait for news")] = 0,
        plain: Annotated[bool, Field(description="Without escape sequences")] = False,
    ) -> Reply[TerminalNews]:
        """What a terminal wrote from offset on; dropped tells bytes that came too long ago."""
        terminal = self.terminals.find(terminal_id, self.seen_by(ctx))
        limit = int(self.host.settings.output_bytes)
        news = await self.terminals.read(terminal, offset, wait=wait, limit=limit, is_plain=plain)
        value = TerminalNews(
            terminal_id=terminal_id,
            text=news.text,
            offset=news.offset,
            is_open=news.is_open,
            exit_code=news.exit_code,
            dropped=news.dropped,
        )
        lost = f"[{news.dropped} bytes dropped]\n" if news.dropped else ""
        state = "open" if news.is_open else f"ended with {news.exit_code}"
        return Reply(value, [Text(f"{lost}{news.text}\n[offset {news.offset}, {state}]")])

    @tool(scope="read", title="List terminals")
    async def terminal_list(
        self,
        ctx: Context,
        sandbox_id: Annotated[str, Field(description="Only those of this sandbox")] = "",
    ) -> TerminalList:
        """The terminals in sandboxes, open ones and those that ended and were not closed."""
        owner = self.seen_by(ctx)
        wanted = (await self.sandboxes.get(sandbox_id, owner)).id if sandbox_id else ""
        found = self.terminals.list(owner, wanted)
        return TerminalList(terminals=[_told(each) for each in found])

    @tool(scope="execute", title="Close a terminal", restrains=True, within="terminal_id")
    async def terminal_close(self, ctx: Context, terminal_id: TerminalId) -> OpenTerminal:
        """Close a terminal; what still runs in it is killed."""
        terminal = self.terminals.find(terminal_id, self.seen_by(ctx))
        await self.terminals.close(terminal)
        return _told(terminal)

    async def _run(
        self, sandbox_id: str, owner: str | None, command: Command, send: Send
    ) -> Reply[CommandRun]:
        from jupyter_mcp.toolsets.sandboxes.terminals.telling import CommandTeller

        async with CommandTeller(send) as telling:
            ran = await self.commands.run(sandbox_id, owner, command, telling.hear)
        session = await self.sandboxes.get(sandbox_id, owner)
        value = CommandRun(
            sandbox_id=session.id,
            exit_code=ran.exit_code,
            stdout=ran.stdout,
            stderr=ran.stderr,
            timed_out=ran.timed_out,
            output_path=ran.output_path or None,
            output_bytes=ran.output_size if ran.output_path else None,
            remedy=ran.remedy or None,
        )
        return Reply(value, [Text(_shown(ran))], is_error=bool(ran.remedy))


def _told(terminal: Terminal) -> OpenTerminal:
    return OpenTerminal(
        terminal_id=terminal.id,
        sandbox_id=terminal.sandbox_id,
        rows=terminal.opening.rows,
        columns=terminal.opening.columns,
        command=terminal.opening.command[:200],
        is_open=terminal.is_open,
        exit_code=terminal.exit_code,
        offset=terminal.ring.end,
    )


def _shown(ran: Ran) -> str:
    """Return a command's end as a model reads it."""
    parts = [part.rstrip("\n") for part in (ran.stdout, ran.stderr) if part.strip()]
    if ran.output_path:
        parts.append(f"[all {ran.output_size} bytes: {ran.output_path} in the sandbox]")
    if ran.exit_code or not parts:
        parts.append(f"[exit code {ran.exit_code}]")
    if ran.remedy:
        parts.append(ran.remedy)
    return "\n".join(parts)
