"""Jupyter's kernels and sessions: listed, started, interrupted, restarted and stopped.

A notebook's kernel is started through a session, so that a person who opens the notebook finds the
same kernel there. Without a session manager (a kernel of its own, a test) the paths are kept here.
"""

from __future__ import annotations

import asyncio
import inspect
import posixpath
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tornado.web import HTTPError

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.execution import no_kernel

RESTART_SECONDS = 60.0
_DRIVE = re.compile(r"^RTC:")
"""The drive of jupyter-collaboration; a colon in any other name belongs to the name."""


@dataclass(frozen=True, slots=True)
class KernelRecord:
    """A kernel as Jupyter knows it.

    Args:
        id: Its id.
        name: The name of its kernelspec.
        state: Jupyter's word for what it does; empty where nobody watches.
        last_activity: When it last did something, in ISO 8601; empty if unknown.
        paths: The documents that use it.
    """

    id: str
    name: str
    state: str
    last_activity: str
    paths: list[str] = field(default_factory=list)


class JupyterKernels:
    """The kernels of a Jupyter server, or of a kernel manager alone.

    Args:
        kernel_manager: A multi kernel manager, of `jupyter_server` or `jupyter_client`.
        spec_manager: A kernelspec manager.
        session_manager: Jupyter's session manager; None without a server.
        run: Runs blocking work on a thread.
    """

    def __init__(
        self,
        kernel_manager: Any,
        spec_manager: Any,
        session_manager: Any,
        run: Callable[..., Awaitable[Any]],
    ) -> None:
        self._kernels = kernel_manager
        self._specs = spec_manager
        self._sessions = session_manager
        self._run = run
        self._paths: dict[str, str] = {}

    def manager(self, kernel_id: str) -> Any:
        """Return the manager of one kernel; ToolError ``not_found`` without one."""
        if kernel_id not in self._kernels:
            raise no_kernel(kernel_id)
        manager = self._kernels.get_kernel(kernel_id)
        if not getattr(manager, "shell_port", 0) and getattr(manager, "transport", "") == "tcp":
            raise ToolError(
                "unsupported",
                "This kernel runs behind a gateway, which has no direct connection.",
                "Call the tools of the Jupyter server that runs the kernel.",
            )
        return manager

    async def interrupt(self, kernel_id: str) -> None:
        """Interrupt what the kernel runs, by the way its kernelspec names."""
        self.manager(kernel_id)
        await _settled(self._kernels.interrupt_kernel(kernel_id))

    async def records(self) -> list[KernelRecord]:
        """Return all kernels that run."""
        paths = await self._paths_by_kernel()
        return [self._record(kid, paths.get(kid, [])) for kid in self._kernels.list_kernel_ids()]

    async def paths_of(self, kernel_id: str) -> list[str]:
        """Return the documents that use a kernel."""
        return (await self._paths_by_kernel()).get(kernel_id, [])

    async def names(self) -> list[str]:
        """Return the names of the kernels that can be started."""
        found = await self._run(self._specs.find_kernel_specs)
        return sorted(await _settled(found))

    @property
    def default_name(self) -> str:
        """The kernelspec that is taken where none is named."""
        return str(self._kernels.default_kernel_name)

    async def find(self, path: str) -> str | None:
        """Return the kernel of the document's session, if one is open and its kernel lives."""
        if self._sessions is None:
            kernel_id = self._paths.get(path)
            return kernel_id if kernel_id in self._kernels else None
        for session in await _settled(self._sessions.list_sessions()):
            if _same(str(session["path"]), path):
                return str(session["kernel"]["id"])
        return None

    async def start(self, name: str, path: str | None, folder: str | None = None) -> str:
        """Start a kernel, bound to a document when `path` is given, and return its id.

        Args:
            name: The kernelspec.
            path: The document.
            folder: Where it works, below the root; by default beside the document.

        Raises:
            ToolError: ``not_found`` for an unknown name, ``unavailable`` when it cannot be started.
        """
        try:
            return await self._start(name, path, folder)
        except ToolError:
            raise
        except Exception as error:
            reason = str(getattr(error, "log_message", None) or error or type(error).__name__)
            raise ToolError(
                "unavailable",
                f"The kernel '{name}' could not be started: {reason}",
                "Try another kernel, or repair it: jupyter kernelspec list shows where it is.",
            ) from error

    async def restart(self, kernel_id: str, *, now: bool) -> None:
        """Start the kernel's process anew; `now` does not give it time to clean up."""
        self.manager(kernel_id)
        try:
            waiting = await _settled(self._kernels.restart_kernel(kernel_id, now=now))
            # Jupyter's server hands out a second future, which is done when the kernel answers.
            if inspect.isawaitable(waiting):
                await asyncio.wait_for(waiting, RESTART_SECONDS)
        except (HTTPError, RuntimeError, TimeoutError) as error:
            raise ToolError(
                "unavailable",
                f"The kernel could not be restarted: {error}",
                "Stop it with kernel_stop and start a new one with kernel_start.",
            ) from error

    async def stop(self, kernel_id: str) -> None:
        """End the kernel and the sessions that use it."""
        self.manager(kernel_id)
        for session in await self._sessions_of(kernel_id):
            if kernel_id in self._kernels:
                await _settled(self._sessions.delete_session(session))
        if kernel_id in self._kernels:
            await _settled(self._kernels.shutdown_kernel(kernel_id))

    async def _start(self, name: str, path: str | None, folder: str | None) -> str:
        if name not in await self.names():
            raise ToolError(
                "not_found",
                f"There is no kernel named '{name}'.",
                f"Available: {', '.join(await self.names()) or 'none'}.",
            )
        if path is not None and self._sessions is not None:
            kernel_id = None if folder is None else await self._start_in(name, path, folder)
            session = await _settled(
                self._sessions.create_session(
                    path=path,
                    name=posixpath.basename(path),
                    type="notebook",
                    kernel_name=name,
                    kernel_id=kernel_id,
                )
            )
            return str(session["kernel"]["id"])
        kernel_id = str(await _settled(self._kernels.start_kernel(kernel_name=name)))
        if path is not None:
            self._paths[path] = kernel_id
        return kernel_id

    async def _start_in(self, name: str, path: str, folder: str) -> str:
        """Start a document's kernel as a session does, but in another folder below the root."""
        inside = posixpath.normpath("/" + _DRIVE.sub("", folder)).strip("/")
        env = self._sessions.get_kernel_env(path, posixpath.basename(path))
        started = self._kernels.start_kernel(kernel_name=name, path=inside, env=env)
        return str(await _settled(started))

    async def _paths_by_kernel(self) -> dict[str, list[str]]:
        paths: dict[str, list[str]] = {}
        if self._sessions is None:
            for path, kernel_id in self._paths.items():
                paths.setdefault(kernel_id, []).append(path)
            return paths
        for session in await _settled(self._sessions.list_sessions()):
            place = _DRIVE.sub("", str(session["path"]))
            paths.setdefault(session["kernel"]["id"], []).append(place)
        return paths

    async def _sessions_of(self, kernel_id: str) -> list[str]:
        if self._sessions is None:
            self._paths = {path: kid for path, kid in self._paths.items() if kid != kernel_id}
            return []
        sessions = await _settled(self._sessions.list_sessions())
        return [session["id"] for session in sessions if session["kernel"]["id"] == kernel_id]

    def _record(self, kernel_id: str, paths: list[str]) -> KernelRecord:
        manager = self._kernels.get_kernel(kernel_id)
        activity = getattr(manager, "last_activity", None)
        return KernelRecord(
            id=kernel_id,
            name=str(manager.kernel_name),
            state=str(getattr(manager, "execution_state", None) or ""),
            last_activity=activity.isoformat() if activity is not None else "",
            paths=paths,
        )


def _same(session_path: str, path: str) -> bool:
    """Compare paths; a session of an old collaboration front end names its drive before it."""
    return path in {session_path, _DRIVE.sub("", session_path)}


async def _settled(value: Any) -> Any:
    """Await what the asynchronous managers return and pass on what the others do."""
    return await value if inspect.isawaitable(value) else value
