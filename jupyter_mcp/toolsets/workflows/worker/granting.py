"""How a worker asks its server for the right to act for a run's owner."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from jupyter_mcp.toolsets.workflows.worker.door import Away, Waiting

PATH = "mcp/worker/token"
SECONDS = 10.0
LIMIT = 64 * 1024
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Granted:
    """The right to act for an owner at one server.

    Args:
        base_url: The server.
        token: What is shown there.
        expires: Unix time of its end, by this host's clock.
    """

    base_url: str
    token: str = field(repr=False)
    expires: float


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the key is for one server alone."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Refuse."""


def ask(base_url: str, key: str, run: str) -> Granted:
    """Show the worker's key and return a token for a run; it blocks.

    Raises:
        Away: The server does not answer, or is another one.
        Waiting: It refuses, with the reason.
    """
    asked = time.time()
    told = _post(base_url, key, {"run": run})
    try:
        return Granted(base_url, str(told["access_token"]), asked + float(told["expires_in"]))
    except (ValueError, KeyError, TypeError):
        raise Away from None


def ask_home(base_url: str, key: str) -> str:
    """Show the worker's key and return whose runs it does; it blocks.

    Raises:
        Away: The server does not answer, or is another one.
        Waiting: It refuses, with the reason.
    """
    try:
        return str(_post(base_url, key, {})["home"])
    except (KeyError, TypeError):
        raise Away from None


def _post(base_url: str, key: str, body: dict[str, str]) -> Any:
    request = urllib.request.Request(  # noqa: S310 - http or https, see below
        f"{base_url}{PATH}",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    if urlsplit(base_url).scheme not in {"http", "https"}:
        raise Waiting("the server's URL has to begin with http:// or https://")
    try:
        with _opener(base_url).open(request, timeout=SECONDS) as answer:
            return json.loads(answer.read(LIMIT))
    except urllib.error.HTTPError as error:
        raise _refusal(error) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            raise Waiting(f"the server's certificate is not trusted: {error.reason}") from None
        raise Away from None
    except (OSError, ValueError):
        raise Away from None


def _opener(base_url: str) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [_Stay()]
    if urlsplit(base_url).hostname in LOOPBACK:  # no proxy knows this machine
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _refusal(error: urllib.error.HTTPError) -> Exception:
    try:
        told = json.loads(error.read(LIMIT)).get("error", {})
        message = str(told.get("message", ""))
    except (OSError, ValueError, AttributeError):
        message = ""
    match error.code:
        case HTTPStatus.FORBIDDEN if message:
            return Waiting(_begun_small(message))
        case HTTPStatus.UNAUTHORIZED:
            return Waiting("the server does not know this worker's key")
        case HTTPStatus.NOT_FOUND if message:
            return Waiting("the server does not know this workflow")
        case HTTPStatus.NOT_FOUND:
            return Away("the Jupyter server runs without jupyter_mcp")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Waiting("the server was shown too many wrong keys")
        case _:
            return Away()


def _begun_small(message: str) -> str:
    """Return a sentence as a reason."""
    return message[:1].lower() + message[1:].rstrip(".")
