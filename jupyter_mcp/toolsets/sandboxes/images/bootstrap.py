"""The file system of the base image, made of Debian packages by mmdebstrap.

No registry is asked: the packages come from the Debian mirror, checked by apt. As an ordinary user
it works in a user namespace; as root it needs none.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Self

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images.recipes import Packages

_CHUNK = 1024 * 1024
_GRACE = 20.0
"""Seconds that mmdebstrap has to take away what it made."""
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


class Bootstrap:
    """One run of mmdebstrap; iterate over it for the tar, use it as a context manager.

    Args:
        packages: What the image consists of.
        say: Takes what it prints; called in a thread.
    """

    def __init__(self, packages: Packages, say: Callable[[str], None]) -> None:
        self._packages = packages
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            ToolError: ``unavailable`` when it is not installed.
        """
        program = shutil.which("mmdebstrap")
        if program is None:
            raise ToolError(
                "unavailable",
                "The base image is made by mmdebstrap, which is not installed.",
                "apt-get install mmdebstrap; or build from a Dockerfile of your own.",
            )
        self._folder = Path(tempfile.mkdtemp(prefix="jupyter-mcp-image-"))
        self._folder.chmod(0o711)  # apt's own user, or that of the namespace, passes through
        self._process = subprocess.Popen(  # noqa: S603 - fixed words and the names of a recipe
            self._command(program),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(self._folder)},
            start_new_session=True,
        )
        self._reader = threading.Thread(
            target=self._tell, args=(self._process.stderr,), name="jupyter-mcp-image-log"
        )
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process is None or process.stdout is None or process.stderr is None:
            return
        if process.poll() is None:
            self.end()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._reader.join()
        process.stdout.close()
        process.stderr.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the tar.

        Raises:
            ToolError: ``failed`` when it could not be made; the engine then keeps nothing.
        """
        process = self._process
        if process is None or process.stdout is None:
            return
        while data := process.stdout.read(_CHUNK):
            yield data
        if code := process.wait():
            raise ToolError(
                "failed",
                f"mmdebstrap could not make the base image (exit code {code}).",
                "See the log; it needs the Debian mirror and its keys (debian-archive-keyring).",
            )

    def end(self) -> None:
        """Have it stop and clean up; called from any thread."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)

    def _command(self, program: str) -> list[str]:
        command = [program, "--variant=minbase", f"--include={','.join(self._packages.names)}"]
        bundle = certificates()
        if bundle is not None:
            copy = self._folder / "ca.crt"
            copy.write_bytes(bundle)
            copy.chmod(0o644)
            command.append(f"--customize-hook=upload {shlex.quote(str(copy))} {_CERTIFICATES}")
        return [*command, self._packages.suite, "-"]

    def _tell(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._say(line.decode("utf-8", "replace"))


def certificates() -> bytes | None:
    """Return the certificates that this host trusts, where it names them by SSL_CERT_FILE.

    A proxy that looks into TLS is trusted by them; without them pip in an image would fail.
    """
    named = os.environ.get("SSL_CERT_FILE")
    if not named:
        return None
    try:
        return Path(named).read_bytes()
    except OSError:
        return None
