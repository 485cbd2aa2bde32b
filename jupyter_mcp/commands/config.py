"""``jupyter mcp config CLIENT``: prints the configuration that a client needs to reach this server.

The JSON goes to stdout and may be written to the client's file as it is; where it belongs goes to
stderr. The token is printed only when asked for: a configuration file is copied, committed and
shown, an environment variable is not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traitlets import Bool

from jupyter_mcp.commands.command import ServerCommand
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.discovery import Server

VARIABLE = "JUPYTER_MCP_TOKEN"
DEFAULT = Server("http://localhost:8888/mcp", found_by="the default address")


@dataclass(frozen=True, slots=True)
class Client:
    """How one client is configured.

    Args:
        title: The client's name.
        file: Where its configuration lies.
        placeholder: How the client spells the environment variable with the token.
        http: Makes the configuration from URL and authorization header; None when the client
            cannot send a header.
        stdio: Makes the configuration from the bridge's command.
        hint: One more line for the person.
    """

    title: str
    file: str
    placeholder: str
    http: Callable[[str, str], Mapping[str, Any]] | None
    stdio: Callable[[list[str]], Mapping[str, Any]]
    hint: str = ""


def _servers(key: str, **server: Any) -> dict[str, Any]:
    return {key: {"jupyter": server}}


def _headers(authorization: str) -> dict[str, str]:
    return {"Authorization": authorization}


def _command(key: str, command: list[str], **more: Any) -> dict[str, Any]:
    return _servers(key, **more, command=command[0], args=command[1:])


CLIENTS: Mapping[str, Client] = {
    "claude-code": Client(
        "Claude Code",
        ".mcp.json in your project",
        f"${{{VARIABLE}}}",
        lambda url, header: _servers("mcpServers", type="http", url=url, headers=_headers(header)),
        lambda command: _command("mcpServers", command, type="stdio"),
        "Or: claude mcp add --transport http jupyter {url} --header 'Authorization: {header}'",
    ),
    "claude-desktop": Client(
        "Claude Desktop",
        "claude_desktop_config.json (Settings, Developer, Edit Config)",
        "",
        None,
        lambda command: _command("mcpServers", command),
    ),
    "cursor": Client(
        "Cursor",
        ".cursor/mcp.json in your project, or ~/.cursor/mcp.json",
        f"${{env:{VARIABLE}}}",
        lambda url, header: _servers("mcpServers", url=url, headers=_headers(header)),
        lambda command: _command("mcpServers", command),
    ),
    "vscode": Client(
        "VS Code",
        ".vscode/mcp.json in your project",
        f"${{env:{VARIABLE}}}",
        lambda url, header: _servers("servers", type="http", url=url, headers=_headers(header)),
        lambda command: _command("servers", command, type="stdio"),
    ),
    "gemini-cli": Client(
        "Gemini CLI",
        ".gemini/settings.json in your project, or ~/.gemini/settings.json",
        f"${VARIABLE}",
        lambda url, header: _servers("mcpServers", httpUrl=url, headers=_headers(header)),
        lambda command: _command("mcpServers", command),
    ),
    "inspector": Client(
        "MCP Inspector",
        "mcp.json, given with --config mcp.json --server jupyter",
        f"${{{VARIABLE}}}",
        lambda url, header: _servers(
            "mcpServers", type="streamable-http", url=url, headers=_headers(header)
        ),
        lambda command: _command("mcpServers", command, type="stdio"),
        "Or: npx @modelcontextprotocol/inspector --cli {url} --transport http "
        '--header "Authorization: {header}" --method tools/list',
    ),
}
"""The clients, by the name given on the command line."""


class ConfigApp(ServerCommand):
    """Print configuration for an MCP client, by URL and header, or with --stdio by the bridge."""

    name = "jupyter-mcp-config"
    description = __doc__ or ""
    examples = "jupyter mcp config cursor\njupyter mcp config claude-desktop"
    show_token = Bool(default_value=False, help="Print the token itself.").tag(config=True)
    stdio = Bool(default_value=False, help="Use the bridge 'jupyter mcp connect'.").tag(config=True)
    flags: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **ServerCommand.flags,
        "show-token": ({"ConfigApp": {"show_token": True}}, "Print the token itself."),
        "stdio": ({"ConfigApp": {"stdio": True}}, "Use the bridge 'jupyter mcp connect'."),
    }

    async def run(self) -> int:
        """Print it."""
        client = self._client()
        server = self.find()
        if server is None:
            server = DEFAULT.with_toolsets(self.toolsets)
            self.tell(f"No running server was found; this is for {DEFAULT.url}.")
        if self.stdio or client.http is None:
            self.out_json(client.stdio(self._bridge(server)))
            self.tell(f"{client.title}: put this into {client.file}.")
            return 0
        token = server.token if self.show_token else client.placeholder
        header = f"Bearer {token}"
        self.out_json(client.http(server.url, header))
        self.tell(f"{client.title}: put this into {client.file}.")
        if not self.show_token:
            self.tell(f"Set {VARIABLE} to the server's token; --show-token prints it instead.")
        if client.hint:
            self.tell(client.hint.format(url=server.url, header=f"Bearer {self._shell(token)}"))
        return 0

    def _client(self) -> Client:
        name = self.extra_args[0] if self.extra_args else ""
        if name not in CLIENTS:
            said = f"There is no client '{name}'." if name else "Say which client."
            raise ToolError("invalid_arguments", said, f"Choose from: {', '.join(CLIENTS)}.")
        return CLIENTS[name]

    def _shell(self, token: str) -> str:
        return token if self.show_token else f"${VARIABLE}"

    def _bridge(self, server: Server) -> list[str]:
        """Return the bridge's command: absolute, because desktop apps have a PATH of their own."""
        script = Path(sys.executable).with_name("jupyter-mcp")
        start = [str(script)] if script.exists() else [sys.executable, "-m", "jupyter_mcp.commands"]
        command = [*start, "connect"]
        if self.url:
            command += ["--url", server.url]
        if self.url and self.show_token and server.token:
            command += ["--token", server.token]
        if self.toolsets:
            command += ["--toolsets", self.toolsets]
        return command
