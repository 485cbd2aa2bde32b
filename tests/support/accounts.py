"""An account without root's rights, also where the tests run as root."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def ordinary_account() -> Iterator[Path]:
    """Be somebody who may not read everything, and yield a folder of theirs."""
    is_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="jmo-") as name:
        folder = Path(name)
        if not is_root:
            yield folder
            return
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)
