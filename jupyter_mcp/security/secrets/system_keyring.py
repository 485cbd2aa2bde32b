"""The system's keyring as a place for secrets.

Every word with it goes through a thread of its own with a time-out: a locked keyring asks its
person in a dialog that a server never sees, and its library then waits without end. Backends that
keep nothing or keep plain text are no keyring.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from jupyter_mcp.errors import ToolError

R = TypeVar("R")

PROBE_SECONDS = 3.0
"""For how long the keyring may take to say that it is there."""

ANSWER_SECONDS = 30.0
"""For how long it may take otherwise: a person may have to unlock it."""

POOR_BACKENDS = ("keyring.backends.null", "keyring.backends.fail", "keyrings.alt")
"""Modules of backends that keep nothing, or keep it readable."""


class SecretKeyring:
    """Our part of the keyring.

    Args:
        service: Under which service its entries stand.
        find: Returns the backend; the system's own by default.
    """

    def __init__(self, service: str, find: Callable[[], Any] | None = None) -> None:
        self._service = service
        self._find = find or _system_backend
        self._usable: bool | None = None

    def usable(self) -> bool:
        """Return whether there is a real keyring that answers; asked once."""
        if self._usable is None:
            try:
                self._usable = bool(_in_time(self._probe, PROBE_SECONDS))
            except Exception:  # noqa: BLE001 - whatever ails it, there is the file
                self._usable = False
        return self._usable

    def get(self, name: str) -> str | None:
        """Return a value; None when the keyring has none."""
        found = self._ask(lambda: self._find().get_password(self._service, name))
        return None if found is None else str(found)

    def put(self, name: str, value: str) -> None:
        """Keep a value."""
        self._ask(lambda: self._find().set_password(self._service, name, value))

    def delete(self, name: str) -> None:
        """Forget a value."""
        if self.get(name) is not None:
            self._ask(lambda: self._find().delete_password(self._service, name))

    def _probe(self) -> bool:
        backend = self._find()
        if backend is None or not _is_real(backend):
            return False
        backend.get_password(self._service, "probe")
        return True

    def _ask(self, question: Callable[[], R]) -> R:
        try:
            return _in_time(question, ANSWER_SECONDS)
        except Exception as error:  # noqa: BLE001 - backends raise what they like
            raise ToolError(
                "unavailable",
                f"The system's keyring did not answer ({type(error).__name__}).",
                "Unlock it, or set secret_store to 'file' and set the secrets again.",
            ) from None  # its message may carry the value


def _system_backend() -> Any:
    try:
        import keyring
    except ImportError:
        return None
    return keyring.get_keyring()


def _is_real(backend: Any) -> bool:
    chained = getattr(backend, "backends", None)
    if chained is not None:
        return any(_is_real(each) for each in chained)
    return not type(backend).__module__.startswith(POOR_BACKENDS)


def _in_time(work: Callable[[], R], seconds: float) -> R:
    """Run `work` in a thread that may be left behind when it hangs."""
    done: list[R] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to who waits
            failed.append(error)

    thread = threading.Thread(target=run, name="jupyter-mcp-keyring", daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise TimeoutError
    return done[0]
