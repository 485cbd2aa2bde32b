"""Redacts the records of our own loggers before any handler writes them.

A filter on a logger does not see what its children log, and a filter on a handler misses handlers
that are added later. So a handler that writes nothing stands at the ``jupyter_mcp`` logger, where
every record of ours passes before it reaches the handlers of the root.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from jupyter_mcp.security.secrets.redaction import Redactor

OURS = "jupyter_mcp"

_FORMATTER = logging.Formatter()


class LogRedaction(logging.Handler):
    """Changes records in place.

    Args:
        redactor: What to take out.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def install(self) -> None:
        """Look at every record of ours from now on."""
        logging.getLogger(OURS).addHandler(self)

    def remove(self) -> None:
        """Look at none any more."""
        logging.getLogger(OURS).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Redact `record`; where nobody else would write it, do as Python does then."""
        try:
            self._redact(record)
        except Exception:  # noqa: BLE001 - a record that cannot be formatted may hold anything
            record.msg, record.args = "A line of log was dropped: it cannot be redacted.", None
            record.exc_info = record.exc_text = None
        last = logging.lastResort
        if last is not None and record.levelno >= last.level and self._is_last(record.name):
            last.handle(record)

    def _redact(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if (cleaned := self._redactor.text(message)) is not message:
            record.msg, record.args = cleaned, None
        if record.exc_info and record.exc_info[0] is not None:
            told = record.exc_text or _FORMATTER.formatException(record.exc_info)
            if (cleaned := self._redactor.text(told)) is not told:
                record.exc_info, record.exc_text = None, cleaned
        if record.stack_info:
            record.stack_info = self._redactor.text(record.stack_info)

    def _is_last(self, name: str) -> bool:
        handlers = list(_handlers(name))
        others = [each for each in handlers if not isinstance(each, LogRedaction)]
        return not others and handlers[-1] is self


def _handlers(name: str) -> Iterator[logging.Handler]:
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None
