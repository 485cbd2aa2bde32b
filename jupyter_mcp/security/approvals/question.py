"""A question to a person, what it is about, and how it ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from jupyter_mcp.security.approvals.grants import Grant, Matter

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal

Answer = Literal["once", "session", "always", "deny"]
Outcome = Literal["once", "session", "always", "deny", "timeout"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked, and by whom.

    Args:
        principal: Who asks.
        matter: What makes two calls the same.
        title: The tool's title.
        summary: The arguments, readable and without secrets.
        door: The way in that the call took.
        reason: Why a person is asked, in a line.
        rule: The rule that says so; empty where it is none.
    """

    principal: Principal
    matter: Matter
    title: str
    summary: str
    door: str
    reason: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Resolution:
    """How a question ended.

    Args:
        outcome: The answer, or ``timeout``.
        by: The name of who answered; empty for nobody.
        via: The way the answer came: a door's name or ``elicitation``.
        seconds: How long it took.
        grant: What is remembered of it.
    """

    outcome: Outcome
    by: str
    via: str
    seconds: float
    grant: Grant | None = None

    @property
    def is_yes(self) -> bool:
        """Whether the call may go on."""
        return self.outcome in ("once", "session", "always")


@dataclass(frozen=True, slots=True)
class Question:
    """A call that waits.

    Args:
        id: What a person names it by.
        subject: What is asked.
        created: Unix time of the question.
        expires: Unix time at which silence is a no.
        resolution: How it ended, once it has.
    """

    id: str
    subject: Subject
    created: float
    expires: float
    resolution: asyncio.Future[Resolution]

    def to_json(self) -> dict[str, Any]:
        """Return what whoever may answer gets to see."""
        subject = self.subject
        return {
            "id": self.id,
            "tool": subject.matter.tool,
            "title": subject.title,
            "arguments": subject.summary,
            "principal": subject.principal.name,
            "client": subject.matter.client,
            "door": subject.door,
            "reason": subject.reason,
            "created": self.created,
            "expires": self.expires,
        }
