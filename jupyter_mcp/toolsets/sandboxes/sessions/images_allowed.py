"""Which images may be asked for, by the globs of the settings.

A glob that names no tag and no digest allows every one. ``*`` stops at a slash, or ``python*``
would let ``python.example/backdoor`` in; ``**`` does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_REFERENCE = re.compile(
    r"[a-z0-9]+(?:[a-zA-Z0-9._-]|:(?=[0-9]+/))*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
    r"(?::[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
"""An image's name (OCI distribution specification, "Pulling manifests"), with an optional registry
in front, tag and digest."""

_LONGEST = 300
_SHORT = re.compile(r"^(?:(?:index\.)?docker\.io/)?(?:library/(?=[^/]+$))?")
_PARTS = re.compile(r"^(?P<name>.*?)(?P<tag>:[^/:@]+)?(?P<digest>@[^@]+)?$")
_WILD = {"**": ".*", "*": "[^/]*", "?": "[^/]"}


def allows(globs: Iterable[str], image: str) -> bool:
    """Whether a glob allows an image; Docker Hub's long names are the same as the short ones."""
    if len(image) > _LONGEST or not _REFERENCE.fullmatch(image):
        return False
    name, tag, digest = _parts(image)
    return any(_matches(_parts(glob), name, tag, digest) for glob in globs)


def _parts(text: str) -> tuple[str, str, str]:
    found = _PARTS.match(text)
    assert found is not None  # noqa: S101 - the pattern matches every text
    return _SHORT.sub("", found["name"]), found["tag"] or "", found["digest"] or ""


def _matches(glob: tuple[str, str, str], name: str, tag: str, digest: str) -> bool:
    wanted, its_tag, its_digest = glob
    return (
        _match(wanted, name)
        and (not its_tag or _match(its_tag, tag or ":latest"))
        and (not its_digest or _match(its_digest, digest))
    )


def _match(glob: str, text: str) -> bool:
    parts = re.split(r"(\*\*|\*|\?)", glob)
    return bool(re.fullmatch("".join(_WILD.get(part) or re.escape(part) for part in parts), text))
