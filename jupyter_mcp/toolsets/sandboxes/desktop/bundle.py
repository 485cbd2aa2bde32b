"""The program that runs inside, as text: one loader on the command line, its files over stdin."""

from __future__ import annotations

import json
from importlib import resources

PACKAGE = f"{__package__}.inside"
ORDER = ("wire", "session", "pictures", "reader", "keyboard", "manager", "tree", "main")
"""Each after those that it imports."""
LOADER = """\
import json, sys, types
size = int(sys.stdin.buffer.readline(16))
for name, text in json.loads(sys.stdin.buffer.read(size)):
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
module.main()
"""


def argv() -> list[str]:
    """Return the command that waits for `source` on its stdin."""
    return ["python3", "-I", "-c", LOADER]


def source() -> bytes:
    """Return what the loader reads: the length in a line, then names and texts of the files."""
    folder = resources.files(PACKAGE)
    files = [
        (f"{PACKAGE}.{name}", folder.joinpath(f"{name}.py").read_text(encoding="utf-8"))
        for name in ORDER
    ]
    data = json.dumps(files).encode()
    return b"%d\n%s" % (len(data), data)
