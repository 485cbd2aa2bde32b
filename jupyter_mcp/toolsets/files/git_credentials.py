"""What git logs in with, given to one process by its environment and to no other.

An administrator names a secret for a host. Git asks a helper for it, which is three words of shell
without anything of it; the values stand in variables of that one process, and git asks only when it
talks to that host. So the secret is in no argument, no configuration, no address and no output.

In a sandbox whoever controls its user can read the environment of its processes: an administrator
who names a host here lends its secret to those who may use git in sandboxes with a network.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.git_names import PORTS, Remote

USER, PASSWORD = "JUPYTER_MCP_GIT_USER", "JUPYTER_MCP_GIT_PASSWORD"
HELPER = (
    '!f() { test "$1" = get || exit 0; '
    f'printf "username=%s\\npassword=%s\\n" "${USER}" "${PASSWORD}"; }}; f'
)
TOKEN_USER = "x-access-token"  # noqa: S105 - what GitHub, GitLab and Gitea take for any token
"""The user name where only a token is configured."""

Resolve = Callable[[str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Login:
    """Settings and variables that let one process of git log in.

    Args:
        settings: Pairs of a name and a value of git's configuration.
        env: Variables; they hold the secret.
    """

    settings: tuple[tuple[str, str], ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


class Credentials:
    """The administrator's credentials by host.

    Args:
        configured: Pairs of ``host``, ``host:port`` or ``http://host:port`` and a reference, such
            as ``${secret:github}`` or ``user:${secret:gitlab}``.
        resolve: Replaces references by secrets (`jupyter_mcp.security.secrets.Secrets.resolve`).
    """

    def __init__(self, configured: Sequence[tuple[str, str]], resolve: Resolve) -> None:
        self._configured = {_origin(host): value for host, value in configured}
        self._resolve = resolve

    def knows(self, remote: Remote) -> bool:
        """Whether the administrator named the host, and so allowed it."""
        return remote.origin in self._configured

    async def login(self, remote: Remote) -> Login:
        """Return how to log in at a remote; nothing where none is configured.

        Raises:
            ToolError: ``not_found`` for a secret that is missing.
        """
        if not self.knows(remote):
            return Login()
        value = await self._resolve(self._configured[remote.origin])
        user, colon, password = value.partition(":")
        if not colon:
            user, password = TOKEN_USER, value
        if any(char in value for char in "\n\r\0"):
            raise ToolError(
                "invalid_arguments",
                f"The secret for {remote.host} has several lines, which git cannot be given.",
                "Set it again with: jupyter mcp secret set NAME",
            )
        settings = ((f"credential.{remote.origin}.helper", HELPER),)
        return Login(settings, {USER: user, PASSWORD: password})


def _origin(host: str) -> str:
    scheme, found, rest = host.rstrip("/").lower().rpartition("://")
    scheme = scheme if found else "https"
    standard = f":{PORTS.get(scheme, 0)}"
    return f"{scheme}://{rest.removesuffix(standard)}"
