"""The folder of a local sandbox: ``spec.json`` is the truth of it, ``workspace/`` its files.

A sandbox appears and disappears by a rename of its folder, so that no reader ever meets half of
one. Any server on the same state folder finds it again.
"""

from __future__ import annotations

import contextlib
import errno
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jupyter_mcp.security import private_file
from jupyter_mcp.toolsets.sandboxes.backends.trees import remove_tree
from jupyter_mcp.toolsets.sandboxes.spec import Limits, Mount, SandboxSpec

STALE_SECONDS = 600.0
PAUSED = "paused"
_IDENTIFIER = re.compile(r"[A-Za-z0-9][\w-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Record:
    """What is written down of a sandbox.

    Args:
        backend: Which backend made it.
        spec: What it was made from.
    """

    backend: str
    spec: SandboxSpec

    def to_json(self) -> bytes:
        """Return what the file holds."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Record:
        """Return the record in a file's text.

        Raises:
            ValueError: When the text is none.
        """
        try:
            found: dict[str, Any] = json.loads(text)
            spec = found["spec"]
            spec["limits"] = Limits(**spec["limits"])
            spec["mounts"] = tuple(Mount(**each) for each in spec["mounts"])
            return cls(found["backend"], SandboxSpec(**spec))
        except (KeyError, TypeError) as error:
            raise ValueError(str(error)) from None


class Folders:
    """The folders of all local sandboxes.

    Args:
        top: Where they lie; made at first use, for nobody else to read.
    """

    def __init__(self, top: Path) -> None:
        self.top = top

    def of(self, sandbox: str) -> Path:
        """Return a sandbox's folder.

        Raises:
            ValueError: For what is no identifier of a sandbox.
        """
        if not _IDENTIFIER.fullmatch(sandbox):
            raise ValueError(f"{sandbox!r} is no identifier of a sandbox.")
        return self.top / sandbox

    def add(self, record: Record, inside: tuple[str, ...]) -> None:
        """Make the folder of a sandbox, with the folders `inside` it.

        Raises:
            FileExistsError: When there is one.
        """
        self.top.mkdir(parents=True, mode=0o700, exist_ok=True)
        draft = self.top / f".new-{secrets.token_hex(8)}"
        draft.mkdir(mode=0o700)
        try:
            for name in inside:
                (draft / name).mkdir(mode=0o700)
            private_file.replace(draft / "spec.json", record.to_json())
            _rename_to_new(draft, self.of(record.spec.id))
        except BaseException:
            remove_tree(draft)
            raise

    def read(self, sandbox: str) -> Record | None:
        """Return the record of a sandbox; None when there is none."""
        try:
            return Record.from_json((self.of(sandbox) / "spec.json").read_bytes())
        except (OSError, ValueError):
            return None

    def change(self, sandbox: str, change: Callable[[Record], Record]) -> Record | None:
        """Write a record anew while no other server does; None when there is none."""
        try:
            with private_file.locked(self.of(sandbox) / "lock"):
                record = self.read(sandbox)
                if record is None:
                    return None
                changed = change(record)
                private_file.replace(self.of(sandbox) / "spec.json", changed.to_json())
                return changed
        except FileNotFoundError:
            return None

    def is_paused(self, sandbox: str) -> bool:
        """Return whether a sandbox is marked as paused: by a file, which is made in no time."""
        return (self.of(sandbox) / PAUSED).exists()

    def mark(self, sandbox: str, *, is_paused: bool) -> bool:
        """Mark a sandbox as paused or not, and return whether it is there."""
        mark = self.of(sandbox) / PAUSED
        try:
            mark.touch(0o600) if is_paused else mark.unlink(missing_ok=True)
        except FileNotFoundError:
            return False
        return mark.parent.is_dir()

    def all(self) -> Iterator[Record]:
        """Yield the records of all sandboxes, and take away what was left half made or removed."""
        for folder in sorted(self.top.glob("*")) if self.top.is_dir() else ():
            if folder.name.startswith("."):
                self._tidy(folder)
            elif (record := self.read(folder.name)) is not None and record.spec.id == folder.name:
                yield record

    def remove(self, sandbox: str) -> None:
        """Remove a sandbox's folder with all in it; one that is gone is no error."""
        gone = self.top / f".gone-{secrets.token_hex(8)}"
        with contextlib.suppress(FileNotFoundError):
            self.of(sandbox).rename(gone)
            remove_tree(gone)

    def _tidy(self, folder: Path) -> None:
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > STALE_SECONDS:
                remove_tree(folder)


def _rename_to_new(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)  # a folder with something in it is never replaced
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise FileExistsError(error.errno, "It is there already.") from None
        raise
