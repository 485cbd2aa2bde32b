"""The folder that a build sees, as a tar.

Symbolic links go in as links and are never followed, so nothing from outside the folder gets in.
Hidden files go in only where Jupyter shows them; `.dockerignore` is honoured.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from jupyter_mcp.errors import ToolError

MOST_BYTES = 512 * 1024 * 1024
MOST_ENTRIES = 100_000
_MOST_TEXT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Context:
    """What goes into the tar.

    Args:
        folder: The folder.
        shows_hidden: Whether names that begin with a dot go in.
        extra: Further files by name; they replace those of the folder.
        most_bytes: The most bytes of files.
    """

    folder: Path
    shows_hidden: bool
    extra: Mapping[str, bytes]
    most_bytes: int = MOST_BYTES

    def write(self, target: IO[bytes], check: Callable[[], None]) -> int:
        """Write the tar and return how many bytes its files have.

        Args:
            target: Where to.
            check: Called for each file; raises when the build was cancelled.

        Raises:
            ToolError: ``too_large``.
        """
        total = count = 0
        with tarfile.open(fileobj=target, mode="w") as tar:
            for name, status, folder in self._walk():
                check()
                count += 1
                total += status.st_size if stat.S_ISREG(status.st_mode) else 0
                if total > self.most_bytes or count > MOST_ENTRIES:
                    raise _too_large(self.most_bytes)
                _add(tar, name, status, folder)
            for name, data in self.extra.items():
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(data), 0o644
                tar.addfile(info, io.BytesIO(data))
        return total

    def _walk(self) -> Iterator[tuple[str, os.stat_result, int]]:
        ignore = _Ignore(read_text(self.folder, ".dockerignore") or "")
        out: set[str] = set()
        for top, folders, names, descriptor in os.fwalk(self.folder, follow_symlinks=False):
            above = Path(top).relative_to(self.folder)
            is_out = above.as_posix() in out
            folders[:] = [each for each in sorted(folders) if self._is_seen(each)]
            for name in [*folders, *sorted(filter(self._is_seen, names))]:
                path = (above / name).as_posix()
                if ignore.has(path, above_is_out=is_out):
                    out.add(path)
                elif path not in self.extra:
                    yield path, os.lstat(name, dir_fd=descriptor), descriptor
            if not ignore.has_exceptions:
                folders[:] = [each for each in folders if (above / each).as_posix() not in out]

    def _is_seen(self, name: str) -> bool:
        return self.shows_hidden or not name.startswith(".")


def read_text(folder: Path, path: str) -> str | None:
    """Return a small text file of a folder; None when there is none.

    Raises:
        ToolError: ``invalid_arguments`` when it leads out of the folder, is too long or no text.
    """
    file = folder / path
    try:
        inside = file.resolve(strict=True).is_relative_to(folder.resolve(strict=True))
    except (OSError, RuntimeError):
        return None
    if not inside:
        raise ToolError(
            "invalid_arguments",
            f"'{path[:80]}' leads out of the folder.",
            "Move it into the folder.",
        )
    if not file.is_file():
        return None
    with file.open("rb") as opened:
        data = opened.read(_MOST_TEXT + 1)
    try:
        if len(data) <= _MOST_TEXT:
            return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise ToolError("invalid_arguments", f"'{path[:80]}' is no short text.", "Look at the file.")


def _add(tar: tarfile.TarFile, name: str, status: os.stat_result, folder: int) -> None:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = stat.S_IMODE(status.st_mode), int(status.st_mtime)
    base = name.rpartition("/")[2]
    if stat.S_ISDIR(status.st_mode):
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif stat.S_ISLNK(status.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(base, dir_fd=folder)
        tar.addfile(info)
    elif stat.S_ISREG(status.st_mode):
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with os.fdopen(os.open(base, flags, dir_fd=folder), "rb") as opened:
            info.size = status.st_size
            tar.addfile(info, _Exactly(opened, status.st_size))  # type: ignore[arg-type]


class _Exactly:
    """A file that has as many bytes as the tar was told, though somebody writes to it meanwhile."""

    def __init__(self, opened: IO[bytes], size: int) -> None:
        self._opened = opened
        self._left = size

    def read(self, size: int) -> bytes:
        wanted = min(size, self._left)
        data = self._opened.read(wanted)
        data += bytes(wanted - len(data))
        self._left -= wanted
        return data


class _Ignore:
    """What a .dockerignore leaves out: the last pattern that matches counts, else the folder above.

    The patterns are matched by the SDK, which does not know of folders above those with ``**``.
    """

    def __init__(self, text: str) -> None:
        from docker.utils.build import Pattern  # type: ignore[import-untyped]

        lines = [line.strip() for line in text.splitlines()]
        made = [Pattern(line) for line in lines if line and not line.startswith("#")]
        self._patterns: list[Any] = [each for each in made if each.dirs]
        self.has_exceptions = any(each.exclusion for each in self._patterns)

    def has(self, path: str, *, above_is_out: bool) -> bool:
        """Return whether a path is left out."""
        matching = [each for each in self._patterns if each.match(path)]
        return not matching[-1].exclusion if matching else above_is_out


def _too_large(most: int) -> ToolError:
    return ToolError(
        "too_large",
        f"The folder has more than {most // (1024 * 1024)} MiB or {MOST_ENTRIES} files.",
        "Name what the build does not need in .dockerignore.",
    )
