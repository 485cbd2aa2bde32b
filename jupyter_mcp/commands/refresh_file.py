"""The file in which a bridge keeps its refresh token.

A refresh token is good once, and one that is shown twice ends the whole family. So the file is
read, exchanged and written under a lock, and what it gave is kept beside it: several bridges with
one file share one access token.
"""

from __future__ import annotations

import contextlib
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython import discovery
from jupyter_mcp.ipython.discovery import Server
from jupyter_mcp.security import private_file

MARGIN = 0.2
"""Which share of an access token's life is left when it is exchanged."""

MARGIN_LIMIT = 60.0
SECONDS = 30.0
"""How long an exchange may take."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token to show.

    Args:
        token: The token.
        renew_at: Unix time at which a newer one should be fetched.
    """

    token: str = field(repr=False)
    renew_at: float


class RefreshFile:
    """The file of one refresh token.

    Args:
        file: The file.
        clock: Tells the Unix time.
    """

    def __init__(self, file: str, clock: Callable[[], float] = time.time) -> None:
        self._file = Path(file).expanduser()
        self._clock = clock

    def save(self, made: Mapping[str, Any], server: Server | None) -> None:
        """Write the file for a token that was just made at `server`.

        Raises:
            ToolError: ``unavailable`` when it cannot be written.
        """
        kept = {"id": made["id"], "refresh_token": made["refresh_token"]}
        if server is not None:
            kept |= {"url": server.base_url, "root": server.root}
        try:
            self._write(kept)
        except OSError as error:
            raise self._failed(f"cannot be written: {error.strerror}") from None

    def server(self) -> Server | None:
        """Return the server of the file's token: where it was, else the one in the same folder.

        The token of one server is never shown to another that merely happens to run.
        """
        kept = self._read()
        if not kept.get("url"):
            return discovery.of_folder()
        server = discovery.given(str(kept["url"]), "refreshed")
        if not server.is_local or discovery.is_alive(server):
            return server
        same = (each for each in discovery.running_servers() if each.root == kept.get("root"))
        return next(same, server)

    def access(self, base_url: str, *, is_refused: str = "") -> AccessToken:
        """Return a token that is good for a while; it blocks while another process exchanges.

        Args:
            base_url: The server, with a slash at the end.
            is_refused: A token that the server does not take although its time is not over.

        Raises:
            ToolError: ``unauthorized`` when the file's token is not good any more.
        """
        with self._locked():
            kept = self._read()
            found = _still_good(kept, self._clock())
            if found is not None and found.token != is_refused:
                return found
            kept = self._exchanged(kept, base_url)
            self._write(kept)
        return AccessToken(kept["access_token"], kept["renew_at"])

    def _exchanged(self, kept: Mapping[str, Any], base_url: str) -> dict[str, Any]:
        shown = str(kept.get("refresh_token", ""))
        answer = self._ask(f"{base_url}jupyter_mcp/api/token/refresh", shown)
        life = float(answer["expires_in"])
        renew_at = self._clock() + life - min(life * MARGIN, MARGIN_LIMIT)
        return {
            **kept,
            "refresh_token": answer["refresh_token"],
            "access_token": answer["access_token"],
            "renew_at": renew_at,
        }

    def _ask(self, url: str, shown: str) -> dict[str, Any]:
        fields = {"grant_type": "refresh_token", "refresh_token": shown}
        body = urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(url, data=body, method="POST")  # noqa: S310 - http(s), as the person gave it
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - as above
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error.code) from None
        except (OSError, ValueError):
            what = f"No answer from {url}."
            raise ToolError("unavailable", what, "Is the Jupyter server running?") from None
        return found

    def _refused(self, status: int) -> ToolError:
        if status == 404:  # noqa: PLR2004 - HTTP
            what = "The server has no tokens for clients."
            return ToolError("unavailable", what, "Update jupyter_mcp there.")
        return ToolError(
            "unauthorized",
            f"The refresh token in {self._file} is not good any more.",
            f"Make a new one: jupyter mcp token create --scopes … --save {self._file}",
        )

    def _read(self) -> dict[str, Any]:
        try:
            if not private_file.is_private(self._file):
                raise self._failed("can be read by others", f"chmod 600 {self._file}")
            text = self._file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise self._failed(f"cannot be read: {error.strerror}") from None
        try:
            found = json.loads(text)
        except ValueError:
            found = {"refresh_token": text}  # a person wrote the bare token
        return found if isinstance(found, dict) else {}

    def _write(self, kept: Mapping[str, Any]) -> None:
        private_file.replace(self._file, json.dumps(dict(kept)).encode())

    def _failed(self, what: str, remedy: str = "Give the file another place.") -> ToolError:
        return ToolError("unavailable", f"{self._file} {what}.", remedy)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other bridges out: the lock ends with the process, however that ends."""
        lock = contextlib.ExitStack()
        try:
            file = self._file.with_name(f"{self._file.name}.lock")
            lock.enter_context(private_file.locked(file))
        except OSError as error:
            raise self._failed(f"cannot be locked: {error.strerror}") from None
        with lock:
            yield


def _still_good(kept: Mapping[str, Any], now: float) -> AccessToken | None:
    token, renew_at = kept.get("access_token"), kept.get("renew_at")
    if not isinstance(token, str) or not isinstance(renew_at, int | float) or renew_at <= now:
        return None
    return AccessToken(token, float(renew_at))
