"""What may be given to git as a branch, a commit or an address, and what may not.

Each of them comes from an agent and stands on a command line: nothing that git could take for an
option, a program to run or a file of this machine gets there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.paths import shown

_BAD_BRANCH = re.compile(
    r"\.\.|@\{|//|[\x00-\x20\x7f~^:?*\[\\]|\.lock(/|$)|(^|/)\.|[./]$|^[-/]|^@$"
)
_REVISION = re.compile(r"[\w./@{}~^+#-]+(\.{2,3}[\w./@{}~^+#-]+)?")
_NAME = re.compile(r"[^\w.-]+")

LONGEST = 250
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Remote:
    """An address that git may talk to.

    Args:
        url: As it was given.
        scheme: ``https`` or ``http``.
        host: Name of the machine, in lower case.
        port: Its port.
    """

    url: str
    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """Scheme, host and port, as a context of git's credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = self.port == PORTS[self.scheme]
        return f"{self.scheme}://{host}" + ("" if standard else f":{self.port}")

    @property
    def name(self) -> str:
        """The name of the folder that a clone goes to by itself."""
        last = urlsplit(self.url).path.rstrip("/").rpartition("/")[2].removesuffix(".git")
        return _NAME.sub("-", last).strip(".-") or "repository"


def remote_of(url: str) -> Remote:
    """Return what an address means.

    Raises:
        ToolError: ``invalid_arguments`` for another protocol, a path, or an address that carries a
            user name or password.
    """
    if len(url) > 2000 or any(char <= " " or char in "\\\x7f" for char in url):  # noqa: PLR2004 - what servers take
        raise _bad("That URL has blanks or control characters, or is too long.", "Correct it.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _bad("That URL cannot be taken apart.", "Correct it.") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise _bad(
            "Git reaches repositories by https:// (or http://) only.",
            "Use the https address; git_session_start brings a repository of the Jupyter root "
            "into a sandbox.",
        )
    if parts.username is not None or parts.password is not None:
        raise _bad(
            "That URL carries a user name or password, which would be kept and shown.",
            "Leave it out; the administrator names a secret in JupyterMCP.git_credentials.",
        )
    if "'" in parts.hostname or parts.query or parts.fragment:
        raise _bad("That URL is not one of a repository.", "Leave out what follows a ? or #.")
    return Remote(url, parts.scheme, parts.hostname.lower(), port or PORTS[parts.scheme])


def branch_of(name: str) -> str:
    """Return a branch's name that git takes (git-check-ref-format).

    Raises:
        ToolError: ``invalid_arguments``.
    """
    if not name or len(name) > LONGEST or _BAD_BRANCH.search(name):
        raise _bad(f"'{shown(name)}' cannot be the name of a branch.", "Use letters and digits.")
    return name


def revision_of(text: str) -> str:
    """Return a commit, branch or range that git may look up.

    Raises:
        ToolError: ``invalid_arguments``.
    """
    if len(text) > LONGEST or text.startswith(("-", ".")) or not _REVISION.fullmatch(text):
        raise _bad(
            f"'{shown(text)}' is no commit, branch or range.", "Such as HEAD~2, main or main..work."
        )
    return text


def remote_name(text: str) -> str:
    """Return the name of a remote, such as ``origin``.

    Raises:
        ToolError: ``invalid_arguments``.
    """
    if not re.fullmatch(r"\w[\w.-]{0,99}", text):
        raise _bad(f"'{shown(text)}' is no remote.", "Usually it is 'origin'.")
    return text


def _bad(what: str, remedy: str) -> ToolError:
    return ToolError("invalid_arguments", what, remedy)
