"""The agent: the one program of ours inside a sandbox, spoken to over its stdin and stdout.

It is a single file of the standard library, sent as text to whatever ``python3`` an image has
(3.8 or newer), so that images need nothing of ours. It runs as the session's user with no more
rights than a shell there, does many requests at once by number, and leaves with everything it
started as soon as its channel ends. `jupyter_mcp.toolsets.sandboxes.link.frames` tells the
frames; the host believes nothing that comes from here.

One thread runs a selector: the channel, processes, connections. Work on files runs in a few
threads, so that a slow disk holds up nobody; a search runs in a child, so that a hostile regular
expression can be killed.
"""

from __future__ import annotations

import collections
import errno
import fcntl
import functools
import heapq
import json
import os
import select
import selectors
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import tarfile
    from typing import IO, Any, Callable, Dict, Iterable, Iterator, Tuple

    Result = Tuple[Dict[str, Any], bytes]

PROTOCOL = 1
HEADER = struct.Struct("!BBIII")
HELLO, CALL, ANSWER, FAILURE, EVENT, DATA, END, CREDIT, CANCEL = range(1, 10)
MAX_HEAD = 1 << 20
MAX_PAYLOAD = 1 << 18
WINDOW = 1 << 18
PIECE = 1 << 16

MAX_THREADS = 32
MAX_CONNECTIONS = 128
MAX_DEPTH = 128
MAX_LINKS = 40
MAX_NAMES = 200_000
BATCH = 200
LINGER = 0.3  # seconds that output is awaited of what a finished command left running
MARK = "JUPYTER_MCP_PROCESS"

SEARCH_SECONDS = 10.0
SEARCH_BYTES = 8 << 20
SEARCH_LINE = 500
SEARCH_RESULT = 4 << 20

PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36

DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class RefusalError(Exception):
    """What the host turns into a `ToolError`."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy


class CancelledError(Exception):
    """The host no longer wants the answer."""


def explain(error: OSError, path: str = "") -> RefusalError:
    """Return the refusal that an error of the system means."""
    what = repr(path) if path else "It"
    full = "The disk of the sandbox is full, or a file is larger than its limit."
    table = {
        errno.ENOENT: ("not_found", "There is no %s." % what, "List the folder with file_list."),
        errno.ENOTDIR: (
            "invalid_arguments",
            "A part of %s is no folder." % what,
            "Check the path.",
        ),
        errno.EISDIR: ("invalid_arguments", "%s is a folder." % what, "Name a file."),
        errno.EEXIST: (
            "conflict",
            "%s is there already." % what,
            "Ask to overwrite, or take another name.",
        ),
        errno.ENOTEMPTY: (
            "conflict",
            "The folder %s is not empty." % what,
            "Ask for it with recursive=true.",
        ),
        errno.EACCES: (
            "forbidden",
            "The user of the sandbox may not touch %s." % what,
            "Check its mode.",
        ),
        errno.EPERM: (
            "forbidden",
            "The user of the sandbox may not touch %s." % what,
            "Check its mode.",
        ),
        errno.EROFS: (
            "forbidden",
            "%s is on a read-only file system." % what,
            "Write below /workspace.",
        ),
        errno.ENOSPC: ("too_large", full, "Delete files or write less."),
        errno.EDQUOT: ("too_large", full, "Delete files or write less."),
        errno.EFBIG: ("too_large", full, "Delete files or write less."),
        errno.ELOOP: (
            "invalid_arguments",
            "%s is a symbolic link." % what,
            "Name what it leads to.",
        ),
        errno.ENAMETOOLONG: (
            "invalid_arguments",
            "The name %s is too long." % what[:80],
            "Shorten it.",
        ),
        errno.EMFILE: ("busy", "Too many files are open in the sandbox.", "Try again in a moment."),
        errno.EAGAIN: (
            "busy",
            "The sandbox has reached its limit of processes.",
            "End some of them.",
        ),
        errno.ENOMEM: ("busy", "The sandbox has no memory left.", "End some processes."),
    }
    known = table.get(error.errno or 0)
    if known:
        return RefusalError(*known)
    return RefusalError("unavailable", "%s: %s" % (what, error.strerror or error), "Try again.")


# -- What is asked -------------------------------------------------------------------------------


class Call:
    """A request that is under way, with a stream in each direction.

    `credit` is how many bytes may be sent yet; `owed` how many were taken and not yet allowed
    again. What belongs to the loop sets the hooks; what runs in a thread uses `receive` and `put`.
    """

    def __init__(self, agent: Agent, number: int, head: dict[str, Any], payload: bytes) -> None:
        self.agent = agent
        self.number = number
        self.head = head
        self.payload = payload
        self.credit = WINDOW
        self.owed = 0
        self.is_done = False
        self.is_cancelled = False
        self.has_ended = False
        self.inbox: collections.deque[bytes] = collections.deque()
        self.changed = threading.Condition()
        self.on_data: Callable[[bytes], None] | None = None
        self.on_end: Callable[[], None] | None = None
        self.on_credit: Callable[[], None] | None = None
        self.on_cancel: Callable[[], None] | None = None

    def text(self, name: str, default: str | None = None) -> str:
        value = self.head.get(name, default)
        if not isinstance(value, str) or "\0" in value:
            raise RefusalError("invalid_arguments", "%s has to be text without NUL." % name)
        return value

    def number_of(self, name: str, default: int = 0, least: int = 0, most: int = 1 << 62) -> int:
        value = self.head.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise RefusalError(
                "invalid_arguments", "%s has to be from %d to %d." % (name, least, most)
            )
        return value

    # sending

    def event(self, **head: Any) -> None:
        if not self.is_done:
            self.agent.send(EVENT, self.number, head)

    def answer(self, head: dict[str, Any] | None = None, payload: bytes = b"") -> None:
        self._finish(ANSWER, head or {}, payload)

    def fail(self, error: BaseException) -> None:
        if isinstance(error, CancelledError):
            error = RefusalError("cancelled", "It was cancelled.")
        elif isinstance(error, OSError):
            error = explain(error, str(self.head.get("path", "")))
        elif not isinstance(error, RefusalError):
            error = RefusalError("internal", "%s: %s" % (type(error).__name__, error))
        head = {"code": error.code, "message": error.message[:500], "remedy": error.remedy[:500]}
        self._finish(FAILURE, head, b"")

    def _finish(self, kind: int, head: dict[str, Any], payload: bytes) -> None:
        if not self.is_done:
            self.is_done = True
            self.agent.calls.pop(self.number, None)
            self.agent.send(kind, self.number, head, payload)

    def data(self, data: bytes, lane: int = 0) -> None:
        """Send what there is credit for; the caller has looked."""
        self.credit -= len(data)
        self.agent.send(DATA, self.number, None, data, lane)

    def end(self, lane: int = 0) -> None:
        self.agent.send(END, self.number, None, b"", lane)

    def took(self, count: int) -> None:
        """Let the host send as much again as was taken."""
        self.owed += count
        if self.owed >= WINDOW // 4 and not self.is_done:
            self.agent.send(CREDIT, self.number, None, struct.pack("!I", self.owed))
            self.owed = 0

    # receiving, in the loop

    def receive_frame(self, kind: int, payload: bytes) -> None:
        if kind == DATA:
            if self.on_data:
                self.on_data(payload)
                return
            with self.changed:
                self.inbox.append(payload)
                self.changed.notify_all()
        elif kind == END:
            with self.changed:
                self.has_ended = True
                self.changed.notify_all()
            if self.on_end:
                self.on_end()
        elif kind == CREDIT:
            with self.changed:
                self.credit += struct.unpack("!I", payload)[0]
                self.changed.notify_all()
            if self.on_credit:
                self.on_credit()
        elif kind == CANCEL:
            with self.changed:
                self.is_cancelled = True
                self.changed.notify_all()
            if self.on_cancel:
                self.on_cancel()

    # in a thread

    def check(self) -> None:
        if self.is_cancelled:
            raise CancelledError

    def pieces(self) -> Iterator[bytes]:
        """Yield what the host sends until it ends; blocks."""
        while True:
            with self.changed:
                while not self.inbox and not self.has_ended and not self.is_cancelled:
                    self.changed.wait()
                self.check()
                if not self.inbox:
                    return
                piece = self.inbox.popleft()
            self.took(len(piece))
            yield piece

    def put(self, data: bytes) -> None:
        """Send data as credit allows; blocks."""
        view = memoryview(data)
        while view:
            with self.changed:
                while self.credit <= 0 and not self.is_cancelled:
                    self.changed.wait()
                self.check()
                piece = bytes(view[: min(self.credit, MAX_PAYLOAD)])
                self.credit -= len(piece)
            self.agent.send(DATA, self.number, None, piece)
            view = view[len(piece) :]


# -- The loop ------------------------------------------------------------------------------------


class Agent:
    """The channel, the loop, and the owner of all that runs."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self.incoming = incoming
        self.outgoing = outgoing
        self.buffer = bytearray()
        self.output: collections.deque[bytes | memoryview] = collections.deque()
        self.output_lock = threading.RLock()
        self.is_writing = False
        self.selector = selectors.DefaultSelector()
        self.timers: list[tuple[float, int, Callable[[], Any]]] = []
        self.timer_number = 0
        self.posted: collections.deque[Callable[[], Any]] = collections.deque()
        self.calls: dict[int, Call] = {}
        self.processes: dict[int, Running] = {}  # by call number
        self.children: dict[int, Callable[[int], Any]] = {}  # by pid: who wants its exit code
        self.listeners: dict[int, Listener] = {}
        self.temporary: set[tuple[int, str]] = (
            set()
        )  # (folder, name) of files that are being written
        self.environment = dict(os.environ)
        self.environment.pop("TERM", None)  # that of whoever started us, and no terminal of ours
        self.workspace = Workspace(os.getcwd())
        self.main_thread = threading.get_ident()
        self.workers = Workers()
        self.mark = os.urandom(8).hex() + "."
        self.wake_read, self.wake_write = os.pipe()
        for fd in (incoming, outgoing, self.wake_read, self.wake_write):
            os.set_blocking(fd, False)

    def run(self) -> None:
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.leave())
        self.watch(self.wake_read, selectors.EVENT_READ, self.on_wake)
        self.watch(self.incoming, selectors.EVENT_READ, self.on_input)
        self.greet()
        become_reaper()
        try:
            while True:
                for key, events in self.selector.select(self.due()):
                    key.data(events)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            self.leave(1)

    def greet(self) -> None:
        import pwd

        try:
            home = os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            home = "/"
        hello = {
            "protocol": PROTOCOL,
            "pid": os.getpid(),
            "uid": os.getuid(),
            "home": home,
            "workspace": self.workspace.path,
            "python": "%d.%d.%d" % sys.version_info[:3],
        }
        self.send(HELLO, 0, hello)

    # watching

    def watch(self, fd: int, events: int, callback: Callable[[int], Any]) -> None:
        try:
            self.selector.modify(fd, events, callback)
        except KeyError:
            self.selector.register(fd, events, callback)

    def unwatch(self, fd: int) -> None:
        try:
            self.selector.unregister(fd)
        except (KeyError, ValueError):
            pass

    def later(self, seconds: float, function: Callable[..., Any]) -> None:
        self.timer_number += 1
        heapq.heappush(self.timers, (time.monotonic() + seconds, self.timer_number, function))

    def due(self) -> float | None:
        """Run what is due and return the seconds until the next."""
        while self.timers:
            wait = self.timers[0][0] - time.monotonic()
            if wait > 0:
                return float(wait)
            heapq.heappop(self.timers)[2]()
        return None

    def post(self, function: Callable[..., Any]) -> None:
        """Have the loop call a function, from any thread."""
        self.posted.append(function)
        self.wake()

    def wake(self) -> None:
        try:
            os.write(self.wake_write, b"\0")
        except BlockingIOError:
            pass

    def on_wake(self, _events: int) -> None:
        try:
            os.read(self.wake_read, 4096)
        except BlockingIOError:
            pass
        while self.posted:
            self.posted.popleft()()
        self.reap()
        self.flush()

    # the channel

    def on_input(self, _events: int) -> None:
        try:
            data = os.read(self.incoming, 1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.leave()
        self.buffer += data
        start = 0
        while len(self.buffer) - start >= HEADER.size:
            kind, _lane, number, head, payload = HEADER.unpack_from(self.buffer, start)
            if head > MAX_HEAD or payload > MAX_PAYLOAD or not CALL <= kind <= CANCEL:
                self.leave(2)
            after = start + HEADER.size + head + payload
            if len(self.buffer) < after:
                break
            begin = start + HEADER.size
            text = bytes(self.buffer[begin : begin + head])
            body = bytes(self.buffer[begin + head : after])
            start = after
            self.take(kind, number, text, body)
        del self.buffer[:start]

    def take(self, kind: int, number: int, text: bytes, payload: bytes) -> None:
        if kind != CALL:
            call = self.calls.get(number)
            if call is not None:  # else it has just been answered
                if kind == CREDIT and len(payload) != 4:
                    self.leave(2)
                call.receive_frame(kind, payload)
            return
        try:
            head = json.loads(text.decode())
            operation = head["op"]
        except (ValueError, TypeError, KeyError):
            self.leave(2)
        call = self.calls[number] = Call(self, number, head, payload)
        try:
            quick = QUICK.get(operation)
            if quick is not None:
                quick(self, call)
                return
            function = THREADED.get(operation)
            if function is None:
                raise RefusalError("unsupported", "The agent knows no %r." % (operation,))
            self.workers.run(lambda: self.work(function, call))
        except Exception as error:
            call.fail(error)

    def work(self, function: Callable[..., Any], call: Call) -> None:
        try:
            call.check()
            head, payload = function(self, call)
            call.answer(head, payload)
        except Exception as error:
            call.fail(error)

    def send(
        self,
        kind: int,
        number: int,
        head: dict[str, Any] | None = None,
        payload: bytes = b"",
        lane: int = 0,
    ) -> None:
        """Send a frame, from any thread."""
        text = b"" if head is None else json.dumps(head, separators=(",", ":")).encode()
        frame = HEADER.pack(kind, lane, number, len(text), len(payload)) + text
        with self.output_lock:
            self.output.append(frame)
            if payload:
                self.output.append(payload)
        if threading.get_ident() == self.main_thread:
            self.flush()
        else:
            self.wake()

    def flush(self) -> None:
        with self.output_lock:
            while self.output:
                try:
                    sent = os.writev(
                        self.outgoing, [self.output[i] for i in range(min(len(self.output), 32))]
                    )
                except BlockingIOError:
                    break
                except OSError:
                    self.leave()
                while sent:
                    first = self.output[0]
                    if len(first) > sent:
                        self.output[0] = memoryview(first)[sent:]
                        break
                    sent -= len(first)
                    self.output.popleft()
            if bool(self.output) != self.is_writing:
                self.is_writing = bool(self.output)
                if self.is_writing:
                    self.watch(self.outgoing, selectors.EVENT_WRITE, lambda _events: self.flush())
                else:
                    self.unwatch(self.outgoing)

    # children

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            done = self.children.pop(pid, None)
            if done is not None:
                done(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))

    def spawn(
        self, argv: list[str], done: Callable[..., Any], **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own; `done` gets its exit code in the loop."""
        process = subprocess.Popen(argv, start_new_session=True, close_fds=True, **options)
        process.returncode = 0  # the loop reaps it
        self.children[process.pid] = done
        return process

    def leave(self, code: int = 0) -> None:
        """Kill all that was started here, take away half-written files, and go."""
        try:
            for folder, name in list(self.temporary):
                try:
                    os.unlink(name, dir_fd=folder)
                except OSError:
                    pass
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                self.reap_all()
                pids = everything(self.mark)
                if not pids:
                    break
                kill_all(pids)
        finally:
            os._exit(code)

    def reap_all(self) -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


class Workers:
    """Threads that come when they are needed and go when there are too many idle ones."""

    def __init__(self) -> None:
        self.jobs: collections.deque[Callable[[], None]] = collections.deque()
        self.changed = threading.Condition()
        self.idle = 0
        self.count = 0

    def run(self, job: Callable[[], None]) -> None:
        with self.changed:
            self.jobs.append(job)
            if self.idle >= len(self.jobs):
                self.changed.notify()
                return
            if self.count >= MAX_THREADS:
                return
            self.count += 1
        try:
            threading.Thread(target=self.loop, daemon=True).start()
        except RuntimeError:  # the limit of processes
            with self.changed:
                self.count -= 1
                if self.count == 0:
                    self.jobs.remove(job)
                    raise OSError(errno.EAGAIN, "no thread") from None

    def loop(self) -> None:
        while True:
            with self.changed:
                self.idle += 1
                while not self.jobs:
                    if self.idle > 4:
                        self.idle -= 1
                        self.count -= 1
                        return
                    self.changed.wait()
                self.idle -= 1
                job = self.jobs.popleft()
            job()


def become_reaper() -> None:
    """Become the parent of orphans, and keep others of the user out of our memory and pipes."""
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass


def processes() -> Iterator[tuple[int, int, int, int]]:
    """Yield (pid, parent, group, session, start time) of each process that can be seen."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if fields[0] not in (b"Z", b"X"):
                yield int(name), int(fields[1]), int(fields[2]), int(fields[3])


def below(roots: Iterable[int], rows: list[tuple[int, int, int, int]]) -> set[int]:
    """Return the processes that descend from some, without these."""
    children: dict[int, list[int]] = {}
    for pid, parent, _group, _session in rows:
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    pending = list(roots)
    while pending:
        for pid in children.get(pending.pop(), ()):
            if pid not in found:
                found.add(pid)
                pending.append(pid)
    return found


def everything(mark: str) -> set[int]:
    """Return all processes that came of us: below us, or with our mark in their environment."""
    rows = list(processes())
    return below([os.getpid()], rows) | {row[0] for row in rows if has_mark(row[0], mark)}


def descendants(leader: int, mark: str) -> set[int]:
    """Return the processes of a session, those with its mark, and all that descend from them.

    Orphans are our children where the kernel lets us be their parent, and else those of the first
    process, so nobody else has to be looked at.
    """
    rows = list(processes())
    ours = below([os.getpid()], rows)
    found = {
        pid
        for pid, parent, group, session in rows
        if (pid in ours or parent == 1)
        and pid != os.getpid()
        and (leader in (group, session) or has_mark(pid, mark))
    }
    return found | below(found, rows)


def has_mark(pid: int, mark: str) -> bool:
    try:
        with open("/proc/%d/environ" % pid, "rb") as file:
            return ("\0%s=%s" % (MARK, mark)).encode() in b"\0" + file.read(1 << 20)
    except OSError:
        return False


def kill_all(pids: Iterable[int]) -> None:
    """Kill processes; all are stopped first, so that none starts another when one is gone."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in list(pids):
            try:
                os.kill(pid, number)
            except OSError:
                pass


# -- Processes -----------------------------------------------------------------------------------


class Running:
    """A process with its pipes or its terminal, and the stream of its call."""

    def __init__(self, agent: Agent, call: Call) -> None:
        self.agent = agent
        self.call = call
        self.pid = 0
        self.exit_code: int | None = None
        self.timed_out = False
        self.outputs: dict[int, int] = {}  # descriptor: lane
        self.stdin = -1
        self.is_terminal = False
        self.queue: collections.deque[bytes] = collections.deque()
        self.closes_stdin = False
        self.mark = mark_of(agent, call.number)
        self.lingers_until = 0.0

    def start(self) -> None:
        head = self.call.head
        argv = head.get("argv")
        if (
            not isinstance(argv, list)
            or not argv
            or not all(isinstance(a, str) and "\0" not in a for a in argv)
        ):
            raise RefusalError("invalid_arguments", "argv has to be a list of texts.")
        cwd = os.path.join(self.agent.workspace.path, self.call.text("cwd", ""))
        if not os.path.isdir(cwd):
            raise RefusalError(
                "not_found", "There is no folder %r." % cwd, "Make it first, or leave cwd out."
            )
        environment = dict(self.agent.environment)
        merge(environment, head.get("env") or {})
        environment[MARK] = self.mark
        size = head.get("pty")
        try:
            if size:
                environment.setdefault("TERM", "xterm-256color")
                self.start_terminal(argv, cwd, environment, size)
            else:
                self.start_pipes(argv, cwd, environment, bool(head.get("stdin", True)))
        except FileNotFoundError:
            remedy = "Check the spelling and PATH, or install it in the image."
            raise RefusalError("not_found", "Command not found: %r." % argv[0], remedy) from None
        except (PermissionError, IsADirectoryError):
            raise RefusalError(
                "forbidden", "%r cannot be run." % argv[0], "Check its mode (chmod +x)."
            ) from None
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                raise RefusalError(
                    "invalid_arguments",
                    "%r is no program." % argv[0],
                    "Run it with its interpreter.",
                ) from None
            if error.errno == errno.E2BIG:
                raise RefusalError(
                    "too_large", "The arguments are too long.", "Put them into a file."
                ) from None
            raise
        self.agent.processes[self.call.number] = self
        self.call.on_data, self.call.on_end = self.on_data, self.on_end
        self.call.on_credit, self.call.on_cancel = self.watch_outputs, self.cancel
        seconds = head.get("seconds")
        if isinstance(seconds, (int, float)) and seconds >= 0:
            self.agent.later(seconds, self.time_out)
        self.call.event(pid=self.pid)
        self.watch_outputs()

    def start_pipes(
        self, argv: list[str], cwd: str, environment: dict[str, str], has_stdin: bool
    ) -> None:
        process = self.agent.spawn(
            argv,
            self.on_exit,
            cwd=cwd,
            env=environment,
            bufsize=0,
            stdin=subprocess.PIPE if has_stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.pid = process.pid
        self.outputs = {keep(process.stdout): 0, keep(process.stderr): 1}
        if has_stdin:
            self.stdin = keep(process.stdin)

    def start_terminal(
        self, argv: list[str], cwd: str, environment: dict[str, str], size: Any
    ) -> None:
        import pty
        import termios

        master, slave = pty.openpty()
        try:
            self.resize(master, size)

            def take_terminal() -> None:
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)

            process = self.agent.spawn(
                argv,
                self.on_exit,
                cwd=cwd,
                env=environment,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                preexec_fn=take_terminal,
            )
        except subprocess.SubprocessError:
            os.close(master)
            raise RefusalError(
                "unavailable", "The sandbox has no terminals.", "Run the command without one."
            ) from None
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        os.set_blocking(master, False)
        self.pid = process.pid
        self.is_terminal = True
        self.outputs = {master: 0}
        self.stdin = os.dup(master)
        os.set_blocking(self.stdin, False)

    def resize(self, fd: int, size: Any) -> None:
        import termios

        rows, columns = size
        if not (1 <= rows <= 1000 and 1 <= columns <= 1000):
            raise RefusalError("invalid_arguments", "A terminal has 1 to 1000 rows and columns.")
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    # output

    def watch_outputs(self) -> None:
        for fd in self.outputs:
            if self.call.credit > 0:
                self.agent.watch(fd, selectors.EVENT_READ, functools.partial(self.on_output, fd))
            else:
                self.agent.unwatch(fd)

    def on_output(self, fd: int, _events: int) -> None:
        lane = self.outputs.get(fd)
        if lane is None:
            return
        try:
            data = os.read(fd, min(PIECE, self.call.credit))
        except BlockingIOError:
            return
        except OSError:  # a terminal that everybody has left
            data = b""
        if data:
            self.call.data(data, lane)
            if self.call.credit <= 0:
                self.watch_outputs()
        else:
            self.close_output(fd)
            self.finish_if_over()

    def close_output(self, fd: int) -> None:
        lane = self.outputs.pop(fd)
        self.agent.unwatch(fd)
        os.close(fd)
        self.call.end(lane)

    def on_exit(self, code: int) -> None:
        self.exit_code = code
        self.close_stdin()
        self.call.event(exit_code=code, timed_out=self.timed_out)
        self.lingers_until = time.monotonic() + 4 * LINGER
        self.finish_if_over()
        if not self.call.is_done:
            self.agent.later(LINGER, self.let_linger)

    def let_linger(self) -> None:
        """Throw away from now on what comes of what the command left running."""
        if self.call.is_done:
            return
        if self.call.credit <= 0 or (
            any(map(holds, self.outputs)) and time.monotonic() < self.lingers_until
        ):
            self.agent.later(0.05, self.let_linger)
            return
        for fd, lane in list(self.outputs.items()):
            self.call.end(lane)
            Discarded(self.agent, fd)
        self.outputs.clear()
        self.finish_if_over()

    def finish_if_over(self) -> None:
        if self.exit_code is not None and not self.outputs and not self.call.is_done:
            self.agent.processes.pop(self.call.number, None)
            self.call.answer({"exit_code": self.exit_code, "timed_out": self.timed_out})

    # input

    def on_data(self, data: bytes) -> None:
        if self.stdin < 0:
            self.call.took(len(data))
            return
        self.queue.append(data)
        self.feed()

    def on_end(self) -> None:
        if self.is_terminal:
            self.queue.append(b"\x04")
        else:
            self.closes_stdin = True
        self.feed()

    def feed(self, _events: int = 0) -> None:
        while self.queue and self.stdin >= 0:
            piece = self.queue[0]
            try:
                sent = os.write(self.stdin, piece)
            except BlockingIOError:
                self.agent.watch(self.stdin, selectors.EVENT_WRITE, self.feed)
                return
            except OSError:
                self.close_stdin()
                return
            self.call.took(sent)
            if sent < len(piece):
                self.queue[0] = piece[sent:]
            else:
                self.queue.popleft()
        if self.stdin >= 0:
            self.agent.unwatch(self.stdin)
            if self.closes_stdin:
                self.close_stdin()

    def close_stdin(self) -> None:
        if self.stdin >= 0:
            self.agent.unwatch(self.stdin)
            os.close(self.stdin)
            self.stdin = -1
        self.call.took(sum(len(piece) for piece in self.queue))
        self.queue.clear()

    # ending

    def signal(self, number: int) -> None:
        if self.exit_code is None:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                pass

    def kill(self) -> None:
        """Kill the group, its session, and all descendants that can be found."""
        self.signal(signal.SIGKILL)
        kill_descendants(self.pid, self.mark)

    def time_out(self) -> None:
        if self.exit_code is None and not self.call.is_done:
            self.timed_out = True
            self.kill()

    def cancel(self) -> None:
        self.kill()
        self.close_stdin()
        for fd in self.outputs:
            self.agent.unwatch(fd)
            os.close(fd)
        self.outputs.clear()
        self.agent.processes.pop(self.call.number, None)
        self.call.fail(CancelledError())


class Discarded:
    """The output of what a finished command left running: read and thrown away."""

    def __init__(self, agent: Agent, fd: int) -> None:
        self.agent = agent
        self.fd = fd
        agent.watch(fd, selectors.EVENT_READ, self.on_output)

    def on_output(self, _events: int) -> None:
        try:
            if os.read(self.fd, PIECE):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.agent.unwatch(self.fd)
        os.close(self.fd)


def holds(fd: int) -> bool:
    """Whether something can be read now."""
    return bool(select.select([fd], [], [], 0)[0]) if fd < 1024 else False


def keep(file: IO[bytes] | None) -> int:
    """Return the descriptor of a pipe as our own, non-blocking."""
    if file is None:
        raise OSError(errno.EBADF, "no pipe")
    fd = os.dup(file.fileno())
    file.close()
    os.set_blocking(fd, False)
    return fd


def merge(environment: dict[str, str], changes: Any) -> None:
    if not isinstance(changes, dict):
        raise RefusalError("invalid_arguments", "env has to be an object of texts.")
    for name, value in changes.items():
        if not name or "=" in name or "\0" in name:
            raise RefusalError("invalid_arguments", "A variable has no name or one with = in it.")
        if value is None:
            environment.pop(name, None)
        elif isinstance(value, str) and "\0" not in value:
            environment[name] = value
        else:
            raise RefusalError("invalid_arguments", "The variable %s is no text." % name)


def start(agent: Agent, call: Call) -> None:
    Running(agent, call).start()


def process_of(agent: Agent, call: Call) -> Running:
    try:
        return agent.processes[call.number_of("process")]
    except KeyError:
        raise RefusalError("not_found", "The process has ended.") from None


def send_signal(agent: Agent, call: Call) -> None:
    process_of(agent, call).signal(call.number_of("number", most=64))
    call.answer()


def kill(agent: Agent, call: Call) -> None:
    """Kill a process and what came of it; of one that has ended, what it left running."""
    number = call.number_of("process")
    running = agent.processes.get(number)
    if running is not None:
        running.kill()
    else:
        kill_descendants(-1, mark_of(agent, number))
    call.answer()


def mark_of(agent: Agent, number: int) -> str:
    """Return what marks the processes of a request in their environment."""
    return "%s%d." % (agent.mark, number)


def kill_descendants(leader: int, mark: str) -> None:
    """Kill a session and all that came of it, until there is nothing left."""
    for _round in range(20):
        pids = descendants(leader, mark)
        if not pids:
            return
        kill_all(pids)


def resize(agent: Agent, call: Call) -> None:
    running = process_of(agent, call)
    if not running.is_terminal or running.stdin < 0:
        raise RefusalError("invalid_arguments", "The process has no terminal.")
    running.resize(running.stdin, (call.number_of("rows"), call.number_of("columns")))
    call.answer()


# -- Connections ---------------------------------------------------------------------------------


class Connection:
    """A TCP connection inside and the stream of its call."""

    def __init__(
        self, agent: Agent, call: Call, sock: socket.socket, done: Callable[[], None] | None = None
    ) -> None:
        self.agent = agent
        self.call = call
        self.sock = sock
        self.done = done
        self.queue: collections.deque[bytes] = collections.deque()
        self.is_read = False  # the program inside has closed its side
        self.is_written = False  # the host has closed its side
        self.closes = False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        call.on_data, call.on_end = self.on_data, self.on_end
        call.on_credit, call.on_cancel = self.watch, self.cancel

    def watch(self) -> None:
        events = 0
        if not self.is_read and self.call.credit > 0:
            events |= selectors.EVENT_READ
        if self.queue:
            events |= selectors.EVENT_WRITE
        if self.sock.fileno() < 0:
            return
        if events:
            self.agent.watch(self.sock.fileno(), events, self.on_events)
        else:
            self.agent.unwatch(self.sock.fileno())

    def on_events(self, events: int) -> None:
        if events & selectors.EVENT_READ and not self.is_read and self.call.credit > 0:
            self.receive()
        if not self.call.is_done and self.queue:
            self.feed()

    def receive(self) -> None:
        try:
            data = self.sock.recv(min(PIECE, self.call.credit))
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if data:
            self.call.data(data)
        else:
            self.is_read = True
            self.call.end()
        self.go_on()

    def on_data(self, data: bytes) -> None:
        self.queue.append(data)
        self.feed()

    def on_end(self) -> None:
        self.closes = True
        self.feed()

    def feed(self) -> None:
        while self.queue:
            piece = self.queue[0]
            try:
                sent = self.sock.send(piece)
            except BlockingIOError:
                break
            except OSError:
                self.close()
                return
            self.call.took(sent)
            if sent < len(piece):
                self.queue[0] = piece[sent:]
            else:
                self.queue.popleft()
        if self.closes and not self.queue and not self.is_written:
            self.is_written = True
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        self.go_on()

    def go_on(self) -> None:
        if self.is_read and self.is_written:
            self.close()
        else:
            self.watch()

    def close(self) -> None:
        self.release()
        self.call.answer()

    def cancel(self) -> None:
        self.release()
        self.call.fail(CancelledError())

    def release(self) -> None:
        if self.sock.fileno() >= 0:
            self.agent.unwatch(self.sock.fileno())
            self.sock.close()
            if self.done:
                self.done()


def dial(agent: Agent, call: Call) -> None:
    port = call.number_of("port", 0, 1, 65535)
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)

    def connected(_events: int) -> None:
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            refuse()
            return
        agent.unwatch(sock.fileno())
        connection = Connection(agent, call, sock)
        call.event(connected=True)
        connection.watch()

    def refuse() -> None:
        agent.unwatch(sock.fileno())
        sock.close()
        remedy = "Start the server first, and let it listen on 127.0.0.1 or 0.0.0.0."
        call.fail(
            RefusalError("unavailable", "Nothing listens on port %d in the sandbox." % port, remedy)
        )

    def cancel() -> None:
        agent.unwatch(sock.fileno())
        sock.close()
        call.fail(CancelledError())

    call.on_cancel = cancel
    try:
        sock.connect(("127.0.0.1", port))
    except BlockingIOError:
        agent.watch(sock.fileno(), selectors.EVENT_WRITE, connected)
        return
    except OSError:
        refuse()
        return
    connected(0)


class Listener:
    """A port inside whose connections the host serves."""

    def __init__(self, agent: Agent, call: Call) -> None:
        self.agent = agent
        self.call = call
        self.number = 0
        self.waiting: dict[int, socket.socket] = {}
        self.open = 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind(("127.0.0.1", call.number_of("port", 0, 0, 65535)))
            self.sock.listen(128)
        except OSError as error:
            self.sock.close()
            if error.errno == errno.EADDRINUSE:
                raise RefusalError(
                    "conflict", "The port is in use in the sandbox.", "Take another one."
                ) from None
            raise
        self.sock.setblocking(False)
        call.on_cancel = self.cancel
        agent.listeners[call.number] = self
        call.event(port=self.sock.getsockname()[1])
        self.watch()

    def watch(self) -> None:
        if self.sock.fileno() < 0:
            return
        if self.open < MAX_CONNECTIONS:
            self.agent.watch(self.sock.fileno(), selectors.EVENT_READ, self.on_connection)
        else:
            self.agent.unwatch(self.sock.fileno())

    def on_connection(self, _events: int) -> None:
        try:
            sock, _address = self.sock.accept()
        except OSError:
            return
        self.number += 1
        self.open += 1
        self.waiting[self.number] = sock
        self.call.event(connection=self.number)
        self.watch()

    def gone(self) -> None:
        self.open -= 1
        self.watch()

    def cancel(self) -> None:
        self.agent.unwatch(self.sock.fileno())
        self.sock.close()
        for sock in self.waiting.values():
            sock.close()
        self.agent.listeners.pop(self.call.number, None)
        self.call.fail(CancelledError())


def accept(agent: Agent, call: Call) -> None:
    listener = agent.listeners.get(call.number_of("listener"))
    sock = listener.waiting.pop(call.number_of("connection"), None) if listener else None
    if listener is None or sock is None:
        raise RefusalError("not_found", "The connection is gone.")
    connection = Connection(agent, call, sock, listener.gone)
    call.event(connected=True)
    connection.watch()


# -- Files ---------------------------------------------------------------------------------------


class Workspace:
    """The folder that all paths lie below, opened part by part so that no link leads out of it.

    Nothing is looked up twice by name: each folder is opened relative to the one above it and not
    through links; where a part is a link, its target is walked the same way. So swapping a folder
    for a link meanwhile changes nothing.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.root = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def parent(self, path: str, makes: bool = False, follows: bool = False) -> tuple[int, str]:
        """Return the open folder of a path and the name in it; ``.`` for the workspace itself.

        With `follows`, a link at the end is followed as long as it stays inside.
        """
        walk = Walk(self, path)
        try:
            return walk.to_parent(makes, follows)
        finally:
            walk.close()

    def folder(self, path: str) -> int:
        """Return the folder, open for reading."""
        fd, name = self.parent(path, follows=True)
        try:
            return os.open(name, os.O_RDONLY | DIRECTORY, dir_fd=fd)
        finally:
            os.close(fd)

    def file(self, path: str) -> tuple[int, os.stat_result]:
        """Return the regular file, open for reading, and its status."""
        parent, name = self.parent(path, follows=True)
        try:
            fd = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent
            )
        finally:
            os.close(parent)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, "")
            raise RefusalError("invalid_arguments", "%r is no file." % path, "Name a regular file.")
        return fd, status


class Walk:
    """One path on its way down."""

    def __init__(self, workspace: Workspace, path: str) -> None:
        self.workspace = workspace
        self.path = path
        self.links = 0
        self.stack = [os.dup(workspace.root)]
        self.parts = collections.deque(self.split(path))

    def split(self, path: str) -> list[str]:
        root = self.workspace.path.rstrip("/")
        if path.startswith("/"):
            if path != root and not path.startswith(root + "/"):
                raise self.leads_out()
            path = path[len(root) :]
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if len(parts) > MAX_DEPTH:
            raise RefusalError("invalid_arguments", "The path has more than %d parts." % MAX_DEPTH)
        return parts

    def leads_out(self) -> RefusalError:
        message = "%r leads out of the workspace." % self.path
        return RefusalError("invalid_arguments", message, "Name a path below /workspace.")

    def to_parent(self, makes: bool, follows: bool) -> tuple[int, str]:
        while self.parts:
            part = self.parts.popleft()
            if part == "..":
                self.up()
            elif self.parts:
                self.down(part, makes)
            elif not (follows and self.follow(part)):
                return self.stack.pop(), part
        return self.stack.pop(), "."

    def up(self) -> None:
        if len(self.stack) == 1:
            raise self.leads_out()
        os.close(self.stack.pop())

    def down(self, part: str, makes: bool) -> None:
        if len(self.stack) > MAX_DEPTH:
            raise RefusalError("invalid_arguments", "The path has more than %d parts." % MAX_DEPTH)
        for _try in range(3):
            try:
                self.stack.append(os.open(part, os.O_PATH | DIRECTORY, dir_fd=self.stack[-1]))
                return
            except FileNotFoundError:
                if not makes:
                    raise
                try:
                    os.mkdir(part, 0o777, dir_fd=self.stack[-1])
                except FileExistsError:
                    pass
            except OSError as error:
                if error.errno not in (errno.ENOTDIR, errno.ELOOP) or not self.follow(part):
                    raise
                return
        raise FileNotFoundError(errno.ENOENT, "")

    def follow(self, part: str) -> bool:
        """Put the target of a link in front of what is left; False where it is no link."""
        try:
            target = os.readlink(part, dir_fd=self.stack[-1])
        except OSError:
            return False
        self.links += 1
        if self.links > MAX_LINKS:
            raise RefusalError("invalid_arguments", "%r goes round in circles." % self.path)
        parts = self.split(target)
        if target.startswith("/"):
            while len(self.stack) > 1:
                os.close(self.stack.pop())
        self.parts.extendleft(reversed(parts))
        return True

    def close(self) -> None:
        for fd in self.stack:
            os.close(fd)


def entry(
    path: str, status: os.stat_result, parent: int | None = None, name: str = ""
) -> list[Any]:
    mode = status.st_mode
    kind, target = "other", ""
    if stat.S_ISREG(mode):
        kind = "file"
    elif stat.S_ISDIR(mode):
        kind = "directory"
    elif stat.S_ISLNK(mode):
        kind = "symlink"
        try:
            target = os.readlink(name, dir_fd=parent)
        except OSError:
            pass
    size = status.st_size if kind == "file" else 0
    return [path, kind, size, status.st_mtime, stat.S_IMODE(mode), target]


def tidy(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def file_stat(agent: Agent, call: Call) -> Result:
    path = call.text("path")
    parent, name = agent.workspace.parent(path)
    try:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        return {"entry": entry(tidy(path), status, parent, name)}, b""
    finally:
        os.close(parent)


def file_list(agent: Agent, call: Call) -> Result:
    path = call.text("path")
    limit = call.number_of("limit", 1000, 0, MAX_NAMES)
    found: list[Any] = []
    fd = agent.workspace.folder(path)
    listing(call, fd, tidy(path), bool(call.head.get("recursive")), limit, found, 0)
    reply(call, found)
    return {}, b""


def listing(
    call: Call, fd: int, path: str, recursive: bool, limit: int, found: list[Any], depth: int
) -> None:
    try:
        call.check()
        with os.scandir(fd) as scan:
            names = sorted(each.name for _number, each in zip(range(MAX_NAMES), scan))
        for name in names:
            if len(found) > limit:
                return
            below = path + "/" + name if path else name
            try:
                status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                continue
            found.append(entry(below, status, fd, name))
            if recursive and stat.S_ISDIR(status.st_mode) and depth < MAX_DEPTH:
                try:
                    inner = os.open(name, os.O_RDONLY | DIRECTORY, dir_fd=fd)
                except OSError:
                    continue  # not ours to read, or no folder any more
                listing(call, inner, below, recursive, limit, found, depth + 1)
    finally:
        os.close(fd)


def reply(call: Call, rows: list[Any]) -> None:
    """Send rows, a batch a line."""
    for start in range(0, len(rows), BATCH):
        call.put(json.dumps(rows[start : start + BATCH], separators=(",", ":")).encode() + b"\n")


def file_read(agent: Agent, call: Call) -> Result:
    offset, limit = call.number_of("offset"), call.number_of("limit", 1 << 62)
    fd, status = agent.workspace.file(call.text("path"))
    try:
        if offset:
            os.lseek(fd, offset, os.SEEK_SET)
        left = min(limit, max(status.st_size - offset, 0))
        if left <= MAX_PAYLOAD and not call.head.get("streamed"):
            return {"size": status.st_size}, read_exactly(fd, left)
        while left:
            data = os.read(fd, min(left, MAX_PAYLOAD))
            if not data:
                break
            left -= len(data)
            call.put(data)
        return {"size": status.st_size}, b""
    finally:
        os.close(fd)


def read_exactly(fd: int, count: int) -> bytes:
    data = os.read(fd, count) if count else b""
    while len(data) < count:
        more = os.read(fd, count - len(data))
        if not more:
            break
        data += more
    return data


def file_write(agent: Agent, call: Call) -> Result:
    path = call.text("path")
    parent, name = agent.workspace.parent(path, makes=True)
    temporary = ".%s.jupyter-mcp" % os.urandom(8).hex()
    try:
        if name in (".", ".."):
            raise IsADirectoryError(errno.EISDIR, "")
        before = look(parent, name)
        guard(call, parent, name, before)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        agent.temporary.add((parent, temporary))
        fd = os.open(temporary, flags, 0o600, dir_fd=parent)
        try:
            fill(fd, call)
            os.fchmod(
                fd,
                stat.S_IMODE(before.st_mode)
                if before and stat.S_ISREG(before.st_mode)
                else 0o666 & ~UMASK,
            )
            os.fsync(fd)
        finally:
            os.close(fd)
        call.check()
        put_in_place(call, parent, temporary, name)
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        return {"entry": entry(tidy(path), status, parent, name)}, b""
    finally:
        try:
            os.unlink(temporary, dir_fd=parent)
        except OSError:
            pass
        agent.temporary.discard((parent, temporary))
        os.close(parent)


def look(parent: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def guard(call: Call, parent: int, name: str, before: os.stat_result | None) -> None:
    """Refuse what must not be replaced."""
    if before is not None and stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError(errno.EISDIR, "")
    if before is not None and not call.head.get("overwrite", True):
        raise FileExistsError(errno.EEXIST, "")
    revision = call.text("revision", "")
    if revision and revision != revision_of(parent, name):
        message = "%r has changed since it was read." % call.head["path"]
        raise RefusalError("conflict", message, "Read it again and repeat the change.")


def revision_of(parent: int, name: str) -> str:
    import hashlib

    try:
        fd = os.open(
            name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent
        )
    except OSError:
        return ""
    digest = hashlib.sha256()
    try:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            while True:
                data = os.read(fd, MAX_PAYLOAD)
                if not data:
                    return digest.hexdigest()
                digest.update(data)
        return ""
    finally:
        os.close(fd)


def fill(fd: int, call: Call) -> None:
    write_all(fd, call.payload)
    if call.head.get("streamed"):
        for piece in call.pieces():
            write_all(fd, piece)


def write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def put_in_place(call: Call, parent: int, temporary: str, name: str) -> None:
    if call.head.get("overwrite", True):
        if call.head.get("revision"):
            guard(call, parent, name, look(parent, name))
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        return
    try:
        os.link(temporary, name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        guard(call, parent, name, look(parent, name))
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)


def file_delete(agent: Agent, call: Call) -> Result:
    parent, name = agent.workspace.parent(call.text("path"))
    try:
        if name in (".", ".."):
            raise RefusalError(
                "invalid_arguments", "The workspace itself stays.", "Name what is in it."
            )
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(name, dir_fd=parent)
        elif call.head.get("recursive"):
            empty(call, os.open(name, os.O_RDONLY | DIRECTORY, dir_fd=parent))
            os.rmdir(name, dir_fd=parent)
        else:
            os.rmdir(name, dir_fd=parent)
        return {}, b""
    finally:
        os.close(parent)


def empty(call: Call, fd: int) -> None:
    """Delete all that is in a folder; links are not followed. Any depth, with few descriptors."""
    stack = [(fd, "")]
    try:
        while stack:
            call.check()
            current, name = stack[-1]
            inner = None
            with os.scandir(current) as scan:
                for each in scan:
                    if each.is_dir(follow_symlinks=False):
                        inner = each.name
                        break
                    os.unlink(each.name, dir_fd=current)
            if inner is None:
                stack.pop()
                os.close(current)
                if stack:
                    os.rmdir(name, dir_fd=stack[-1][0])
            else:
                stack.append((os.open(inner, os.O_RDONLY | DIRECTORY, dir_fd=current), inner))
    finally:
        for current, _name in stack:
            os.close(current)


def file_move(agent: Agent, call: Call) -> Result:
    source, source_name = agent.workspace.parent(call.text("path"))
    try:
        target, target_name = agent.workspace.parent(call.text("target"), makes=True)
        try:
            if "." in (source_name, target_name):
                raise RefusalError(
                    "invalid_arguments", "The workspace itself stays.", "Name what is in it."
                )
            status = os.stat(source_name, dir_fd=source, follow_symlinks=False)
            move(call, source, source_name, target, target_name)
            status = os.stat(target_name, dir_fd=target, follow_symlinks=False)
            return {"entry": entry(tidy(call.head["target"]), status, target, target_name)}, b""
        finally:
            os.close(target)
    finally:
        os.close(source)


def move(call: Call, source: int, source_name: str, target: int, target_name: str) -> None:
    there = look(target, target_name)
    if there is not None and not call.head.get("overwrite"):
        message = "%r is there already." % call.head["target"]
        raise RefusalError("conflict", message, "Ask to overwrite, or take another name.")
    try:
        os.rename(source_name, target_name, src_dir_fd=source, dst_dir_fd=target)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise RefusalError(
                "invalid_arguments", "A folder cannot be moved into itself."
            ) from None
        raise


def file_mkdir(agent: Agent, call: Call) -> Result:
    path = call.text("path")
    parent, name = agent.workspace.parent(path, makes=True, follows=True)
    try:
        if name != ".":
            try:
                os.mkdir(name, 0o777, dir_fd=parent)
            except FileExistsError:
                if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                    raise
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        return {"entry": entry(tidy(path), status, parent, name)}, b""
    finally:
        os.close(parent)


def usage(agent: Agent, call: Call) -> Result:
    """Return the bytes of the workspace and of its disk, and what the kernel counts."""
    total = 0
    fd = os.open(".", os.O_RDONLY | DIRECTORY, dir_fd=agent.workspace.root)
    disk = os.fstatvfs(fd)
    pending = [(fd, 0)]
    seen = set()
    try:
        while pending:
            call.check()
            current, depth = pending.pop()
            try:
                with os.scandir(current) as scan:
                    for each in scan:
                        try:
                            status = each.stat(follow_symlinks=False)
                            if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
                                if (status.st_dev, status.st_ino) in seen:
                                    continue
                                seen.add((status.st_dev, status.st_ino))
                            total += status.st_blocks * 512
                            if (
                                stat.S_ISDIR(status.st_mode)
                                and depth < MAX_DEPTH
                                and len(pending) < 400
                            ):
                                pending.append(
                                    (
                                        os.open(each.name, os.O_RDONLY | DIRECTORY, dir_fd=current),
                                        depth + 1,
                                    )
                                )
                        except OSError:
                            continue
            finally:
                os.close(current)
    finally:
        for current, _depth in pending:
            os.close(current)
    head = {
        "bytes": total,
        "free": disk.f_bavail * disk.f_frsize,
        "size": disk.f_blocks * disk.f_frsize,
    }
    head.update(counters())
    return head, b""


def counters() -> dict[str, int]:
    """Return what the cgroup counts, where its files can be read (version 2, then version 1)."""
    found = {}
    files = {
        "memory": ("memory.current", "memory/memory.usage_in_bytes"),
        "pids": ("pids.current", "pids/pids.current"),
    }
    for name, places in files.items():
        for place in places:
            try:
                with open("/sys/fs/cgroup/" + place) as file:
                    found[name] = int(file.read())
                break
            except (OSError, ValueError):
                continue
    for place in ("memory.events", "memory/memory.oom_control"):
        try:
            with open("/sys/fs/cgroup/" + place) as file:
                rows = dict(line.split() for line in file)
            found["oom_kills"] = int(rows["oom_kill"])
            break
        except (OSError, ValueError, KeyError):
            continue
    return found


# -- Archives ------------------------------------------------------------------------------------


class Outlet:
    """A file of which tarfile only writes."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def write(self, data: bytes) -> int:
        self.call.put(data)
        return len(data)


class Inlet:
    """A file of which tarfile only reads."""

    def __init__(self, call: Call) -> None:
        self.pieces = call.pieces()
        self.rest = b""

    def read(self, count: int) -> bytes:
        parts, length = [], 0
        while length < count:
            if not self.rest:
                self.rest = next(self.pieces, b"")
                if not self.rest:
                    break
            part = self.rest[: count - length]
            self.rest = self.rest[len(part) :]
            parts.append(part)
            length += len(part)
        return b"".join(parts)


def export(agent: Agent, call: Call) -> Result:
    """Send a folder as an uncompressed tar: files, folders and links, nothing else."""
    import tarfile

    path = tidy(call.text("path", ""))
    fd = agent.workspace.folder(path)
    outlet: Any = Outlet(call)
    with tarfile.open(
        fileobj=outlet, mode="w|", format=tarfile.PAX_FORMAT, bufsize=PIECE
    ) as archive:
        pack(call, archive, fd, "", 0)
    return {}, b""


def pack(call: Call, archive: tarfile.TarFile, fd: int, path: str, depth: int) -> None:
    import tarfile

    try:
        with os.scandir(fd) as scan:
            names = sorted(each.name for each in scan)
        for name in names:
            call.check()
            below = path + "/" + name if path else name
            member = tarfile.TarInfo(below)
            try:
                status = os.stat(name, dir_fd=fd, follow_symlinks=False)
                member.mtime, member.mode = status.st_mtime, stat.S_IMODE(status.st_mode) & 0o777
                if stat.S_ISDIR(status.st_mode) and depth < MAX_DEPTH:
                    inner = os.open(name, os.O_RDONLY | DIRECTORY, dir_fd=fd)
                    member.type = tarfile.DIRTYPE
                    archive.addfile(member)
                    pack(call, archive, inner, below, depth + 1)
                elif stat.S_ISLNK(status.st_mode):
                    member.type, member.linkname = tarfile.SYMTYPE, os.readlink(name, dir_fd=fd)
                    archive.addfile(member)
                elif stat.S_ISREG(status.st_mode):
                    pack_file(archive, member, fd, name)
            except FileNotFoundError:
                continue
    finally:
        os.close(fd)


def pack_file(archive: tarfile.TarFile, member: tarfile.TarInfo, fd: int, name: str) -> None:
    inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
    with os.fdopen(inner, "rb") as file:
        status = os.fstat(inner)
        if stat.S_ISREG(status.st_mode):
            member.size = status.st_size
            archive.addfile(member, file)


def unpack(agent: Agent, call: Call) -> Result:
    """Write the files, folders and links of a tar below a folder; count what is left out."""
    import tarfile

    base = tidy(call.text("path", ""))
    done = skipped = 0
    inlet: Any = Inlet(call)
    try:
        with tarfile.open(fileobj=inlet, mode="r|") as archive:
            for member in archive:
                call.check()
                if unpack_member(agent, archive, member, base):
                    done += 1
                else:
                    skipped += 1
        for _rest in call.pieces():
            pass
    except (tarfile.TarError, EOFError):
        raise RefusalError(
            "invalid_arguments", "The archive is broken.", "Make it again."
        ) from None
    return {"members": done, "skipped": skipped}, b""


def unpack_member(
    agent: Agent, archive: tarfile.TarFile, member: tarfile.TarInfo, base: str
) -> bool:
    path = tidy(member.name)
    if not path or member.name.startswith("/") or ".." in path.split("/") or "\0" in path:
        return False
    if not (member.isreg() or member.isdir() or member.issym()):
        return False
    parent, name = agent.workspace.parent(base + "/" + path if base else path, makes=True)
    try:
        there = look(parent, name)
        if member.isdir():
            if there is None:
                os.mkdir(name, 0o777, dir_fd=parent)
            return there is None or stat.S_ISDIR(there.st_mode)
        if there is not None:
            if stat.S_ISDIR(there.st_mode):
                return False
            os.unlink(name, dir_fd=parent)
        if member.issym():
            os.symlink(member.linkname, name, dir_fd=parent)
            return True
        source = archive.extractfile(member)
        if source is None:
            return False
        unpack_file(source, member, parent, name)
        return True
    finally:
        os.close(parent)


def unpack_file(source: IO[bytes], member: tarfile.TarInfo, parent: int, name: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=parent)
    try:
        while True:
            data = source.read(PIECE)
            if not data:
                break
            write_all(fd, data)
        os.fchmod(fd, member.mode & 0o777)
        os.utime(fd, (member.mtime, member.mtime))
    except BaseException:
        os.unlink(name, dir_fd=parent)
        raise
    finally:
        os.close(fd)


# -- Search --------------------------------------------------------------------------------------


def search(agent: Agent, call: Call) -> None:
    """Search in a child of the same program, which is killed when it takes too long."""
    import marshal

    request = {
        name: call.head.get(name)
        for name in ("path", "pattern", "glob", "regex", "ignore_case", "limit")
    }
    request["workspace"] = agent.workspace.path
    body = json.dumps(request).encode()
    code = marshal.dumps(CODE)
    loader = (
        "import sys,marshal;c=marshal.loads(sys.stdin.buffer.read(%d));"
        "exec(c,{'__name__':'searcher','CODE':c})" % len(code)
    )
    pid: list[int] = []
    process = agent.spawn(
        [sys.executable or "python3", "-I", "-S", "-c", loader],
        lambda _code: pid.clear(),
        bufsize=0,
        cwd=agent.workspace.path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    pid.append(process.pid)
    Searching(agent, call, pid, keep(process.stdout)).feed(keep(process.stdin), code + body)


class Searching:
    """A search under way, in the loop."""

    def __init__(self, agent: Agent, call: Call, pid: list[int], output: int) -> None:
        self.agent = agent
        self.call = call
        self.pid = pid  # empty once it is reaped, when the number may be somebody else's
        self.output = output
        self.found = bytearray()
        self.input = -1
        self.left = memoryview(b"")
        call.on_cancel = lambda: self.stop(CancelledError())
        agent.watch(output, selectors.EVENT_READ, self.on_output)
        remedy = "Search in a smaller folder, or for something simpler."
        late = RefusalError("timeout", "The search took more than %d s." % SEARCH_SECONDS, remedy)
        agent.later(SEARCH_SECONDS, lambda: self.stop(late))

    def feed(self, fd: int, data: bytes) -> None:
        self.input, self.left = fd, memoryview(data)
        self.agent.watch(fd, selectors.EVENT_WRITE, self.on_input)

    def on_input(self, _events: int) -> None:
        try:
            self.left = self.left[os.write(self.input, self.left) :]
        except BlockingIOError:
            return
        except OSError:
            self.left = memoryview(b"")
        if not self.left:
            self.close_input()

    def close_input(self) -> None:
        if self.input >= 0:
            self.agent.unwatch(self.input)
            os.close(self.input)
            self.input = -1

    def on_output(self, _events: int) -> None:
        try:
            data = os.read(self.output, PIECE)
        except BlockingIOError:
            return
        self.found += data
        if len(self.found) > SEARCH_RESULT:
            self.stop(
                RefusalError("too_large", "The search found too much.", "Ask for fewer matches.")
            )
        elif not data:
            self.finish()

    def finish(self) -> None:
        try:
            result = json.loads(bytes(self.found).decode())
        except ValueError:
            self.stop(
                RefusalError(
                    "unavailable",
                    "The search was ended by the sandbox.",
                    "Search in a smaller folder.",
                )
            )
            return
        if "code" in result:
            self.stop(RefusalError(result["code"], result["message"], result["remedy"]))
            return
        self.release()
        self.agent.workers.run(
            lambda: self.agent.work(lambda _agent, call: found(call, result), self.call)
        )

    def stop(self, error: BaseException) -> None:
        if self.output >= 0:
            kill_all(self.pid)
            self.release()
            self.call.fail(error)

    def release(self) -> None:
        self.close_input()
        self.agent.unwatch(self.output)
        os.close(self.output)
        self.output = -1


def found(call: Call, result: dict[str, Any]) -> Result:
    reply(call, result.pop("matches"))
    return result, b""


def search_here() -> None:
    """Be the child: read the request from stdin, write the result to stdout."""
    request = json.loads(sys.stdin.buffer.read().decode())
    try:
        result = Searcher(request).run()
    except RefusalError as refusal:
        result = {"code": refusal.code, "message": refusal.message, "remedy": refusal.remedy}
    except OSError as error:
        known = explain(error, request.get("path") or "")
        result = {"code": known.code, "message": known.message, "remedy": known.remedy}
    sys.stdout.buffer.write(json.dumps(result, separators=(",", ":")).encode())
    sys.stdout.buffer.flush()


class Searcher:
    """Finds lines in files, or files by name; folders named ``.git`` are left out."""

    def __init__(self, request: dict[str, Any]) -> None:
        import re

        self.workspace = Workspace(request["workspace"])
        self.path = tidy(request.get("path") or "")
        self.limit = int(request.get("limit") or 200)
        self.has_pattern = bool(request.get("pattern"))
        self.matches: list[Any] = []
        self.skipped = 0
        self.is_cut = False
        flags = re.IGNORECASE if request.get("ignore_case") else 0
        try:
            pattern = request.get("pattern") or ""
            self.pattern = re.compile(
                pattern if request.get("regex") else re.escape(pattern), flags
            )
        except (re.error, RecursionError, OverflowError) as error:
            raise RefusalError(
                "invalid_arguments",
                "The regular expression is wrong: %s." % error,
                "Mend it, or search for text.",
            ) from None
        glob = request.get("glob") or ""
        self.glob = re.compile(glob_pattern(glob)) if glob else None

    def run(self) -> dict[str, Any]:
        try:
            fd, _status = self.workspace.file(self.path)
        except (IsADirectoryError, RefusalError):
            self.folder(self.workspace.folder(self.path), self.path, 0)
        else:
            self.glob = None
            self.read(fd, self.path)
        return {"matches": self.matches, "is_cut": self.is_cut, "skipped": self.skipped}

    def folder(self, fd: int, path: str, depth: int) -> None:
        try:
            with os.scandir(fd) as scan:
                names = sorted((each.name, each.is_dir(follow_symlinks=False)) for each in scan)
            for name, is_folder in names:
                if self.is_cut:
                    return
                below = path + "/" + name if path else name
                try:
                    if not is_folder:
                        self.file(fd, name, below)
                    elif name != ".git" and depth < MAX_DEPTH:
                        self.folder(
                            os.open(name, os.O_RDONLY | DIRECTORY, dir_fd=fd), below, depth + 1
                        )
                except OSError:
                    self.skipped += 1
        finally:
            os.close(fd)

    def file(self, fd: int, name: str, path: str) -> None:
        relative = path[len(self.path) + 1 :] if self.path else path
        if self.glob is not None and not self.glob.match(relative):
            return
        if not self.has_pattern:
            self.add([path, 0, ""])
            return
        inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
        self.read(inner, path)

    def read(self, fd: int, path: str) -> None:
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return
            data = file.read(SEARCH_BYTES + 1)
        if len(data) > SEARCH_BYTES or b"\0" in data[:8192]:
            self.skipped += 1
            return
        for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
            if self.pattern.search(line):
                self.add([path, number, line.rstrip("\r")[:SEARCH_LINE]])
                if self.is_cut:
                    return

    def add(self, match: list[Any]) -> None:
        if len(self.matches) >= self.limit:
            self.is_cut = True
        else:
            self.matches.append(match)


def glob_pattern(glob: str) -> str:
    """Return the regular expression of a glob: ``*`` within a name, ``**`` across folders.

    Without a slash it is about the name alone, as in .gitignore.
    """
    import re

    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^]/]+\])", glob.lstrip("/"))
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    text = ""
    for piece in pieces:
        if piece in known:
            text += known[piece]
        elif piece.startswith("[") and piece.endswith("]"):
            inner = piece[1:-1].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
            text += "[%s]" % ("^" + inner[1:] if inner.startswith("!") else inner)
        else:
            text += re.escape(piece)
    return ("" if "/" in glob else "(?:.*/)?") + text + r"\Z"


# -- The rest ------------------------------------------------------------------------------------


def ping(_agent: Agent, call: Call) -> None:
    call.answer()


def configure(agent: Agent, call: Call) -> None:
    merge(agent.environment, call.head.get("env") or {})
    call.answer()


def shutdown(agent: Agent, call: Call) -> None:
    call.answer()
    agent.flush()
    agent.leave()


def listen(agent: Agent, call: Call) -> None:
    Listener(agent, call)


QUICK = {
    "ping": ping,
    "configure": configure,
    "shutdown": shutdown,
    "start": start,
    "signal": send_signal,
    "kill": kill,
    "resize": resize,
    "dial": dial,
    "listen": listen,
    "accept": accept,
    "search": search,
}
THREADED = {
    "stat": file_stat,
    "list": file_list,
    "read": file_read,
    "write": file_write,
    "delete": file_delete,
    "move": file_move,
    "mkdir": file_mkdir,
    "usage": usage,
    "export": export,
    "import": unpack,
}
UMASK = 0o022
CODE = globals().get("CODE")


def main() -> None:
    """Take stdin and stdout for the channel, so that no child gets them, and serve."""
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    Agent(incoming, outgoing).run()


if __name__ == "__main__":
    main()
elif __name__ == "searcher":
    search_here()
