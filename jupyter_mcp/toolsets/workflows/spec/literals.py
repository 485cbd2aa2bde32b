"""Checks what stands in a spec as it is: addresses, and code and the function of it that is run.

Where a value is referred to, or Python could come to its function in a way that is not seen here,
nothing is wrong: a run tells then.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from jupyter_mcp.toolsets.workflows.spec import hosts
from jupyter_mcp.toolsets.workflows.spec.models import Map, Processing, Work
from jupyter_mcp.toolsets.workflows.spec.models.works import Message
from jupyter_mcp.toolsets.workflows.spec.problems import Problem
from jupyter_mcp.toolsets.workflows.spec.python import syntax_error
from jupyter_mcp.toolsets.workflows.spec.references import Place, shown

LONGEST = 20_000
"""Characters of addresses that are looked at; reading more of them takes long."""

_RUN = re.compile(
    r"""\b(?:def|class)\s+run\b        # it is defined,
    | (?<![.\w])run\b(?!\s*\()         # given its name or imported, and not just called,
    | \bimport\s*\*                    # perhaps among others,
    | \b(?:exec|globals|setattr)\b     # or made in a way that nobody sees""",
    re.VERBOSE,
)


def literal_problems(
    work: Work, place: Place, webhooks: Collection[str] | None = None
) -> Iterator[Problem]:
    """Yield what is wrong with the literal addresses and the code of a node or a notice.

    Args:
        work: The node.
        place: Where it stands.
        webhooks: Globs of the hosts that may be sent to; None to ask nothing of hosts.
    """
    if isinstance(work, Map):
        yield from literal_problems(work.node, (*place, "node"), webhooks)
    elif isinstance(work, Processing):
        if work.code is not None:
            yield from _of_code(work.code, (*place, "code"))
    elif isinstance(work, Message) and work.to is not None and "${" not in work.to:
        where = (*place, "to")
        if work.channel == "webhook":
            yield from _of_webhook(work.to, where, webhooks)
        elif work.channel == "email" and not _are_addresses(work.to):
            told = f"{work.to[:80]!a} is no mail address."
            yield Problem(shown(where), told, "Write it as in 'ann@example.org'.")


def _of_code(code: str, place: Place) -> Iterator[Problem]:
    if wrong := syntax_error(code):
        told = f"The code is no Python: {wrong}."
        yield Problem(shown(place), told, "Correct it; magics of notebooks are no Python either.")
    elif not _RUN.search(code):
        told = "The code defines no function run(input)."
        yield Problem(shown(place), told, "Write 'def run(input): return …'.")


def _of_webhook(url: str, place: Place, webhooks: Collection[str] | None) -> Iterator[Problem]:
    if not _is_url(url):
        told = f"{url[:80]!a} is no address of the web."
        yield Problem(shown(place), told, "Write it as in 'https://example.org/hook'.")
    elif webhooks is not None and not hosts.is_listed(host := hosts.host_of(url), webhooks):
        yield Problem(shown(place), hosts.refusal(host), hosts.REMEDY)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    is_plain = not any(char <= " " for char in text)
    return is_plain and parts.scheme in {"http", "https"} and bool(parts.hostname)


def _are_addresses(text: str) -> bool:
    from email.utils import getaddresses

    read = text if len(text) <= LONGEST else text[:LONGEST].rpartition(",")[0]
    try:
        found = [address for _, address in getaddresses([read])]
    except RecursionError:  # of a thousand brackets
        return False
    return bool(found) and all("@" in each[1:-1] and " " not in each for each in found)
