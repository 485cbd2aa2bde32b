"""What runs in the process that keeps vectors.

A thread for each lane answers what comes on it: changes come on the first, so that searches have
their turn between two batches. It ends when the lanes end, after what is being written.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.vectors.chroma import ChromaVectors
from jupyter_mcp.toolsets.search.vectors.lane import Lane

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.search.vectors.process import Place

_LOOK_SECONDS = 60
_HANG_SECONDS = 600
"""Chroma may hang with Python's lock in its hand; then only a signal ends the process."""

_UNUSED = "rfc3987_syntax"
"""jsonschema would import it for a check of addresses that Chroma never asks for, and it builds a
grammar: 6 of the 10 s that the import of Chroma takes on a loaded machine."""


def main(*descriptors: int) -> None:
    """Answer until all lanes have ended.

    Args:
        *descriptors: The sockets of the lanes.
    """
    sys.modules[_UNUSED] = None  # type: ignore[assignment]
    stores = _Stores()
    lanes = [Lane(socket.socket(fileno=descriptor)) for descriptor in descriptors]
    threads = [threading.Thread(target=_serve, args=(lane, stores), daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            signal.setitimer(signal.ITIMER_REAL, _HANG_SECONDS)
            thread.join(_LOOK_SECONDS)
    stores.close()
    os._exit(0)  # Chroma's own threads have nothing left to do


class _Stores:
    """The collections that were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[Place, ChromaVectors] = {}

    def at(self, place: Place) -> ChromaVectors:
        with self._lock:
            if place not in self._all:
                self._all[place] = ChromaVectors(place.where, place.collection, place.dimensions)
            return self._all[place]

    def close(self) -> None:
        for store in self._all.values():
            with suppress(Exception):
                store.close()


def _serve(lane: Lane, stores: _Stores) -> None:
    with suppress(EOFError, OSError):
        while True:
            place, method, given = lane.receive()
            lane.send(_answer(stores, place, method, given))


def _answer(
    stores: _Stores, place: Place, method: str, given: tuple[Any, ...]
) -> tuple[bool, object]:
    try:
        return True, getattr(stores.at(place), method)(*given)
    except ToolError as error:
        return False, (error.code, error.message, error.remedy)
    except BaseException as error:  # noqa: BLE001 - a panic of Chroma's is no Exception
        told = f"The vectors cannot be used ({type(error).__name__}: {error})."
        return False, ("unavailable", told[:300])
