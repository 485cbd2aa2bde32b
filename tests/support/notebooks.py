"""Real notebooks for tests: Jupyter's own contents manager, its live documents, a second person.

The Jupyter server runs in the test's process and event loop, without listening: what is tested is
its contents manager and its collaboration extension, not its sockets. A person is a second Yjs
document that is kept in step by Yjs's own sync protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nbformat
from jupyter_server.serverapp import ServerApp
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from traitlets.config import Config

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.notebooks.contents_jupyter import ContentsBackend, ContentsStore
from jupyter_mcp.toolsets.notebooks.documents import Documents
from jupyter_mcp.toolsets.notebooks.edits import Editor
from jupyter_mcp.toolsets.notebooks.history import ChangeLog, Who
from jupyter_mcp.toolsets.notebooks.model import Cell
from jupyter_mcp.toolsets.notebooks.revisions import Seen
from jupyter_mcp.toolsets.notebooks.rooms_jupyter import Rooms
from jupyter_mcp.toolsets.notebooks.undo import Undoer
from jupyter_mcp.toolsets.notebooks.ydoc_jupyter import YdocBackend

AGENT = Who("user:agent", "agent", "pytest", "call-1")
OTHER = Who("user:other", "other", "pytest", "call-2")
FOLDERS = ("config", "data", "runtime")
EXTENSIONS = {"jupyter_server_ydoc": True, "jupyter_server_fileid": True}


def code(source: str, cell_id: str, **metadata: Any) -> Any:
    return new_code_cell(source, id=cell_id, metadata=metadata)


def markdown(source: str, cell_id: str, **metadata: Any) -> Any:
    return new_markdown_cell(source, id=cell_id, metadata=metadata)


def write_notebook(file: Path, *cells: Any, minor: int = 5) -> Path:
    """Write a notebook file as any program would."""
    notebook = new_notebook(cells=list(cells))
    notebook.nbformat_minor = minor
    if minor < 5:
        for cell in notebook.cells:
            del cell["id"]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(nbformat.writes(notebook))
    return file


def big_notebook(cells: int = 500) -> list[Any]:
    """Return cells as they are in real notebooks: headings, code, outputs."""
    made = []
    for i in range(cells):
        if i % 5 == 0:
            made.append(markdown(f"## Part {i}\n\nWhat this part is about.", f"cell-{i}"))
            continue
        cell = code(f"value_{i} = compute({i})\nprint(value_{i})\n" + "# more\n" * 5, f"cell-{i}")
        cell.outputs = [new_output("stream", name="stdout", text=f"result of {i}\n" * 20)]
        cell.execution_count = i
        made.append(cell)
    return made


def on_disk(file: Path) -> dict[str, Any]:
    """Return the JSON of a notebook file."""
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def sources_on_disk(file: Path) -> list[str] | None:
    """Return the sources; None while Jupyter, which writes in place, has written half of them."""
    try:
        return ["".join(cell["source"]) for cell in on_disk(file)["cells"]]
    except json.JSONDecodeError:
        return None


class House:
    """What the notebook tools stand on, over a real contents manager in a temporary folder."""

    def __init__(self, home: Path, app: ServerApp, *, live: bool, trust: bool = False) -> None:
        self.root = home / "root"
        self.app = app
        self.live = live
        self.executor = Executor(2)
        self.tasks = Supervisor()
        self.storage = Storage(home)
        self.changed: list[str] = []
        self.store = ContentsStore(app.contents_manager)
        self.documents = self._documents(trust=trust)
        self.seen = Seen()
        self.log = ChangeLog(self.storage)
        self.editor = Editor(self.documents, self.seen, self.log)
        self.undoer = Undoer(self.documents, self.editor, self.log)

    @property
    def ydoc(self) -> Any:
        return next(iter(self.app.extension_manager.extension_apps["jupyter_server_ydoc"]))

    def notebook(self, *cells: Any, name: str = "nb.ipynb", minor: int = 5) -> Path:
        return write_notebook(self.root / name, *cells, minor=minor)

    async def cells(self, name: str = "nb.ipynb") -> list[Cell]:
        return await (await self.documents.open(name)).cells()

    async def sources(self, name: str = "nb.ipynb") -> list[str]:
        return [cell.source for cell in await self.cells(name)]

    async def see(self, name: str = "nb.ipynb", who: Who = AGENT) -> list[Cell]:
        """Read the notebook as an agent does, so that it counts as seen."""
        cells = await self.cells(name)
        self.seen.note(who.reader, name, cells)
        return cells

    @asynccontextmanager
    async def person(self, name: str = "nb.ipynb") -> AsyncIterator[Person]:
        """Open the notebook as a browser does."""
        await self.documents.open(name)
        file_id = self.app.web_app.settings["file_id_manager"].get_id(name)
        server = self.ydoc.ywebsocket_server
        mine, theirs = channels(f"json:notebook:{file_id}")
        serving = asyncio.ensure_future(server.serve(theirs))
        try:
            from pycrdt import Provider

            person = Person()
            async with Provider(person.doc, mine):
                await until(lambda: len(person.notebook.ycells) > 0)
                yield person
        finally:
            theirs.close()
            await serving

    async def stop(self) -> None:
        await self.documents.stop()
        await self.tasks.stop()
        if self.live:
            await self.ydoc.stop_extension()
        await self.executor.run(self.storage.stop)
        self.executor.stop()

    def _documents(self, *, trust: bool) -> Documents:
        backend: Any = ContentsBackend(self.store, self.tasks.spawn, trust=trust)
        if self.live:
            rooms = Rooms(self.ydoc, self.tasks.spawn, self.changed.append)
            backend = YdocBackend(rooms, self.store, trust=trust)
        return Documents([backend], self.root)


class Person:
    """Somebody who has the notebook open in a browser."""

    def __init__(self) -> None:
        from jupyter_ydoc import YNotebook
        from pycrdt import Doc

        self.doc: Any = Doc()
        self.notebook = YNotebook(self.doc)

    @property
    def sources(self) -> list[str]:
        return [str(cell["source"]) for cell in self.notebook.ycells]

    def cell(self, cell_id: str) -> Any:
        return next(cell for cell in self.notebook.ycells if cell["id"] == cell_id)

    def type(self, cell_id: str, text: str, at: int = 0) -> None:
        self.cell(cell_id)["source"].insert(at, text)


class MemoryChannel:
    """One end of a connection, as pycrdt's server and providers want it."""

    def __init__(self, path: str, out: asyncio.Queue[bytes], into: asyncio.Queue[bytes]) -> None:
        self.path = path
        self._out = out
        self._into = into

    async def send(self, message: bytes) -> None:
        self._out.put_nowait(message)

    async def recv(self) -> bytes:
        return await self._into.get()

    def close(self) -> None:
        self._into.put_nowait(b"")

    def __aiter__(self) -> MemoryChannel:
        return self

    async def __anext__(self) -> bytes:
        message = await self.recv()
        if not message:
            raise StopAsyncIteration
        return message


def channels(path: str) -> tuple[MemoryChannel, MemoryChannel]:
    """Return both ends of a connection to the room `path`."""
    there: asyncio.Queue[bytes] = asyncio.Queue()
    back: asyncio.Queue[bytes] = asyncio.Queue()
    return MemoryChannel(path, there, back), MemoryChannel(path, back, there)


async def until(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait until `condition` holds, which no event tells."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def house(
    home: Path, *, live: bool = False, trust: bool = False, **config: dict[str, Any]
) -> AsyncIterator[House]:
    """Open a house over a new server in `home`."""
    (home / "root").mkdir(exist_ok=True)
    app = server_app(home, live=live, **config)
    built = House(home, app, live=live, trust=trust)
    try:
        with contextlib.chdir(home):  # where the extension puts its store, whatever it is told
            yield built
    finally:
        await built.stop()
        close_app(app)
        del built, app
        gc.collect()  # so that what the extension leaves unclosed is told in the test that made it


def server_app(home: Path, *, live: bool, **config: dict[str, Any]) -> ServerApp:
    """Return an initialised Jupyter server that does not listen."""
    values = {
        "BaseFileIdManager": {"db_path": str(home / "fileid.db")},
        "NotebookNotary": {"db_file": ":memory:", "secret_file": str(home / "secret")},
        "SQLiteYStore": {"db_path": str(home / "ystore.db")},
        **config,
    }
    folders = {f"JUPYTER_{name.upper()}_DIR": str(home / name) for name in FOLDERS}
    with patch.dict(os.environ, folders):
        app = ServerApp(root_dir=str(home / "root"))
        app.config.merge(Config(values))
        app.jpserver_extensions = EXTENSIONS if live else {}
        app.init_signal = lambda: None
        argv = ["--allow-root", "--ServerApp.port=0", "--IdentityProvider.token="]
        app.initialize(argv=argv, find_extensions=False, new_httpserver=False)
    return app


def close_app(app: ServerApp) -> None:
    """Let go of what a server holds that never listened and never stops."""
    app.session_manager.close()
    app.kernel_manager.context.destroy(linger=0)
    app.clear_instance()
