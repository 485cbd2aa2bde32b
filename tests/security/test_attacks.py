"""The six attacks that MCP's security best practices name, each tried on a real server.

One class for each, named after its section of
https://modelcontextprotocol.io/specification/draft/basic/security_best_practices.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import psutil
import pytest

import jupyter_mcp
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.untrusted.addresses import check_url
from support.clients import modern_request
from support.clients_of_ours import OurClient, ask, client_of, person, refresh
from support.handshakes import open_session, post
from support.plugins import plugin_environment
from support.server import JupyterServer


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server to attack."""
    home = tmp_path_factory.mktemp("target")
    environment = plugin_environment(home, probe="support.probe:Probe")
    with JupyterServer(home, collaboration=False, env=environment) as running:
        yield running


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server whose tokens are good there and nowhere else."""
    with JupyterServer(tmp_path_factory.mktemp("other"), collaboration=False) as running:
        yield running


ENVIRONMENT = "import os, sys; print(str((dict(os.environ), sys.argv))[::-1])"
"""Backwards, so that nothing is redacted and a token that is there is seen."""


def executed(client: OurClient, code: str) -> str:
    """Run code in a new kernel and return all that came of it."""
    kernel = client.call("kernel_start").json()["result"]["structuredContent"]["kernel_id"]
    answer = client.call("kernel_execute", kernel_id=kernel, code=code)
    ask(client.server, "kernel_stop", kernel_id=kernel)
    text: str = answer.body.decode()
    return text


def question(client: OurClient, mark: str, **more: Any) -> dict[str, Any]:
    """Call a tool that asks, and return what the server said."""
    can_ask: Any = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    params = {"name": "probe_ask", "arguments": {"mark": mark}, "_meta": can_ask, **more}
    body, headers = modern_request("tools/call", params)
    answer: dict[str, Any] = client.request("POST", "mcp?toolsets=all", body, **headers).json()
    return answer


STARTERS = frozenset({"subprocess", "pty", "multiprocessing"})
"""Modules that start processes."""

CALLS = frozenset({"system", "popen", "fork", "forkpty", "startfile", "posix_spawn"})


def _starts_processes(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found |= {each.name.partition(".")[0] for each in names} & STARTERS
            case ast.ImportFrom(module=str(module)):
                found |= {module.partition(".")[0]} & STARTERS
            case ast.Attribute(value=ast.Name(id="os"), attr=attr):
                if attr in CALLS or attr.startswith(("exec", "spawn")):
                    found.add(f"os.{attr}")
            case ast.Attribute(attr=str(attr)) if attr.startswith("create_subprocess"):
                found.add(attr)
    return found


class TestConfusedDeputy:
    """Confused Deputy Problem: a client that gets another's consent, or more than its maker has.

    We are no OAuth proxy, so nobody's consent is kept for a third party; what is left of the attack
    is a server that uses its own power for whoever asks.
    """

    def test_nobody_answers_for_another_client(self, target: JupyterServer) -> None:
        victim, attacker = client_of(target), client_of(target)
        asked = question(victim, "deputy")["result"]
        state = asked["requestState"]
        reply = {"action": "accept", "content": {"name": "Eve"}}
        again = {
            "requestState": state,
            "inputResponses": dict.fromkeys(asked["inputRequests"], reply),
        }
        assert question(attacker, "deputy", **again)["error"]["code"] == -32602
        forged = {**again, "requestState": state[:-2] + "AA"}
        assert question(attacker, "deputy", **forged)["error"]["code"] == -32602
        assert "accept Eve" in json.dumps(question(victim, "deputy", **again))

    def test_a_token_cannot_make_a_stronger_one(self, target: JupyterServer) -> None:
        attacker = client_of(target, "read", "admin", toolsets=["trust"], expires="1h")
        for more in (
            {"scopes": ["execute"]},
            {"scopes": ["read"], "toolsets": ["notebooks"]},
            {"scopes": ["read"], "expires": "2h"},
        ):
            result = attacker.call("token_create", **more).json()["result"]
            assert result["isError"], result


class TestTokenPassthrough:
    """Token Passthrough: tokens not issued for this server, and tokens that travel on."""

    def test_no_token_reaches_a_kernel(self, target: JupyterServer) -> None:
        client = client_of(target)
        told = executed(client, ENVIRONMENT)
        assert "HTAP" in told
        for secret in (client.token, client.made["refresh_token"], target.token):
            assert secret[::-1] not in told

    def test_what_a_cell_shows_of_a_token_is_redacted(self, target: JupyterServer) -> None:
        client = client_of(target)
        for secret in (target.token, client.token, client.made["refresh_token"]):
            told = executed(client, f"print('seen', {secret[:10]!r} + {secret[10:]!r})")
            assert "seen [redacted]" in told
            assert secret not in told

    def test_tools_get_a_name_and_no_token(self, target: JupyterServer) -> None:
        client = client_of(target)
        told = client.call("probe_who").body.decode()
        assert client.id in told
        assert client.token not in told
        assert client.token.rpartition(".")[2] not in target.log

    def test_a_token_of_ours_is_none_of_jupyters(self, target: JupyterServer) -> None:
        client = client_of(target, form="static")
        assert client.request("GET", "api/contents").status in (401, 403)
        assert client.request("POST", "api/kernels", {}).status in (401, 403)

    def test_a_token_of_another_server_is_refused(
        self, target: JupyterServer, other: JupyterServer
    ) -> None:
        foreign = client_of(other)
        assert foreign.call("kernel_list").status == 200
        assert OurClient(target, foreign.made).call("kernel_list").status == 401
        static = OurClient(target, client_of(other, form="static").made)
        assert static.call("kernel_list").status == 401
        assert static.refresh(foreign.made["refresh_token"]).json() == {"error": "invalid_grant"}

    def test_algorithm_and_claims_are_not_the_attackers_choice(self, target: JupyterServer) -> None:
        client = client_of(target, "read")
        header = jwt.get_unverified_header(client.token)
        claims = jwt.decode(client.token, options={"verify_signature": False})
        forged = [
            jwt.encode(claims, "", algorithm="none", headers=header | {"alg": "none"}),
            jwt.encode(claims, "x" * 32, algorithm="HS256", headers=header),
            jwt.encode(claims | {"scope": "admin"}, "x" * 32, algorithm="HS256", headers=header),
            client.token.rpartition(".")[0] + ".",
            client.token[:-4] + "AAAA",
        ]
        answers = set()
        for token in forged:
            attacker = OurClient(target, client.made | {"access_token": token})
            answer = attacker.request("GET", "jupyter_mcp/api/status")
            answers.add((answer.status, answer.body, answer.headers["Www-Authenticate"]))
        assert len(answers) == 1, "the caller learns nothing of what was wrong"
        assert next(iter(answers))[0] == 401
        assert client.request("GET", "jupyter_mcp/api/status").status == 200


class TestServerSideRequestForgery:
    """Server-Side Request Forgery (SSRF): a URL that makes the server fetch from inside."""

    def test_no_configured_url_leads_inside(self) -> None:
        """Nothing connects by a caller's URL today; what will has this guard before it."""
        inside = ("127.0.0.1", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]", "169.254.169.254")
        for host in inside:
            with pytest.raises(ToolError, match="leads to"):
                check_url(f"http://{host}/latest/meta-data/")

    def test_a_name_that_changes_its_address_is_resolved_once(self) -> None:
        answers = iter([["93.184.216.34"], ["127.0.0.1"]])
        found = check_url("http://rebinding.test/", resolve=lambda *_: next(answers))
        assert found.ip == "93.184.216.34"  # who connects uses this, and asks no second time


class TestSessionHijacking:
    """Session Hijacking: a session id in the hands of somebody else."""

    def test_a_session_of_another_family_does_not_exist(self, target: JupyterServer) -> None:
        victim, attacker = client_of(target), client_of(target)
        session, _ = open_session(target, **victim.headers)
        in_session = {"Mcp-Session-Id": session}
        for headers in (attacker.headers, target.headers):
            assert post(target, "tools/list", **in_session, **headers).status == 404
            stream = {"Accept": "text/event-stream", **in_session, **headers}
            assert target.request("GET", "mcp", headers=stream, token=False).status == 404
            ending = {**in_session, **headers}
            assert target.request("DELETE", "mcp", headers=ending, token=False).status == 404
        assert post(target, "tools/list", **in_session, **victim.headers).status == 200

    def test_a_session_is_no_login(self, target: JupyterServer) -> None:
        victim = client_of(target)
        session, _ = open_session(target, **victim.headers)
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        sent = {"Mcp-Session-Id": session, "Accept": "application/json, text/event-stream"}
        assert target.request("POST", "mcp", body, sent, token=False).status == 401
        ask(target, "token_revoke", token_id=victim.id)
        assert (
            post(target, "tools/list", **{"Mcp-Session-Id": session}, **victim.headers).status
            == 401
        )


STARTING = {
    "toolsets/files/processes.py": "git, hardened, and searches in a child that can be killed",
    "toolsets/sandboxes/agent/resident.py": "runs inside of a sandbox",
    "toolsets/sandboxes/backends/bubblewrap.py": "asks bwrap for its version",
    "toolsets/sandboxes/backends/cgroups.py": "tries whether limits hold, with a fixed program",
    "toolsets/sandboxes/backends/keeper.py": "stands above what runs without an engine",
    "toolsets/sandboxes/backends/kept.py": "starts the keeper",
    "toolsets/sandboxes/desktop/inside/session.py": "runs inside of a sandbox",
    "toolsets/sandboxes/images/bootstrap.py": "mmdebstrap, with the recipe's own arguments",
    "toolsets/sandboxes/kernels/kernel_start.py": "runs inside of a sandbox",
    "toolsets/search/child.py": "starts our own programs: those that cut files, and Chroma's",
    "toolsets/search/chunking/process.py": "awaits such a program",
    "toolsets/search/lexical/scan.py": "our own scanner, which is told a pattern on its stdin",
    "toolsets/search/scopes/matching.py": "our own matcher, which is told a pattern on its stdin",
    "toolsets/search/scopes/readers.py": "our own readers of packages, which import none of them",
    "toolsets/search/vectors/process.py": "awaits such a program",
    "toolsets/workflows/worker/process.py": "starts our own worker, with the state folder alone",
}
"""All modules behind a door that start processes, and why none of them runs what a caller says on
this machine outside of a sandbox."""


class TestLocalServerCompromise:
    """Local MCP Server Compromise: a request that makes this machine run a command."""

    def test_only_known_code_behind_a_door_starts_processes(self) -> None:
        """Kernels are started by Jupyter from installed specs; all else is listed with a reason."""
        root = Path(jupyter_mcp.__file__).parent
        modules = [
            file for file in root.rglob("*.py") if file.relative_to(root).parts[0] != "commands"
        ]
        assert len(modules) > 100
        starting = {
            str(file.relative_to(root)): _starts_processes(file.read_text()) for file in modules
        }
        assert {file for file, found in starting.items() if found} == set(STARTING)
        assert _starts_processes("import subprocess; os.execv(a); x.create_subprocess_exec(b)") == {
            "subprocess",
            "os.execv",
            "create_subprocess_exec",
        }

    def test_no_argument_becomes_a_command(self, target: JupyterServer) -> None:
        mark = target.home / "mark"
        before = psutil.Process(target.pid).children(recursive=True)
        for name in (
            f"; touch {mark}",
            f"$(touch {mark})",
            f"../../{mark}",
            "python3\nx",
            "--help",
        ):
            answer = target.request(
                "POST", "jupyter_mcp/api/tools/kernel_start", {"name": name}, person(target)
            )
            assert answer.status >= 400 or answer.json()["is_error"], name
        assert not mark.exists()
        assert psutil.Process(target.pid).children(recursive=True) == before


class TestScopeMinimization:
    """Scope Minimization: a client gets the scope it needs now, and asks for each further one."""

    def test_a_token_holds_what_was_asked_for_and_no_more(
        self,
        target: JupyterServer,
    ) -> None:
        client = client_of(target, "read")
        for tool in ("probe_edit", "kernel_start", "token_list"):
            assert client.call(tool).json()["result"]["isError"]
        body, headers = modern_request("tools/list")
        listed = client.request("POST", "mcp?toolsets=all", body, **headers).json()["result"][
            "tools"
        ]
        names = {tool["name"] for tool in listed}
        assert "probe_echo" in names
        assert not names & {"probe_edit", "kernel_start", "token_create", "token_list"}

    def test_a_client_is_told_of_one_scope_to_begin_with(self, target: JupyterServer) -> None:
        place = ".well-known/oauth-protected-resource/mcp"
        metadata = target.request("GET", place, token=False).json()
        assert metadata["scopes_supported"] == ["read"]
        body, headers = modern_request("tools/list")
        stranger = target.request("POST", "mcp", body, headers, token=False)
        assert stranger.status == 401
        assert 'scope="read"' in stranger.headers["Www-Authenticate"]

    @pytest.mark.parametrize(
        ("tool", "scope"),
        [("probe_edit", "edit"), ("kernel_start", "execute"), ("token_list", "admin")],
    )
    def test_a_refusal_names_the_one_scope_that_is_missing(
        self, target: JupyterServer, tool: str, scope: str
    ) -> None:
        client = client_of(target, "read")
        refused = client.request("POST", f"jupyter_mcp/api/tools/{tool}", {})
        assert refused.status == 403
        challenge = refused.headers["Www-Authenticate"]
        assert 'error="insufficient_scope"' in challenge
        assert f'scope="{scope}"' in challenge
        over_mcp = client.call(tool).json()["result"]["structuredContent"]["error"]
        assert over_mcp["data"] == {"scope": scope}

    def test_no_step_up_is_silent(self, target: JupyterServer) -> None:
        client = client_of(target, "read")
        assert client.call("probe_edit").json()["result"]["isError"]
        later = client.refreshed()
        assert later.call("probe_edit").json()["result"]["isError"], "a refresh widens nothing"
        asked = refresh(
            target,
            grant_type="refresh_token",
            refresh_token=later.made["refresh_token"],
            scope="read edit",
        )
        assert asked.status == 400 or "edit" not in asked.json().get("scope", "")
        denied = ask(target, "audit_search", principal=f"token:{client.id}", outcome="denied")
        assert [record["operation"]["name"] for record in denied["records"]] == ["probe_edit"] * 2
