"""How well `in:docs` finds what packages document, asked in other words than theirs.

Each question has the names of what answers it; a name may be the end of a longer one. Asked is the
documentation of the environment that runs this, so a question whose answer is not installed finds
nothing: what is compared is the order by words alone and the default in the same environment.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from benchmarks.search_metrics import K
from benchmarks.table import Row
from jupyter_mcp.toolsets.search.query import Mode, Query
from jupyter_mcp.toolsets.search.scopes.docs import DocsScope

Questions = Mapping[str, tuple[str, ...]]

CHOSEN_ON: Questions = MappingProxyType(
    {
        "read csv into data frame": ("pandas.read_csv",),
        "moving window over an array": ("sliding_window_view",),
        "solve a system of linear equations": ("numpy.linalg.solve",),
        "indices that would sort an array": ("numpy.argsort",),
        "stack arrays along a new axis": ("numpy.stack",),
        "remove dimensions of length one": ("numpy.squeeze", "ndarray.squeeze"),
        "least squares solution": ("numpy.linalg.lstsq",),
        "load numbers from a text file": ("numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile"),
        "evenly spaced numbers over an interval": ("numpy.linspace",),
        "eigenvalues of a matrix": ("numpy.linalg.eig", "numpy.linalg.eigvals"),
        "fast fourier transform of real input": ("numpy.fft.rfft",),
        "unique elements with counts": ("numpy.unique", "numpy.unique_counts", "numpy.unique_all"),
        "cumulative sum": ("numpy.cumsum", "numpy.cumulative_sum"),
        "bin values into histogram": ("numpy.histogram",),
        "linear interpolation one dimensional": ("numpy.interp",),
        "merge two data frames on a key": ("pandas.merge", "DataFrame.merge"),
        "convert strings to dates": ("pandas.to_datetime",),
        "one hot encode categorical column": ("pandas.get_dummies",),
        "reshape wide to long": ("pandas.melt", "pandas.wide_to_long", "DataFrame.melt"),
        "pivot table with aggregation": ("pandas.pivot_table", "DataFrame.pivot_table"),
        "drop rows with missing values": ("DataFrame.dropna",),
        "fill missing values": ("DataFrame.fillna", "Series.fillna", "NDFrame.fillna"),
        "group rows and aggregate": (
            "DataFrame.groupby",
            "Series.groupby",
            "GroupBy.agg",
            "DataFrameGroupBy",
        ),
        "rolling mean": ("DataFrame.rolling", "Rolling.mean", "NDFrame.rolling"),
        "write a table to parquet": ("DataFrame.to_parquet",),
        "send an http get request": (
            "requests.get",
            "httpx.get",
            "requests.api.get",
            "Session.get",
            "Client.get",
        ),
        "retry a function with exponential backoff": (
            "wait_exponential",
            "tenacity.retry",
            "stamina.retry",
        ),
        "parse html document": ("BeautifulSoup",),
        "load yaml safely": ("yaml.safe_load",),
        "render a template from a string": (
            "Environment.from_string",
            "jinja2.Template",
            "mako.template.Template",
        ),
        "run a coroutine in a worker thread": ("anyio.to_thread.run_sync",),
        "draw a scatter plot": ("pyplot.scatter", "Axes.scatter"),
        "save the figure to a file": ("savefig",),
        "set the label of the x axis": ("set_xlabel", "pyplot.xlabel"),
        "progress bar around an iterable": ("tqdm.tqdm", "tqdm.std.tqdm", "track"),
        "parse a date string": ("dateutil.parser.parse", "parser.parse", "arrow.get", "isoparse"),
        "split an iterable into chunks": (
            "more_itertools.chunked",
            "more_itertools.batched",
            "more_itertools.ichunked",
            "more_itertools.sliced",
        ),
        "validate json against a schema": ("jsonschema.validate", "validate"),
        "compile a cron expression and get next run": ("croniter",),
        "start a container from an image": (
            "ContainerCollection.run",
            "containers.run",
            "containers.create",
        ),
        "number of cpus": ("psutil.cpu_count",),
        "memory used by a process": ("memory_info", "memory_full_info", "memory_percent"),
        "create a database engine from a url": ("sqlalchemy.create_engine", "create_engine"),
        "read a notebook file": ("nbformat.read", "nbformat.reader.read"),
        "convert notebook to html": ("HTMLExporter",),
        "execute a notebook": ("nbclient.execute", "NotebookClient.execute", "NotebookClient"),
        "watch a directory for file changes": ("watchfiles.watch", "watchfiles.awatch"),
        "spawn a process and expect its output": ("pexpect.spawn", "pexpect.run"),
        "symmetric encryption with a key": ("Fernet",),
        "hash a password": ("PasswordHasher", "bcrypt.hashpw", "PasswordHasher.hash"),
        "decode a json web token": ("jwt.decode", "PyJWT.decode"),
    }
)
"""Questions that the weights of the order were chosen on."""

HELD_OUT: Questions = MappingProxyType(
    {
        "round to the nearest even value": ("numpy.round", "numpy.rint", "numpy.around"),
        "clip values to a range": ("numpy.clip",),
        "repeat an array several times": ("numpy.tile", "numpy.repeat"),
        "compute the inverse of a matrix": ("numpy.linalg.inv",),
        "matrix multiplication": ("numpy.matmul",),
        "save several arrays into one file": ("numpy.savez", "numpy.savez_compressed"),
        "correlation coefficients": ("numpy.corrcoef",),
        "split array into equal parts": ("numpy.split", "numpy.array_split"),
        "concatenate data frames": ("pandas.concat",),
        "read excel sheet": ("pandas.read_excel",),
        "bin continuous values into quantiles": ("pandas.qcut",),
        "generate a range of dates": ("pandas.date_range",),
        "normalize nested json to a table": ("pandas.json_normalize",),
        "download file with streaming response": ("requests.get", "httpx.stream", "Client.stream"),
        "escape html special characters": ("escape", "html_escape", "xhtml_escape"),
        "run several async tasks in a group": ("create_task_group", "TaskGroup"),
        "limit the number of concurrent tasks": ("CapacityLimiter", "Semaphore"),
        "parse command line arguments into a function": (
            "click.command",
            "typer.run",
            "typer.Typer",
        ),
        "flatten one level of nesting": ("more_itertools.flatten",),
        "moving average of iterable": ("running_mean", "sliding_window", "windowed"),
        "sorted list that keeps order on insert": ("SortedList",),
        "read environment variables from a file": ("load_dotenv", "dotenv_values"),
        "user specific data directory": ("user_data_dir", "user_data_path"),
        "highlight source code": ("pygments.highlight",),
        "compare version numbers": ("Version", "packaging.version.parse"),
        "lock a file between processes": ("FileLock", "BaseFileLock"),
        "detect the encoding of bytes": (
            "charset_normalizer.detect",
            "from_bytes",
            "charset_normalizer.from_bytes",
        ),
        "validate an email or host name in internationalized form": ("idna.encode",),
        "kill all child processes": (
            "psutil.Process.children",
            "Process.kill",
            "psutil.wait_procs",
            "killall",
        ),
        "disk usage": ("psutil.disk_usage",),
        "subscribe to redis channel": ("PubSub.subscribe", "subscribe", "pubsub"),
        "list running containers": (
            "containers.list",
            "ContainerCollection.list",
            "ContainerApiMixin.containers",
        ),
        "pretty print a table in terminal": ("rich.table.Table", "Table"),
        "show markdown in the terminal": ("rich.markdown.Markdown", "Markdown"),
        "add a column to a table migration": ("add_column",),
        "start a jupyter kernel": ("start_kernel", "start_new_kernel", "run_kernel"),
        "open a web socket connection": (
            "websockets.connect",
            "websocket_connect",
            "create_connection",
            "ws_connect",
            "websockets.sync.client.connect",
        ),
        "make a slug or title case": ("titlecase", "title"),
        "resize an image": ("Image.resize", "Image.thumbnail", "ImageOps.fit", "ImageOps.contain"),
        "rotate an image": ("Image.rotate",),
    }
)
"""Questions that were written after that."""


def rows(folder: Path, *, smoke: bool) -> list[Row]:
    """Measure both sets, by words alone and by default."""
    paths = [path for path in sys.path if "site-packages" in path]
    scope = DocsScope(folder / "docs", paths[:0] if smoke else paths)
    (folder / "docs").mkdir()
    try:
        scope.update()
        return [
            Row(
                f"docs: NDCG@{K}, {name}, {mode}",
                sum(_gain(scope, *each, mode) for each in questions.items()) / len(questions),
                note=f"{len(questions)} questions",
            )
            for name, questions in (("held out", HELD_OUT), ("chosen on", CHOSEN_ON))
            for mode in _MODES
        ]
    finally:
        scope.close()


_MODES: tuple[Mode, ...] = ("lexical", "hybrid")


def _gain(scope: DocsScope, question: str, wanted: Sequence[str], mode: Mode) -> float:
    """Return the NDCG of one question: what counts is where the first answer stands."""
    found = [chunk.symbol for chunk, _ in scope.search(Query(question, K, mode))]
    for at, symbol in enumerate(found):
        if any(symbol == each or symbol.endswith(f".{each}") for each in wanted):
            return 1 / math.log2(at + 2)
    return 0.0
