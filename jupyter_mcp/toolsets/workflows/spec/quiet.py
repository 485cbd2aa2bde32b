"""Silence of warnings for a moment, in any thread."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_TURN = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore warnings meanwhile.

    `warnings.catch_warnings` changes the filters of the whole process: of two threads at once, one
    would put back the silence of the other.
    """
    with _TURN, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
