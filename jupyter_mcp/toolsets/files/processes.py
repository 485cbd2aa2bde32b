"""Commands on this machine: started without a shell, bounded in time and output, ended as a group.

Only git and our own search run here; an agent never says which program.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jupyter_mcp.errors import ToolError
from jupyter_mcp.workplace import Finished

PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "TMP",
    "TEMP",
    "SYSTEMROOT",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
)
"""What of the server's environment a command gets: no secrets that happen to lie in it."""


@dataclass(slots=True)
class Kept:
    """The first bytes of what a command writes.

    Args:
        limit: How many are kept.
    """

    limit: int
    data: bytearray = field(default_factory=bytearray)
    is_cut: bool = False

    async def drain(self, stream: asyncio.StreamReader) -> None:
        """Read to the end, and forget what is too much."""
        while piece := await stream.read(1 << 16):
            room = self.limit - len(self.data)
            self.data += piece[:room]
            self.is_cut = self.is_cut or len(piece) > room


async def run(
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    seconds: float | None = None,
    limit: int = 1_000_000,
) -> Finished:
    """Run a command to its end; cancelling kills its process group.

    Args:
        argv: The program and its arguments.
        cwd: Full path of the working folder.
        env: Variables besides those of `PASSED_ON`.
        stdin: What it reads.
        seconds: After how many seconds it is killed.
        limit: Bytes of stdout, and of stderr, that are kept.

    Raises:
        ToolError: ``unavailable`` where the program is not installed.
    """
    process = await _started(argv, cwd, env or {})
    out, err = Kept(limit), Kept(limit)
    timed_out = False
    try:
        async with asyncio.timeout(seconds):
            await _talk(process, stdin, out, err)
    except TimeoutError:
        timed_out = True
    finally:
        await _end(process)
    code = process.returncode or 0
    return Finished(
        exit_code=128 - code if code < 0 else code,
        stdout=bytes(out.data),
        stderr=bytes(err.data),
        timed_out=timed_out,
        is_cut=out.is_cut or err.is_cut,
    )


async def _started(
    argv: Sequence[str], cwd: str, env: Mapping[str, str]
) -> asyncio.subprocess.Process:
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env={**passed, "LC_ALL": "C.UTF-8", **env},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError):
        raise ToolError(
            "unavailable",
            f"'{argv[0]}' is not installed on the machine of this server.",
            "Install it there, or work in a sandbox.",
        ) from None


async def _talk(process: asyncio.subprocess.Process, stdin: bytes, out: Kept, err: Kept) -> None:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        return
    async with asyncio.TaskGroup() as group:
        group.create_task(_say(process.stdin, stdin))
        group.create_task(out.drain(process.stdout))
        group.create_task(err.drain(process.stderr))
    await process.wait()


async def _say(stream: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        stream.write(data)
        await stream.drain()
    with contextlib.suppress(ConnectionError):
        stream.close()
        await stream.wait_closed()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of the group and reap the command."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        elif process.returncode is None:
            process.kill()
    await asyncio.shield(process.wait())
