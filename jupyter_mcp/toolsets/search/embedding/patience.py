"""How a service of embeddings is asked: again while it is busy, and never for ever.

Whoever waits for an answer gets that of the words when the service takes long or is down, and the
next questions do not wait for it at all; texts that are embedded in the background have more time.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

ATTEMPTS = 4
"""So often texts are sent to a service that is busy or down."""

PAUSE_SECONDS = 0.5
"""The pause before the second attempt; each further one is twice as long."""

MOST_PAUSE_SECONDS = 10.0
"""As long as a service may ask for; one that wants more is asked later, as if it were down."""

REQUEST_SECONDS = 60.0
"""The longest request, where its function leaves that to us."""

QUESTION_SECONDS = 3.0
"""How long a question waits."""

REST_SECONDS = 30.0
"""How long a service that was busy, slow or down is not asked questions."""

_BUSY = {408, 409, 425, 429}
_SERVER_ERROR = 500
_NETWORK = ("Connect", "Timeout", "Network", "RemoteProtocol", "ReadError")


class RefusedError(Exception):
    """An answer that is none, where the function of Chroma would take it for vectors.

    Args:
        status_code: Its HTTP status.
        text: What the service says.
        retry_after: After how many seconds it wants to be asked again; empty if it did not say.
    """

    def __init__(self, status_code: int, text: str, retry_after: str) -> None:
        super().__init__(f"status {status_code}: {text}")
        self.status_code, self.retry_after = status_code, retry_after


class Patience:
    """Asks one service. Thread-safe."""

    def __init__(self) -> None:
        self._rests_until = 0.0
        self._why: Exception | None = None

    def again(self, ask: Callable[[], T]) -> T:
        """Ask, and ask again after a pause while the service is busy or down."""
        for attempt in range(ATTEMPTS):
            try:
                return self._answered(ask())
            except Exception as error:
                pause = _pause(error, attempt)
                if attempt == ATTEMPTS - 1 or pause is None:
                    self._rest(error)
                    raise
            time.sleep(pause)
        raise AssertionError

    def soon(self, ask: Callable[[], T], seconds: float = QUESTION_SECONDS) -> T:
        """Ask once and wait a moment; while the service rests, raise what it raised before."""
        if self._why is not None and time.monotonic() < self._rests_until:
            raise self._why
        found: list[T] = []
        failed: list[Exception] = []

        def run() -> None:
            try:
                found.append(self._answered(ask()))
            except Exception as error:  # noqa: BLE001 - raised by who waits
                failed.append(error)

        # A thread that is left behind ends with its request.
        asking = threading.Thread(target=run, name="jupyter-mcp-search-question", daemon=True)
        asking.start()
        asking.join(seconds)
        if found:
            return found[0]
        error = failed[0] if failed else TimeoutError(f"no answer within {seconds:g} s")
        self._rest(error)
        raise error

    def _answered(self, answer: T) -> T:
        self._why = None
        return answer

    def _rest(self, error: Exception) -> None:
        if is_passing(error):
            self._why, self._rests_until = error, time.monotonic() + REST_SECONDS


def is_passing(error: Exception) -> bool:
    """Return whether the same may go well later: the service is busy, slow or down."""
    status = _status(error)
    if status is not None:
        return status in _BUSY or status >= _SERVER_ERROR
    names = [kind.__name__ for kind in type(error).__mro__]
    return isinstance(error, OSError) or any(sign in name for name in names for sign in _NETWORK)


def tune(function: Any) -> None:
    """Give a function of Chroma our patience in the place of its client's, and errors their words.

    Those with a session of httpx take an error for vectors, and give up after 5 s.
    """
    session: Any = getattr(function, "_session", None)
    client: Any = getattr(function, "client", None)
    if hasattr(session, "event_hooks") and hasattr(session, "timeout"):
        session.timeout = REQUEST_SECONDS
        session.event_hooks = {"response": [_refuse]}
    if hasattr(client, "with_options") and hasattr(client, "max_retries"):
        function.client = client.with_options(timeout=REQUEST_SECONDS, max_retries=0)


def _refuse(response: Any) -> None:
    if response.is_success:
        return
    response.read()
    try:
        told = response.json()
        text = str(told.get("error", told) if isinstance(told, dict) else told)
    except ValueError:
        text = response.reason_phrase
    raise RefusedError(response.status_code, text, response.headers.get("Retry-After", ""))


def _pause(error: Exception, attempt: int) -> float | None:
    """Return how long to wait before asking again; None for not to ask again."""
    if not is_passing(error):
        return None
    headers = getattr(getattr(error, "response", None), "headers", {})
    asked = getattr(error, "retry_after", "") or headers.get("Retry-After", "")
    try:
        wanted = float(asked)
    except ValueError:  # nothing, or a date
        wanted = 0.0
    pause: float = max(wanted, PAUSE_SECONDS * 2**attempt)
    if pause > MOST_PAUSE_SECONDS:
        return None
    return pause * random.uniform(1.0, 1.25)  # noqa: S311 - so that not all ask at once


def _status(error: Exception) -> int | None:
    response = getattr(error, "response", None)
    for holder, name in ((error, "status_code"), (response, "status_code"), (error, "http_status")):
        status = getattr(holder, name, None)
        if isinstance(status, int) and status > 0:
            return status
    return None
