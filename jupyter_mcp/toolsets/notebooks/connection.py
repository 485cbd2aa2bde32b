"""One connection of ours to one kernel, over ZeroMQ, with a session of its own.

Every message that the kernel sends is handed to the request that it names as its parent, so an
output can never reach a request that did not ask for it. Nothing is polled: a reader task waits on
each channel, and the socket monitor of the shell channel tells when the kernel's process went away.
The connection never reconnects: a lost one is thrown away, because the state behind it is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeAlias

from jupyter_mcp.errors import ToolError

Message: TypeAlias = dict[str, Any]
Spawn: TypeAlias = Callable[[str, Coroutine[Any, Any, Any]], "asyncio.Task[Any]"]

CHANNELS = ("shell", "iopub", "stdin", "control")
NUDGE_SECONDS = 0.5
"""How long a kernel that starts gets before it is asked again whether it listens."""
YIELD_SECONDS = 0.004
"""How long a flood of messages may hold the event loop at a time."""
STDIN_SECONDS = 0.25
"""How long to wait for the news that stdin is connected, which may have gone by unseen."""
VERDICT_SECONDS = 1.0
"""How long a process that closed its sockets gets to show that it is still alive."""

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """Something that sent a request and follows what the kernel says about it."""

    def message(self, channel: str, message: Message) -> None:
        """Take one message whose parent is the request."""
        ...

    def lost(self, restarted: bool) -> None:
        """Learn that the kernel's process ended before it finished the request."""
        ...


class Connection:
    """The four channels to a kernel.

    Args:
        manager: The kernel's manager of `jupyter_client`.
        context: The asyncio context of ZeroMQ that all our connections share.
        spawn: Runs a named task owned by somebody who ends it.
        on_foreign: Takes the output messages on ``iopub`` whose parent is no request of ours.
        on_lost: Called once when the connection cannot be used any more.
    """

    def __init__(
        self,
        manager: Any,
        context: Any,
        spawn: Spawn,
        on_foreign: Callable[[Message], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._manager = manager
        self._context = context
        self._spawn = spawn
        self._on_foreign = on_foreign
        self._on_lost = on_lost
        self._listeners: dict[str, Listener] = {}
        self._sockets: dict[str, Any] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        self._session: Any = None
        self._subscribed = asyncio.Event()
        self._informed = asyncio.Event()
        self._can_be_asked = asyncio.Event()
        self._monitors: list[Any] = []
        self._process: Any = None
        self._said_restart = False
        self.closed = False
        self.info: Mapping[str, Any] = {}
        self.others: set[str] = set()
        """Requests of other clients that the kernel works on now."""
        self.knows = False
        """Whether the kernel was ever free since we came, so that we know what it does."""

    async def open(self, patience: float) -> None:
        """Connect and wait until the kernel listens and our subscription stands.

        Args:
            patience: Seconds that the kernel has to get there.

        Raises:
            ToolError: ``kernel_dead`` when its process ends, ``timeout`` when it stays silent.
        """
        self._connect()
        try:
            async with asyncio.timeout(patience):
                while not (self._subscribed.is_set() and self._informed.is_set()):
                    await self._nudge()
        except TimeoutError:
            raise ToolError(
                "timeout",
                f"The kernel did not answer within {patience:g} seconds of starting.",
                "Restart it with kernel_restart, or stop it and look at the server's log.",
            ) from None
        # A kernel drops a question to a stdin channel that is not connected yet.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STDIN_SECONDS):
                await self._can_be_asked.wait()

    def request(
        self,
        channel: str,
        kind: str,
        content: Mapping[str, Any],
        listener: Listener | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """Send a request and return its message id; `listener` gets all that follows from it."""
        message = self._session.msg(kind, dict(content), metadata=dict(metadata or {}))
        message_id: str = message["header"]["msg_id"]
        if listener is not None:
            self._listeners[message_id] = listener
        self._write(channel, message)
        return message_id

    def reply(self, parent: Message, kind: str, content: Mapping[str, Any]) -> None:
        """Answer a message of the stdin channel."""
        self._write("stdin", self._session.msg(kind, dict(content), parent=parent))

    def forget(self, message_id: str) -> None:
        """Stop following a request: what the kernel still says about it is dropped."""
        self._listeners.pop(message_id, None)

    @property
    def busy_with_others(self) -> bool:
        """Whether other clients' code runs, or has run since we came without our seeing its begin.

        A kernel that was busy when we connected answers on the shell channel only afterwards.
        """
        return bool(self.others) or not self.knows

    @property
    def listening(self) -> int:
        """How many requests are followed, for tests and diagnostics."""
        return len(self._listeners)

    async def settle(self) -> None:
        """Wait until the kernel has done what other clients asked before now.

        A request on the shell channel is answered in its turn, which holds even where a message
        about the others' end got lost in a flood.
        """
        before = set(self.others)
        answer = _Answer()
        message_id = self.request("shell", "kernel_info_request", {}, answer)
        try:
            await answer.arrived
        finally:
            self.forget(message_id)
        self.others -= before

    def expect_restart(self) -> None:
        """Learn that the process is about to be replaced on purpose."""
        self._said_restart = True

    async def close(self) -> None:
        """End the readers, tell those who still wait, and close the sockets."""
        self._fail_all()
        await self._shut()

    def _connect(self) -> None:
        import zmq
        from jupyter_client.session import Session

        theirs = self._manager.session
        self._session = Session(key=theirs.key, signature_scheme=theirs.signature_scheme)
        self._process = _process_of(self._manager)
        client = self._manager.client(session=self._session, context=self._context)
        identity = self._session.bsession
        for channel in CHANNELS:
            connect = getattr(client, f"connect_{channel}")
            socket = connect() if channel == "iopub" else connect(identity=identity)
            socket.linger = 0
            if channel == "iopub":
                socket.rcvhwm = 0  # a flood is capped by us, not by dropping messages unseen
            self._sockets[channel] = socket
        self._follow_restarts("add_restart_callback")
        lost = self._sockets["shell"].get_monitor_socket(zmq.EVENT_DISCONNECTED)
        asked = self._sockets["stdin"].get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        self._monitors = [lost, asked]
        self._begin("monitor", self._watch(lost))
        self._begin("stdin monitor", self._watch_stdin(asked))
        for channel in CHANNELS:
            self._begin(channel, self._read(channel, self._sockets[channel]))

    def _follow_restarts(self, register: str) -> None:
        """Hear of a death also where a forked child holds the dead kernel's sockets open."""
        if hasattr(self._manager, register):
            for event in ("restart", "dead"):
                getattr(self._manager, register)(self._died, event)

    def _died(self) -> None:
        if not self.closed:
            self._spawn("kernel lost", self.close())

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(self._spawn(f"kernel {name}", work))

    def _write(self, channel: str, message: Message) -> None:
        if self.closed:
            raise _gone()
        # Not Session.send: it writes past the asyncio socket, which may then miss its wake-up.
        frames = self._session.serialize(message)
        self._sockets[channel].send_multipart(frames)

    async def _nudge(self) -> None:
        """Ask who the kernel is on both channels and wait a little for the answers.

        A busy kernel answers on the control channel only, and some kernels only on the shell.
        """
        if not await _is_alive(self._manager):
            raise _gone()
        self.request("shell", "kernel_info_request", {})
        self.request("control", "kernel_info_request", {})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(NUDGE_SECONDS):
                await self._subscribed.wait()
                await self._informed.wait()

    async def _read(self, channel: str, socket: Any) -> None:
        now = asyncio.get_running_loop().time
        yielded = now()
        while True:
            frames = await socket.recv_multipart()
            try:
                self._receive(channel, frames)
            except Exception:  # noqa: BLE001 - one bad message must not end the channel
                _log.exception("A message on the %s channel could not be handled.", channel)
            if now() - yielded > YIELD_SECONDS:
                await asyncio.sleep(0)
                yielded = now()

    def _receive(self, channel: str, frames: list[bytes]) -> None:
        session = self._session
        _, parts = session.feed_identities(frames)
        message: Message = session.deserialize(parts, content=False)
        parent: str = message["parent_header"].get("msg_id", "")
        kind: str = message["header"]["msg_type"]
        if channel == "iopub":
            self._subscribed.set()
        listener = self._listeners.get(parent)
        if listener is None and kind not in _FOREIGN:
            return
        message["content"] = session.unpack(message["content"])
        if kind == "kernel_info_reply":
            self._learn(channel, message["content"])
        if listener is not None:
            listener.message(channel, message)
        else:
            self._foreign(kind, parent, message)

    def _learn(self, channel: str, info: Mapping[str, Any]) -> None:
        self.info = info
        self._informed.set()
        if channel == "shell":
            self.knows = True

    def _foreign(self, kind: str, parent: str, message: Message) -> None:
        if kind == "shutdown_reply":
            self._said_restart = bool(message["content"].get("restart"))
        elif kind == "status":
            self._mark(parent, message)
        elif kind in {"update_display_data", "execute_input"}:
            self._on_foreign(message)

    def _mark(self, parent: str, message: Message) -> None:
        if message["parent_header"].get("msg_type") != "execute_request":
            return
        if message["parent_header"].get("session") == self._session.session:
            return
        if message["content"].get("execution_state") == "busy":
            self.others.add(parent)
        else:
            self.others.discard(parent)

    async def _watch(self, monitor: Any) -> None:
        while True:
            await monitor.recv_multipart()
            if await self._process_is_gone():
                break
        # In a task of its own: closing ends this one.
        self._died()

    async def _watch_stdin(self, monitor: Any) -> None:
        await monitor.recv_multipart()
        self._can_be_asked.set()

    async def _process_is_gone(self) -> bool:
        """Tell a dead or replaced process from a connection that broke and heals by itself."""
        now = asyncio.get_running_loop().time
        end = now() + VERDICT_SECONDS
        while now() < end:
            if _process_of(self._manager) != self._process or not await _is_alive(self._manager):
                return True
            await asyncio.sleep(VERDICT_SECONDS / 50)
        return False

    def _fail_all(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._on_lost()
        listeners, self._listeners = self._listeners, {}
        for listener in listeners.values():
            listener.lost(self._said_restart)

    async def _shut(self) -> None:
        self._follow_restarts("remove_restart_callback")
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        sockets, self._sockets = self._sockets, {}
        for channel in ("shell", "stdin"):
            if channel in sockets:
                sockets[channel].disable_monitor()
        for socket in (*self._monitors, *sockets.values()):
            socket.close(linger=0)


_FOREIGN = frozenset(
    {"status", "update_display_data", "execute_input", "kernel_info_reply", "shutdown_reply"}
)


class _Answer:
    """Waits for the reply to one request."""

    def __init__(self) -> None:
        self.arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def message(self, channel: str, message: Message) -> None:
        if channel != "iopub" and message["parent_header"] and not self.arrived.done():
            self.arrived.set_result(None)

    def lost(self, restarted: bool) -> None:
        del restarted
        if not self.arrived.done():
            self.arrived.set_exception(_gone())


def _process_of(manager: Any) -> Any:
    """Return what tells one process of a kernel from the next, as far as the manager knows."""
    provisioner = getattr(manager, "provisioner", None)
    return getattr(provisioner, "pid", None)


async def _is_alive(manager: Any) -> bool:
    answer = manager.is_alive()
    return bool(await answer if asyncio.iscoroutine(answer) else answer)


def _gone() -> ToolError:
    return ToolError(
        "kernel_dead",
        "The kernel is dead.",
        "Restart it with kernel_restart; its variables are lost.",
    )
