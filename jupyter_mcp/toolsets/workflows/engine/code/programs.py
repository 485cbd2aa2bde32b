"""The programs around the code of a node.

They are the same for the same key, because a call that is repeated with its key has to be the same
call. What they return is JSON in ASCII on one line: nothing on the way changes or wraps that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from string import Template
from typing import Any

from jupyter_mcp.toolsets.workflows.engine.running import LARGEST

PIECE = 6_000
"""Characters of a result that are asked of a kernel at once: its tools shorten what is longer."""

_CALL = Template("""\
def __jupyter_mcp_call(scope):
    import json, linecache
    code, name = json.loads($code), $name
    linecache.cache[name] = (len(code), None, code.splitlines(True), name)
    exec(compile(code, name, "exec"), scope)
    if not callable(scope.get("run")):
        raise NameError("The code defines no function run(input).")
    result = scope["run"](json.loads($given))
    text = json.dumps(result, allow_nan=False)
    if len(text) > $largest:
        raise ValueError(f"The result has {len(text):,} bytes of JSON, more than $largest: "
                         "write it to a file and return the path.")
    return text

""")

_KERNEL = Template("""\
try:
    __jupyter_mcp_text = __jupyter_mcp_call({**globals(), "__name__": "__node__"})
    __import__("sys").modules.setdefault("_jupyter_mcp_results", {})[$token] = __jupyter_mcp_text
    print(f"\\n{$token}{len(__jupyter_mcp_text)}:{__jupyter_mcp_text[:$piece]}{$token}")
finally:
    globals().pop("__jupyter_mcp_text", None)
    del __jupyter_mcp_call
""")

_PIECE = Template("""\
print((lambda text: f"{$token}{len(text)}:{text[$start:$end]}{$token}")(
    __import__("sys").modules["_jupyter_mcp_results"][$token]))
""")

_FORGET = Template('__import__("sys").modules["_jupyter_mcp_results"].pop($token, None) and None\n')

_FILE = Template("""\
text = __jupyter_mcp_call({"__name__": "__node__"})
with open($path, "w", encoding="ascii") as file:
    file.write(text)
""")


def token(key: str) -> str:
    """Return what tells the results of one key from everything else that is printed."""
    return f"jmcp{hashlib.sha256(key.encode()).hexdigest()[:24]}:"


def for_kernel(code: str, given: Any, name: str, mark: str) -> str:
    """Return code that runs a node's code beside the kernel's variables and leaves none behind."""
    values = {"token": repr(mark), "piece": PIECE}
    return _call(code, given, name) + _KERNEL.substitute(values)


def piece(mark: str, start: int) -> str:
    """Return code that prints a piece of a result that the kernel keeps."""
    return _PIECE.substitute({"token": repr(mark), "start": start, "end": start + PIECE})


def forget(mark: str) -> str:
    """Return code that lets the kernel forget a result."""
    return _FORGET.substitute({"token": repr(mark)})


def for_file(code: str, given: Any, name: str, path: str) -> str:
    """Return a program that writes the result of a node's code into a file."""
    return _call(code, given, name) + _FILE.substitute({"path": repr(path)})


def _call(code: str, given: Any, name: str) -> str:
    values: Mapping[str, Any] = {
        "code": ascii(json.dumps(code)),
        "given": ascii(json.dumps(given)),
        "name": ascii(f"<{name}>"),
        "largest": LARGEST,
    }
    return _CALL.substitute(values)
