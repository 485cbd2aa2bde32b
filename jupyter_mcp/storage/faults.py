"""Why a database cannot be opened or written, in one line with what to do.

What SQLAlchemy and the drivers say runs over many lines and may name passwords; nothing of it is
passed on but the kind of the failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_mcp.errors import ToolError

_DRIVERS = {"psycopg": "postgres"}
"""Modules of drivers and the extra of ours that brings them."""

_WRITING = (
    ("disk is full", "the disk is full"),
    ("no space left", "the disk is full"),
    ("could not extend file", "the disk is full"),
    ("disk quota", "the disk is full"),
    ("readonly database", "the database is read-only"),
    ("read-only transaction", "the database is read-only"),
    ("unable to open database", "the database cannot be opened"),
    ("database is locked", "another program keeps the database locked"),
    ("disk i/o error", "the disk fails"),
    ("malformed", "the database is damaged"),
    ("not a database", "the file is no database"),
    ("connection", "the database does not answer"),
)


@contextmanager
def opening(url: str) -> Iterator[None]:
    """Turn what goes wrong while the database at `url` is opened into a `ToolError`."""
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    try:
        yield
    except ImportError as error:
        raise _no_driver(error) from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise ToolError(
            "unavailable",
            "The setting 'database_url' is not the URL of a database that is supported.",
            "Write it as 'postgresql+psycopg://user@host/name', or leave it empty for SQLite.",
        ) from error
    except SQLAlchemyError as error:
        raise ToolError(
            "unavailable",
            f"The database {place(url)} cannot be opened: {reason(error)}.",
            "See that it runs and can be written, and that 'database_url' is right.",
        ) from error
    except Exception as error:
        if newer := _newer(error):
            raise newer from error
        raise


@contextmanager
def remembering(what: str) -> Iterator[None]:
    """Say of something that holds already, that it could not be written down.

    Args:
        what: What was done, as the beginning of a sentence: "The agents are paused".

    Raises:
        ToolError: ``unavailable`` when the database fails meanwhile.
    """
    try:
        yield
    except Exception as error:
        from sqlalchemy.exc import SQLAlchemyError  # loaded by the storage's thread meanwhile

        if not isinstance(error, SQLAlchemyError | OSError | ToolError):
            raise
        raise ToolError(
            "unavailable",
            f"{what} now, but that could not be written down: {reason(error)}.",
            "It holds until this server stops: do it again when the database can be written.",
        ) from error


def reason(error: BaseException) -> str:
    """Return in a few words why a statement failed; no path, no password."""
    if isinstance(error, ToolError):
        return error.message.rstrip(".")
    said = str(getattr(error, "orig", None) or error).lower()
    known = (meaning for words, meaning in _WRITING if words in said)
    return next(known, f"it failed with {type(error).__name__}")


def place(url: str) -> str:
    """Return where a database is, without the password and the folders above it."""
    from sqlalchemy import make_url

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return "in the state folder"
    return f"'{parsed.database}' at {parsed.host or parsed.query.get('host') or 'this machine'}"


def _no_driver(error: ImportError) -> ToolError:
    module = (error.name or "").split(".")[0]
    extra = _DRIVERS.get(module, "")
    package = f"jupyter-mcp-workbench[{extra}]" if extra else module or "its driver"
    return ToolError(
        "unavailable",
        f"The database of 'database_url' needs the package '{module}', which is not installed.",
        f"Run: pip install '{package}'",
    )


def _newer(error: Exception) -> ToolError | None:
    if type(error).__module__ != "alembic.util.exc" or "locate revision" not in str(error):
        return None
    return ToolError(
        "unavailable",
        "The database was written by a newer version of jupyter_mcp than this one.",
        "Update jupyter-mcp-workbench, or name another database in 'database_url'.",
    )
