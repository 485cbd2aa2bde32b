"""Where an index lies on the disk, and what becomes of it when it cannot be read."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PRIVATE = 0o700

_ASIDE = r"(\.corrupt-\d+)?"
_OURS = re.compile(
    rf"index\.db(\.\d+-\d+)?{_ASIDE}(-wal|-shm|-journal)?|vectors{_ASIDE}|lock\.corrupt-\d+|"
    rf"waiting-[0-9a-f]{{16}}\.(draft|npz{_ASIDE})|chroma-id\.(draft|corrupt-\d+)"
)
"""All that is ever made in the folder besides what stays: it may be one that others use, too."""

_ID = re.compile(rb"[0-9a-f]{16}")


def state_folder(folder: Path) -> Path:
    """Return where the index of `folder` lies: the server and `SearchIndex` share it."""
    from jupyter_core.paths import jupyter_data_dir

    digest = hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
    return Path(jupyter_data_dir()) / "jupyter_mcp" / "search" / digest[:16]


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one index.

    Args:
        state: The folder.
    """

    state: Path

    @property
    def database(self) -> Path:
        """The words and everything but vectors."""
        return self.state / "index.db"

    @property
    def vectors(self) -> Path:
        """Chroma's folder."""
        return self.state / "vectors"

    @property
    def lock(self) -> Path:
        """Who owns it."""
        return self.state / "lock"

    @property
    def own(self) -> Path:
        """What tells its collections on a Chroma server from those of others."""
        return self.state / "chroma-id"

    def id(self, *, is_made: bool) -> str:
        """Return by what it is known on a Chroma server; empty when it is not yet.

        It is random, because the states of two machines may have the same path, as in the
        containers of a Hub. It stays when the words are built anew or the index is dropped: a
        collection that nobody knows by its name would stay for ever.

        Args:
            is_made: Whether to make one when there is none.

        Raises:
            OSError: It cannot be written.
        """
        with suppress(OSError):
            if _ID.fullmatch(found := self.own.read_bytes()):
                return found.decode()
        if not is_made:
            return ""
        if self.own.is_dir():
            self.put_aside(self.own)
        made = secrets.token_hex(8)
        draft = self.own.with_suffix(".draft")
        draft.write_text(made, encoding="ascii")
        draft.replace(self.own)
        return made

    def patterns(self, folder: Path) -> list[str]:
        """Return what leaves these files out of the index of a folder that they lie below."""
        place = self.state.resolve()
        if folder not in place.parents:
            return []
        told = place.relative_to(folder).as_posix()
        return ["/" + re.sub(r"([\\*?\[ #!])", r"\\\1", told) + "/"]

    def waiting(self, embedder: str) -> Path:
        """Vectors that are not in Chroma's folder yet."""
        mark = hashlib.blake2b(embedder.encode(), digest_size=8).hexdigest()
        return self.state / f"waiting-{mark}.npz"

    def make(self) -> None:
        """Make the folder, for this account alone."""
        self.state.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)

    @property
    def refusal(self) -> OSError | None:
        """Why this account may not write the database that is there; None when it may."""
        path, as_whom = self.database, os.access in os.supports_effective_ids
        if not path.is_file() or os.access(path, os.W_OK, effective_ids=as_whom):
            return None
        is_fixed = os.statvfs(path).f_flag & os.ST_RDONLY
        number = errno.EROFS if is_fixed else errno.EACCES
        return OSError(number, os.strerror(number))

    def put_aside(self, path: Path) -> Path:
        """Rename what cannot be read, with all that belongs to it; return its new name."""
        aside = path.with_name(f"{path.name}.corrupt-{int(time.time() * 1000)}")
        for end in ("-wal", "-shm"):
            beside = path.with_name(path.name + end)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + end))
        if path.exists():
            path.rename(aside)
        return aside

    def remove(self, path: Path) -> None:
        """Delete a file or a folder with all that belongs to it."""
        for end in ("", "-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete all of ours, also what was put aside, but for the lock and the id."""
        for path in list(self._ours()):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def bytes(self) -> int:
        """Return what all of it takes on the disk."""
        ours = (self.lock, self.own, *self._ours())
        return sum(_allocated(path) for each in ours for path in (each, *each.rglob("*")))

    def _ours(self) -> Iterator[Path]:
        return (path for path in self.state.iterdir() if _OURS.fullmatch(path.name))


def _allocated(path: Path) -> int:
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return 0
    return found.st_blocks * 512 if path.is_file() else 0
