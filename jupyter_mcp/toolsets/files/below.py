"""Files below one folder of this machine, which no symbolic link leads out of.

A path is first resolved, then walked from the top with a descriptor of each folder and without
following anything: a link that somebody puts there in between makes the call fail rather than lead
elsewhere. Writing goes into a file beside the old one, which it replaces when it is whole.
Everything here blocks: call it in a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.paths import (
    a_folder,
    changed,
    no_folder,
    not_found,
    outside,
    shown,
    there_already,
)
from jupyter_mcp.workplace import Entry, Kind

BY_DESCRIPTOR = os.open in os.supports_dir_fd and os.name != "nt"
"""Whether folders can be held on to; elsewhere paths are used, as resolved."""

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
BINARY = getattr(os, "O_BINARY", 0)
FOLDER = NO_FOLLOW | getattr(os, "O_DIRECTORY", 0)
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is held on to.

    Args:
        path: Its full path.
        descriptor: What stands for it; None where the system has no such thing.
    """

    path: str
    descriptor: int | None

    def named(self, name: str) -> str:
        """Return how the system's calls name something in it, beside the descriptor."""
        return str(Path(self.path) / name) if self.descriptor is None else name

    def open(self, name: str, flags: int, mode: int = 0o666) -> int:
        """Open a file in it, not through a link."""
        flags |= NO_FOLLOW | BINARY
        return os.open(self.named(name), flags, mode, dir_fd=self.descriptor)

    def look(self, name: str) -> os.stat_result | None:
        """Return what is there under a name, not through a link; None for nothing."""
        try:
            return os.stat(self.named(name), dir_fd=self.descriptor, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def make(self, name: str) -> None:
        """Make a folder in it; one that is there stays."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.named(name), dir_fd=self.descriptor)

    def replace(self, name: str, there: Folder, new: str) -> None:
        """Move something onto another name at once."""
        os.replace(
            self.named(name),
            there.named(new),
            src_dir_fd=self.descriptor,
            dst_dir_fd=there.descriptor,
        )

    def remove(self, name: str) -> None:
        """Remove a file that may be gone already."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.named(name), dir_fd=self.descriptor)


class Below:
    """The files below `top`.

    Args:
        top: The folder.
        closed: Folders that stay shut though they lie below it, such as this server's own state.
    """

    def __init__(self, top: Path, closed: tuple[Path, ...] = ()) -> None:
        self.top = os.path.realpath(top)
        self._closed = tuple(os.path.realpath(each) for each in closed)

    def real(self, path: str, *, follow: bool = True) -> str:
        """Return the path below the top that `path` leads to, links resolved.

        Args:
            path: A normal path below the top; what is missing at its end may be.
            follow: Whether a link at its very end is followed.

        Raises:
            ToolError: ``invalid_arguments`` for what leads out, ``forbidden`` for what is closed.
        """
        if not path:
            return ""
        full = Path(self.top) / path
        try:
            where = os.path.realpath(full if follow else full.parent)
        except (OSError, ValueError):
            raise not_found(path) from None
        where = where if follow else str(Path(where) / full.name)
        top = self.top.rstrip(os.sep) + os.sep
        if not (where + os.sep).startswith(top):
            raise outside(path)
        if any((where + os.sep).startswith(each + os.sep) for each in self._closed):
            raise ToolError(
                "forbidden",
                f"'{shown(path)}' belongs to this server itself.",
                "Choose another folder.",
            )
        return Path(where).relative_to(self.top).as_posix() if where + os.sep != top else ""

    @contextlib.contextmanager
    def folder(self, real: str, *, make: bool = False) -> Iterator[Folder]:
        """Hold on to the folder at a resolved path.

        Args:
            real: What `real` returned.
            make: Whether missing folders are made.
        """
        path, parts = self.top, [part for part in real.split("/") if part]
        with contextlib.ExitStack() as stack, told(real):
            held = Folder(path, self._open(path, None, stack))
            for part in parts:
                if make:
                    held.make(part)
                path = str(Path(path) / part)
                held = Folder(path, self._open(held.named(part), held.descriptor, stack))
            yield held

    @staticmethod
    def _open(name: str, above: int | None, stack: contextlib.ExitStack) -> int | None:
        if not BY_DESCRIPTOR:
            if not Path(name).is_dir():
                raise NotADirectoryError
            return None
        descriptor = os.open(name, os.O_RDONLY | FOLDER, dir_fd=above)
        stack.callback(os.close, descriptor)
        return descriptor

    def stat(self, real: str) -> Entry:
        """Return what is at a resolved path.

        Raises:
            ToolError: ``not_found``.
        """
        if not real:
            return entry_of("", Path(self.top).stat())
        above, name = _parted(real)
        with self.folder(above) as folder:
            found = folder.look(name)
            if found is None:
                raise not_found(real)
            return entry_of(real, found, _target(folder, name, found))

    def entries(self, real: str) -> list[Entry]:
        """Return what is in a folder, by name."""
        found = []
        with self.folder(real) as folder:
            at = folder.path if folder.descriptor is None else folder.descriptor
            with told(real):
                names = sorted(os.listdir(at))  # noqa: PTH208 - of a descriptor
            for name in names:
                info = None if _undecodable(name) else folder.look(name)
                if info is not None:
                    path = f"{real}/{name}" if real else name
                    found.append(entry_of(path, info, _target(folder, name, info)))
        return found

    def read(self, real: str, offset: int, limit: int | None) -> tuple[bytes, int]:
        """Return bytes of a file and the size of the whole."""
        above, name = _parted(real)
        with self.folder(above) as folder, open_file(folder, name, real) as descriptor:
            size = os.fstat(descriptor).st_size
            wanted = max(size - offset, 0) if limit is None else limit
            with os.fdopen(os.dup(descriptor), "rb") as file:
                file.seek(offset)
                return file.read(wanted), size

    def writing(self, real: str) -> Writing:
        """Begin to write the file at a resolved path; its folders are made."""
        above, name = _parted(real)
        if not name:
            raise a_folder("/")
        return Writing(self, above, name)

    def move(self, source: str, target: str) -> None:
        """Move onto a file that may be there, at once."""
        (above, name), (there, new) = _parted(source), _parted(target)
        with self.folder(above) as one, self.folder(there, make=True) as other, told(target):
            one.replace(name, other, new)

    def unlink(self, real: str) -> None:
        """Remove a link or a file."""
        above, name = _parted(real)
        with self.folder(above) as folder, told(real):
            folder.remove(name)

    def make_folder(self, real: str) -> None:
        """Make a folder and those above it."""
        with self.folder(real, make=True):
            return


class Writing:
    """A file that comes into being beside the one that it replaces.

    Args:
        below: Where.
        above: The folder's resolved path.
        name: The file's name.
    """

    def __init__(self, below: Below, above: str, name: str) -> None:
        self._stack = contextlib.ExitStack()
        self._name = name
        self._path = f"{above}/{name}" if above else name
        self._temporary = f".~{name[:180]}.{secrets.token_hex(6)}"
        self._folder = self._stack.enter_context(below.folder(above, make=True))
        try:
            self._file = self._begun()
        except BaseException:
            self._stack.close()
            raise

    def _begun(self) -> BinaryIO:
        """Open the new file, with the permissions of the old one."""
        there = self._folder.look(self._name)
        if there is not None and stat.S_ISDIR(there.st_mode):
            raise a_folder(self._path)
        with told(self._path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            file = os.fdopen(self._folder.open(self._temporary, flags), "wb")
        if there is not None and stat.S_ISREG(there.st_mode) and hasattr(os, "fchmod"):
            with contextlib.suppress(OSError):
                os.fchmod(file.fileno(), stat.S_IMODE(there.st_mode))
        return file

    def feed(self, data: bytes) -> None:
        """Write more."""
        with told(self._path):
            self._file.write(data)

    def finish(self, *, overwrite: bool, revision: str) -> None:
        """Put the file in its place.

        Args:
            overwrite: Whether there may be one already.
            revision: SHA-256 of what has to be there; empty for no matter.

        Raises:
            ToolError: ``conflict``.
        """
        with told(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if revision and self._revision() != revision:
                raise changed(self._path)
            if overwrite:
                self._folder.replace(self._temporary, self._folder, self._name)
            else:
                self._put_where_nothing_is()

    def close(self) -> None:
        """Take away what was not finished, and let go of the folder."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._folder.remove(self._temporary)
        self._stack.close()

    def _revision(self) -> str:
        try:
            with open_file(self._folder, self._name, self._path) as descriptor:
                return digest(descriptor)
        except ToolError:
            return ""

    def _put_where_nothing_is(self) -> None:
        folder, name = self._folder, self._name
        try:
            os.link(
                folder.named(self._temporary),
                folder.named(name),
                src_dir_fd=folder.descriptor,
                dst_dir_fd=folder.descriptor,
                follow_symlinks=False,
            )
        except FileExistsError:
            raise there_already(self._path) from None
        except OSError:  # a file system without hard links
            if folder.look(name) is not None:
                raise there_already(self._path) from None
            folder.replace(self._temporary, folder, name)


@contextlib.contextmanager
def open_file(folder: Folder, name: str, path: str) -> Iterator[int]:
    """Open a regular file to read it; a pipe or a device is refused and not waited for."""
    with told(path):
        descriptor = folder.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise a_folder(path)
        if not stat.S_ISREG(mode):
            raise ToolError(
                "invalid_arguments", f"'{shown(path)}' is no ordinary file.", "Read another one."
            )
        yield descriptor
    finally:
        os.close(descriptor)


def digest(descriptor: int) -> str:
    """Return SHA-256 of an open file."""
    found = hashlib.sha256()
    while piece := os.read(descriptor, PIECE):
        found.update(piece)
    return found.hexdigest()


def entry_of(path: str, info: os.stat_result, target: str = "") -> Entry:
    """Return what the system tells of a file in our terms."""
    kind: Kind = "other"
    if stat.S_ISREG(info.st_mode):
        kind = "file"
    elif stat.S_ISDIR(info.st_mode):
        kind = "directory"
    elif stat.S_ISLNK(info.st_mode):
        kind = "symlink"
    size = info.st_size if kind == "file" else 0
    return Entry(path, kind, size, info.st_mtime, stat.S_IMODE(info.st_mode), target)


@contextlib.contextmanager
def told(path: str) -> Iterator[None]:
    """Say what the system said, in one line with a remedy and without the machine's own paths."""
    try:
        yield
    except FileNotFoundError:
        raise not_found(path) from None
    except NotADirectoryError:
        raise no_folder(path) from None
    except IsADirectoryError:
        raise a_folder(path) from None
    except PermissionError:
        raise ToolError(
            "forbidden", f"The server may not touch '{shown(path)}'.", "Check its permissions."
        ) from None
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else "the system refused"
        raise ToolError(
            "unavailable", f"'{shown(path)}' cannot be used: {why}.", "Nothing was changed."
        ) from None


def _parted(real: str) -> tuple[str, str]:
    above, _, name = real.rpartition("/")
    return above, name


def _target(folder: Folder, name: str, info: os.stat_result) -> str:
    if not stat.S_ISLNK(info.st_mode):
        return ""
    try:
        return shown(os.readlink(folder.named(name), dir_fd=folder.descriptor))
    except OSError:
        return ""


def _undecodable(name: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in name)
