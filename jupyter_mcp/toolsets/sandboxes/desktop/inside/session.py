"""The programs of the desktop: X server, message bus, accessibility and window manager.

The X server writes its pixels into a mapped file (``-fbdir``), so that a picture costs no round
trip: 0.1 ms for the bytes of 1280x800 against 7 ms by GetImage. It listens on no port and asks for
a cookie, since below the level of containers its socket may be in reach of others.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import shlex
import shutil
import socket
import struct
import subprocess
import tempfile
from pathlib import Path

from jupyter_mcp.toolsets.sandboxes.desktop.inside.wire import Refusal

START_SECONDS = 20.0
LAUNCHERS = ("/usr/libexec/at-spi-bus-launcher", "/usr/lib/at-spi2-core/at-spi-bus-launcher")
NEEDED = {"Xvfb": "xvfb", "openbox": "openbox", "dbus-daemon": "dbus"}
TOLD = Path(".cache/jupyter-mcp/desktop")
"""Where programs that began before the desktop find it, below the home folder; a shell reads it."""


class Session:
    """The programs, owned: `stop` ends them."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen[bytes]] = []
        self._folder = Path(tempfile.mkdtemp(prefix="desktop-"))
        self._told = Path.home() / TOLD
        self.environment: dict[str, str] = {}

    @property
    def pixels(self) -> Path:
        """The X server's mapped file (format: XWD, version 7)."""
        return self._folder / "Xvfb_screen0"

    def start(self, width: int, height: int) -> None:
        """Start them and put what their clients need into the environment.

        Raises:
            Refusal: ``unsupported`` when a program is missing, ``unavailable`` when one fails.
        """
        missing = [package for name, package in NEEDED.items() if shutil.which(name) is None]
        if missing:
            raise Refusal("unsupported", f"This sandbox has no desktop: no {', '.join(missing)}.")
        self._set("XAUTHORITY", str(self._folder / "Xauthority"))
        cookie = secrets.token_bytes(16)
        self._authorize(cookie, "")
        screen = ["-screen", "0", f"{width}x{height}x24", "-dpi", "96"]
        access = ["-auth", os.environ["XAUTHORITY"], "-nolisten", "tcp", "-noreset"]
        number = self._told_by(
            ["Xvfb", *screen, "-fbdir", str(self._folder), *access], "-displayfd"
        )
        self._authorize(cookie, number)
        self._set("DISPLAY", f":{number}")
        bus = ["dbus-daemon", "--session", "--nofork", "--nopidfile"]
        self._set("DBUS_SESSION_BUS_ADDRESS", self._told_by(bus, "--print-address"))
        for name in ("ACCESSIBILITY_ENABLED", "GNOME_ACCESSIBILITY"):  # Chromium asks for these
            self._set(name, "1")
        self._set("QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "1")
        for launcher in LAUNCHERS:
            if Path(launcher).exists():
                self._spawn([launcher, "--launch-immediately"])
                break
        self._spawn(["openbox", "--sm-disable"])
        self._tell()

    def stop(self) -> None:
        """End them, the last one first, and take away their files."""
        for child in reversed(self._children):
            child.terminate()
        for child in reversed(self._children):
            try:
                child.wait(2)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()
        if self.environment:
            self._told.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _set(self, name: str, value: str) -> None:
        self.environment[name] = os.environ[name] = value

    def _spawn(self, command: list[str], descriptor: int | None = None) -> None:
        kept = () if descriptor is None else (descriptor,)
        null = subprocess.DEVNULL
        self._children.append(
            subprocess.Popen(command, stdin=null, stdout=null, stderr=null, pass_fds=kept)  # noqa: S603 - fixed programs
        )

    def _told_by(self, command: list[str], option: str) -> str:
        """Start a program that tells on a descriptor how it is reached, and return that."""
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as told:
            number = str(writing)
            words = [option, number] if option == "-displayfd" else [f"{option}={number}"]
            self._spawn([*command, *words], writing)
            os.close(writing)
            ready = select.select([told], [], [], START_SECONDS)[0]
            line = told.readline(4096).decode().strip() if ready else ""
        if not line:
            raise Refusal("unavailable", f"{command[0]} did not start.")
        return line

    def _authorize(self, cookie: bytes, number: str) -> None:
        """Write the cookie where the X server and its clients look (format: Xau, xauth(1))."""
        local, wild = 256, 65535
        data = b""
        for family, address in ((local, socket.gethostname().encode()), (wild, b"")):
            data += struct.pack(">H", family)
            for part in (address, number.encode(), b"MIT-MAGIC-COOKIE-1", cookie):
                data += struct.pack(">H", len(part)) + part
        path = Path(os.environ["XAUTHORITY"])
        path.touch(mode=0o600)
        path.write_bytes(data)

    def _tell(self) -> None:
        lines = [
            f"export {name}={shlex.quote(self.environment[name])}" for name in self.environment
        ]
        with contextlib.suppress(OSError):  # a home that cannot be written: later programs only
            self._told.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._told.with_name(f"desktop.{os.getpid()}")
            fresh.write_text("\n".join(lines) + "\n")
            fresh.replace(self._told)
