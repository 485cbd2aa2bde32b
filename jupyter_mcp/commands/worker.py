"""``jupyter mcp worker``: the process in which workflows run, for servers and by hand.

A server starts it by itself when there is work. By hand it is for other hosts that share a
Postgres, for service managers, and for looking at it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import logging.handlers
import os
import signal
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from traitlets import Unicode

from jupyter_mcp.commands.admin import configured
from jupyter_mcp.commands.checks_workflows import check_parts
from jupyter_mcp.commands.command import ShowingCommand
from jupyter_mcp.commands.verbs import verb_of
from jupyter_mcp.config import Settings
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.moments import in_utc
from jupyter_mcp.storage.faults import reason

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.workflows.worker.lock import Lock
    from jupyter_mcp.toolsets.workflows.worker.options import Options
    from jupyter_mcp.toolsets.workflows.worker.process import WorkerProcess

_log = logging.getLogger(__name__)

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LOG_BYTES = 1 << 20


class WorkerApp(ShowingCommand):
    """Run workflows; status: show the worker of a folder; stop: end it, its runs go on later."""

    name = "jupyter-mcp-worker"
    description = __doc__ or ""
    examples = (
        "jupyter mcp worker\n"
        "jupyter mcp worker status\n"
        "jupyter mcp worker --database-url postgresql+psycopg://me@db/workbench "
        "--server https://hub.example.org/user/me/ --key-file worker.key"
    )
    root = Unicode("", help="The server's root folder; here by default.").tag(config=True)
    state = Unicode("", help="The state folder itself, in place of --root.").tag(config=True)
    database_url = Unicode("", help="The database of runs, such as Postgres.").tag(config=True)
    server = Unicode("", help="The server's URL, where it runs on another host.").tag(config=True)
    key_file = Unicode("", help="A copy of the server's worker.key.").tag(config=True)
    log_file = Unicode("", help="Log here, and not to stderr.").tag(config=True)
    starter = Unicode("", help="Of servers: their version; newer ones replace it.").tag(config=True)
    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **ShowingCommand.aliases,
        "root": "WorkerApp.root",
        "state": "WorkerApp.state",
        "database-url": "WorkerApp.database_url",
        "server": "WorkerApp.server",
        "key-file": "WorkerApp.key_file",
        "log-file": "WorkerApp.log_file",
        "starter": "WorkerApp.starter",
    }
    verbs: ClassVar[dict[str, set[int]]] = {"run": {0}, "status": {0}, "stop": {0}}

    async def run(self) -> int:
        """Do what the first word says."""
        verb, _ = verb_of(self.extra_args or ["run"], self.verbs)
        settings = await asyncio.to_thread(configured, self.config_file_paths)
        options = await asyncio.to_thread(self._options, settings)
        if verb == "run":
            return await self._work(options)
        from jupyter_mcp.toolsets.workflows.worker.process import WorkerProcess

        process = WorkerProcess(options)
        if verb == "stop":
            return await self._stop(process)
        comes = settings.workflow_local_worker and not options.server
        return await self._status(process, comes="; one starts when there is work" if comes else "")

    def _options(self, settings: Settings) -> Options:
        from jupyter_mcp.toolsets.workflows.worker.options import Options

        state = Path(self.state) if self.state else _state(settings, self.root)
        if not state.is_dir():
            raise ToolError("not_found", f"There is no folder {state}.", "Name another --state.")
        left = Options.read(state)
        own = Options.of(settings, state)
        found = (left if left and not left.server else own.after(left)).but(
            database_url=self.database_url,
            server=self.server,
            key_file=str(Path(self.key_file).resolve()) if self.key_file else "",
        )
        if found.server and (left is None or left.server != found.server):
            return replace(found, home="")  # whose runs are done is what that server says
        return found

    async def _work(self, options: Options) -> int:
        from jupyter_mcp.toolsets.workflows.worker.failure import Failure

        try:
            await asyncio.to_thread(check_parts, is_distributed=options.is_distributed)
        except ToolError as error:
            Failure.leave(options.folder, str(error))
            raise
        executor = f"w-{os.urandom(8).hex()}"
        lock = self._take_lock(options, executor)
        Failure.clear(options.folder)
        os.umask(0o077)  # what it writes may hold what people work on
        self._begin_log(options.folder)
        gc.disable()  # what is imported stays: looking for garbage among it finds none
        from jupyter_mcp.commands.worker_reach import ServerReach
        from jupyter_mcp.toolsets.workflows.worker.homing import at_home
        from jupyter_mcp.toolsets.workflows.worker.main import Worker

        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            if sys.platform == "win32":
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
            else:
                loop.add_signal_handler(number, stop.set)
        reach = ServerReach(options.folder, options.server)
        code = 1
        try:
            if options.server and options.is_distributed and not options.home:
                learned = await at_home(options, reach, stop)
                if learned is None:
                    os._exit(0)
                options = learned
            worker = Worker(options, reach, executor)
            _log.info("The worker %s begins.", executor)
            why = await worker.run(stop)
            _log.info("The worker %s ends: %s.", executor, why)
            code = 0
            # A server puts a run into the queue first and then looks at the lock, so that one of
            # the two sees the other.
            lock.release()
            if why == "lost" or (why == "idle" and await worker.has_work()):
                _start_over()
        except ToolError as error:
            self.tell(f"{error.code}: {error}")
            Failure.leave(options.folder, str(error))
        except Exception as error:  # noqa: BLE001 - it is told, and nothing else is left to do
            _log.exception("The worker ends.")
            Failure.leave(options.folder, f"{reason(error)}.")
        finally:
            # What was begun is left as it is. Cancelled in order, it would count as failed.
            logging.shutdown()
            os._exit(code)

    def _take_lock(self, options: Options, executor: str) -> Lock:
        from jupyter_mcp.storage.process_marks import new_mark
        from jupyter_mcp.toolsets.workflows.worker.lock import Holder, Lock
        from jupyter_mcp.toolsets.workflows.worker.versions import own_version

        lock = Lock(options.folder)
        marks = own_version(), self.starter, new_mark()
        holder = Holder(os.getpid(), executor, time.time(), *marks)
        if not lock.take(holder) and not options.is_distributed:
            other = lock.holder()
            told = f" by process {other.pid}" if other and other.pid else ""
            raise ToolError(
                "conflict",
                f"The worker's lock is held{told}: one worker does all of a SQLite file's runs.",
                "'jupyter mcp worker status' shows it, 'jupyter mcp worker stop' ends it.",
            )
        return lock

    def _begin_log(self, state: Path) -> None:
        to_file = self.log_file or ("" if sys.stderr.isatty() else str(state / "worker.log"))
        handler: logging.Handler = logging.StreamHandler()
        if to_file:
            handler = logging.handlers.RotatingFileHandler(
                to_file, maxBytes=LOG_BYTES, backupCount=1
            )
        handler.setFormatter(logging.Formatter(LOG_FORMAT))
        logging.getLogger().addHandler(handler)
        logging.getLogger("jupyter_mcp").setLevel(logging.INFO)

    async def _status(self, process: WorkerProcess, *, comes: str) -> int:
        found = await process.find()
        if found is None:
            self.show({"running": False}, f"No worker runs here{comes}.")
            return 1
        told = {"running": True, **asdict(found)}
        of = f" Version {found.version}." if found.version else ""
        self.show(told, f"The worker runs: process {found.pid}, since {in_utc(found.since)}.{of}")
        return 0

    async def _stop(self, process: WorkerProcess) -> int:
        was_there = await process.stop()
        text = "Stopped; its workflows go on when a worker starts again."
        self.show({"stopped": was_there}, text if was_there else "No worker runs here.")
        return 0


def _start_over() -> None:
    """Begin again as another worker; DBOS is one for a process, so the process is made anew."""
    logging.shutdown()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


def _state(settings: Settings, root: str) -> Path:
    return settings.state_folder(root or str(Path.cwd()))
