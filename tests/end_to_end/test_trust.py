"""Who may do what, from end to end: on a laptop, on a shared server and behind a Hub.

Commands are processes, clients are the SDK's, the kernel, the databases and the Hub are real. Each
test is what a person or their agent does and what they see of it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from support.clients import MODERN, connected
from support.clients_of_ours import ask, client_of
from support.commands import SECONDS, command, run
from support.hub import Hub
from support.notebooks import code, write_notebook
from support.people import Person
from support.plugins import plugin_environment
from support.postgres import Postgres
from support.redis import RedisServer
from support.server import JupyterServer, wait_until
from support.sessions import Session, session

ERAS = [MODERN, "legacy"]
INSERT = {"path": "course/a.ipynb", "source": "x = 1"}
SECRET = "correct-horse-battery"


def write_course(root: Path) -> None:
    for name in ("course/a.ipynb", "private/b.ipynb"):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        write_notebook(file, code("1 + 1", "one"))


def told(server: JupyterServer, *words: str) -> Any:
    """Run a command with --json and return what it printed."""
    done = run(server, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def keep_secret(server: JupyterServer, name: str, value: str) -> subprocess.CompletedProcess[str]:
    """Pipe a secret in."""
    return subprocess.run(
        command("secret", "set", name),
        input=f"{value}\n",
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def error_of(result: Any) -> dict[str, Any]:
    """Return what a failed result says in structured form."""
    assert result.is_error, result
    error: dict[str, Any] = result.structured_content["error"]
    return error


async def price(client: Client) -> Any:
    """Ask for what is another number each time, unless it is served again."""
    return (await client.call_tool("office_price", {})).structured_content


def denied(server: JupyterServer, who: str, tool: str) -> list[dict[str, Any]]:
    """Return what the audit has of refused calls."""
    wanted = {"principal": who, "tool": tool, "outcome": "denied"}
    found: list[dict[str, Any]] = ask(server, "audit_search", **wanted)["records"]
    return found


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    home = tmp_path_factory.mktemp("laptop")
    environment = plugin_environment(home, office="support.office_toolset:OfficeToolset")
    environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    options = {"rate_limits": {"job_get": "2/minute"}, "breaker_failures": 2}
    with JupyterServer(
        home, collaboration=False, env=environment, config={"JupyterMCP": options}
    ) as server:
        write_course(server.root)
        yield server


@pytest.fixture(scope="module")
def page(laptop: JupyterServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A notebook of the person's, with the magics."""
    folder = tmp_path_factory.mktemp("page")
    env = {
        "JUPYTER_MCP_URL": f"{laptop.url}?toolsets=all",
        "JUPYTER_MCP_TOKEN": laptop.token,
        "JUPYTER_RUNTIME_DIR": str(laptop.home / "runtime"),
    }
    with session(folder, env) as running:
        assert running.run("%load_ext jupyter_mcp").status == "ok"
        yield running


class TestLaptop:
    """Somebody's own server: docs/how-to/agents-on-a-laptop.md."""

    @pytest.mark.parametrize("era", ERAS)
    async def test_a_client_with_a_viewers_token(self, laptop: JupyterServer, era: str) -> None:
        words = ("--scopes", "read", "--toolsets", "notebooks", "--notebooks", "course/*")
        made = await asyncio.to_thread(told, laptop, "token", "create", *words)
        who = f"token:{made['id']}"
        async with connected(laptop, era, query="", headers=bearer(made["access_token"])) as client:
            tools = (await client.list_tools()).tools
            assert {"notebook_read", "cell_read"} <= {tool.name for tool in tools}
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
            assert not (
                await client.call_tool("notebook_read", {"path": "course/a.ipynb"})
            ).is_error
            elsewhere = await client.call_tool("notebook_read", {"path": "private/b.ipynb"})
            assert "course/*" in error_of(elsewhere)["remedy"]
            forced = await client.call_tool("cell_insert", INSERT)
            assert error_of(forced)["code"] == "forbidden"
        [record] = denied(laptop, who, "cell_insert")
        assert (record["door"], record["error"]) == ("mcp", "forbidden")
        [listed] = [
            each for each in ask(laptop, "token_list")["tokens"] if each["id"] == made["id"]
        ]
        assert listed["last_used_at"]
        await asyncio.to_thread(told, laptop, "token", "revoke", made["id"])
        answer = laptop.request("POST", "mcp", {}, bearer(made["access_token"]), token=False)
        assert answer.status == 401

    async def test_the_bridge_refreshes_by_its_file(
        self, laptop: JupyterServer, tmp_path: Path
    ) -> None:
        file = tmp_path / "agent.token"
        words = ("--scopes", "read,edit", "--name", "agent", "--save", str(file))
        await asyncio.to_thread(told, laptop, "token", "create", *words)
        from mcp.client.stdio import StdioServerParameters

        start = command("connect", "--refresh-token-file", str(file))
        parameters = StdioServerParameters(
            command=start[0], args=start[1:], env=laptop.environment, cwd=laptop.root
        )
        async with Client(parameters, cache=None) as client:
            assert not (await client.call_tool("cell_insert", INSERT)).is_error
        assert file.stat().st_mode & 0o777 == 0o600
        assert "refresh_token" in file.read_text()

    def test_a_notebook_with_a_viewers_token(self, laptop: JupyterServer, page: Session) -> None:
        client = client_of(laptop, "read")
        page.run(f"%mcp connect {laptop.url} --token {client.token}")
        assert "cell_insert" not in page.run("%mcp tools").plain
        forced = page.run("%mcp cell_insert path=course/a.ipynb")
        assert forced.error["traceback"][0].startswith("forbidden: 'cell_insert' needs the scope")
        assert denied(laptop, f"token:{client.id}", "cell_insert")
        page.run("%mcp connect")
        assert "cell_insert" in page.run("%mcp tools").plain

    def test_a_notebook_asks_before_what_cannot_be_undone(
        self, laptop: JupyterServer, page: Session
    ) -> None:
        refused = page.run("%mcp office_burn what=letters", answers=("no",))
        assert "did not allow 'office_burn'" in refused.error["traceback"][0]
        allowed = page.run("%mcp office_burn what=letters", answers=("once",))
        assert allowed.plain.endswith("burnt letters")  # progress is shown after 2 s
        found = told(laptop, "audit", "--tool", "office_burn")["records"]
        records = [each for each in found if each["kind"] == "call"]  # what took long also began
        assert [record["outcome"] for record in records] == ["succeeded", "denied"]
        assert {record["notes"]["approval"]["answer"] for record in records} == {"once", "deny"}

    def test_a_notebook_stops_agents(self, page: Session) -> None:
        assert "No call waits" in page.run("%mcp approvals").plain
        assert "All agents paused" in page.run("%mcp pause").plain
        stopped = page.run("%mcp kernel_list")
        assert stopped.error["traceback"][0].startswith("paused: Agents were paused by")
        assert "Agents: paused" in page.run("%mcp agents").plain
        assert "may go on" in page.run("%mcp resume").plain
        assert page.run("%mcp kernel_list").status == "ok"

    async def test_the_command_line_approves(self, laptop: JupyterServer) -> None:
        person = Person(laptop)

        async def answered(client: Client, *words: str) -> Any:
            burning = asyncio.create_task(client.call_tool("office_burn", {"what": "paper"}))
            question = await person.asked()
            own = {"approval_id": question["id"], "answer": "once"}
            assert error_of(await client.call_tool("approval_answer", own))["code"] == "forbidden"
            verb, *rest = words
            await asyncio.to_thread(told, laptop, verb, question["id"], *rest)
            return await burning

        async with connected(laptop) as client:
            assert error_of(await answered(client, "deny"))["code"] == "denied"
            assert not (await answered(client, "approve", "--always")).is_error
            assert not (await client.call_tool("office_burn", {"what": "paper"})).is_error
            [grant] = (await asyncio.to_thread(told, laptop, "approvals"))["remembered"]
            await asyncio.to_thread(told, laptop, "approvals", "--forget", grant["id"])
            assert ask(laptop, "approval_list") == {"waiting": [], "remembered": []}

    async def test_the_stop_button_of_the_command_line(self, laptop: JupyterServer) -> None:
        async with connected(laptop) as client:
            kernel = (await client.call_tool("kernel_start", {})).structured_content
            assert kernel is not None
            began = laptop.root / "began"
            busy = f"import time; open({str(began)!r}, 'w'); time.sleep(60)"
            arguments = {"kernel_id": kernel["kernel_id"], "code": busy}
            running = asyncio.create_task(client.call_tool("kernel_execute", arguments))
            await asyncio.to_thread(wait_until, began.exists, seconds=30, what="the cell runs")
            paused = await asyncio.to_thread(told, laptop, "pause", "--reason", "lunch")
            assert paused["ended"] == 1
            assert "lunch" in error_of(await running)["message"]
            assert error_of(await client.call_tool("agents_resume", {}))["code"] == "paused"
            await asyncio.to_thread(told, laptop, "pause", "--read-only")
            assert not (await client.call_tool("kernel_list", {})).is_error
            assert error_of(await client.call_tool("cell_insert", INSERT))["code"] == "paused"
            await asyncio.to_thread(told, laptop, "resume")
            assert not (await client.call_tool("cell_insert", INSERT)).is_error

    async def test_limits_cache_and_breaker(self, laptop: JupyterServer) -> None:
        headers = client_of(laptop, "read", "edit").headers
        async with connected(laptop, headers=headers) as client:
            answers = [await client.call_tool("job_get", {"job_id": "none"}) for _ in range(3)]
            assert error_of(answers[2])["code"] == "rate_limited"
            assert error_of(answers[2])["data"]["retry_after"] > 0
            async with asyncio.timeout(30):  # a change of anything lets go of what was cached
                while await price(client) != await price(client):
                    continue
            codes = [error_of(await client.call_tool("office_crash", {}))["code"] for _ in range(3)]
            assert codes == ["internal", "internal", "unavailable"]
        path = "jupyter_mcp/api/tools/job_get"
        answer = laptop.request("POST", path, {"job_id": "none"}, headers, token=False)
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0

    async def test_what_strangers_wrote_changes_nothing_unasked(
        self, laptop: JupyterServer
    ) -> None:
        async with connected(laptop, headers=client_of(laptop, "read", "edit").headers) as client:
            letter = await client.call_tool("office_letter", {})
            assert letter.meta is not None
            assert letter.meta["jupyter-mcp/findings"]
            filing = asyncio.create_task(client.call_tool("office_file", {}))
            question = await Person(laptop).asked()
            assert "office_letter" in question["reason"]
            await asyncio.to_thread(told, laptop, "deny", question["id"])
            assert error_of(await filing)["code"] == "denied"

    def test_pins(self, laptop: JupyterServer) -> None:
        assert "test-plugin office_price: approved" in run(laptop, "pins").stdout
        told(laptop, "pins", "reject", "test-plugin", "office_price")
        held = run(laptop, "call", "--toolsets", "all", "office_price")
        assert held.stderr.startswith("quarantined: ")
        told(laptop, "pins", "approve", "test-plugin", "office_price")
        assert laptop.request("POST", "jupyter_mcp/api/tools/office_price", {}).status == 200

    async def test_secrets_come_out_nowhere(self, laptop: JupyterServer) -> None:
        done = await asyncio.to_thread(keep_secret, laptop, "DB_PASSWORD", SECRET)
        assert SECRET not in done.stdout + done.stderr
        [listed] = await asyncio.to_thread(told, laptop, "secret", "list")
        assert listed["name"] == "DB_PASSWORD"
        async with connected(laptop) as client:
            kernel = (await client.call_tool("kernel_start", {})).structured_content
            assert kernel is not None
            half = len(SECRET) // 2
            printing = f"print({SECRET[:half]!r} + {SECRET[half:]!r})"
            arguments = {"kernel_id": kernel["kernel_id"], "code": printing}

            async def shown() -> str:
                return (await client.call_tool("kernel_execute", arguments)).model_dump_json()

            async with asyncio.timeout(30):  # a server that runs learns it within a second
                while SECRET in await shown():
                    continue
            assert "[redacted]" in await shown()
        exported = (await asyncio.to_thread(run, laptop, "audit", "--export", "-")).stdout
        assert SECRET not in exported
        assert SECRET not in laptop.log

    def test_the_policy_explains_itself(self, laptop: JupyterServer, tmp_path: Path) -> None:
        assert told(laptop, "policy", "explain", "owner", "kernel_stop")["effect"] == "ask"
        person = ask(laptop, "policy_explain", user="person", tool="kernel_stop")
        assert person["effect"] == "allow"
        file = tmp_path / "policy.yaml"
        file.write_text("version: 1\nroles:\n  mine: {extends: [viewr]}\n")
        refused = run(laptop, "policy", "check", str(file))
        assert f"{file}:3: There is no role 'viewr'." in refused.stderr
        assert refused.returncode == 1

    def test_the_audit_is_whole(self, laptop: JupyterServer, tmp_path: Path) -> None:
        assert told(laptop, "audit", "--verify")["ok"]
        made_up = bearer("jmcp-token-made-up")
        assert laptop.request("POST", "mcp", {}, made_up, token=False).status == 401
        file = tmp_path / "audit.jsonl"
        assert run(laptop, "audit", "--export", str(file)).returncode == 0
        records = [json.loads(line) for line in file.read_text().splitlines()]
        assert [record["id"] for record in records] == list(range(1, len(records) + 1))
        kinds = {record["kind"] for record in records}
        assert {"call", "token_refused"} <= kinds
        assert file.stat().st_mode & 0o777 == 0o600


POLICY = """\
version: 1
subjects:
  - {who: "user:ann", roles: [operator]}
  - {who: "group:students", roles: [student]}
roles:
  student:
    extends: [viewer]
    rules:
      - allow: {scope: [edit, execute], resource: "course/**"}
      - deny: {tool: cell_delete}
        reason: Keep what was handed in.
"""


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("r")) as running:
        yield running


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Postgres,
    redis: RedisServer,
) -> Iterator[JupyterServer]:
    home = tmp_path_factory.mktemp("shared")
    (home / "policy.yaml").write_text(POLICY)
    options = {
        "policy_file": str(home / "policy.yaml"),
        "database_url": postgres.database(),
        "redis_url": redis.url,
        "rate_limits": {"job_get": "2/minute"},
    }
    provider = {"identity_provider_class": "support.identities.Directory"}
    server = JupyterServer(
        home,
        collaboration=False,
        env=plugin_environment(home, office="support.office_toolset:OfficeToolset"),
        config={"ServerApp": provider, "JupyterMCP": options},
    )
    server.token = "ann-token"
    with server:
        write_course(server.root)
        yield server


class TestSharedServer:
    """Several people on one server: docs/how-to/agents-on-a-shared-server.md."""

    @pytest.mark.parametrize("era", ERAS)
    async def test_each_person_may_what_the_policy_says(
        self, shared: JupyterServer, era: str
    ) -> None:
        elsewhere = {**INSERT, "path": "private/b.ipynb"}
        async with connected(shared, era, headers=bearer("bob-token")) as bob:
            assert not (await bob.call_tool("cell_insert", INSERT)).is_error
            assert error_of(await bob.call_tool("cell_insert", elsewhere))["code"] == "forbidden"
            kept = await bob.call_tool("cell_delete", {"path": "course/a.ipynb", "cell_id": "one"})
            assert "Keep what was handed in." in error_of(kept)["remedy"]
            names = {tool.name for tool in (await bob.list_tools()).tools}
            assert "cell_insert" in names
            assert not names & {"cell_delete", "audit_search", "token_create"}
        async with connected(shared, era) as ann:
            assert not (await ann.call_tool("cell_insert", elsewhere)).is_error

    def test_a_rule_is_named_by_its_line(self, shared: JupyterServer) -> None:
        words = ("policy", "explain", "group:students", "cell_insert")
        inside = told(shared, *words, "path=course/a.ipynb")
        assert (inside["effect"], inside["line"]) == ("allow", 9)
        assert told(shared, *words, "path=private/b.ipynb")["effect"] == "deny"
        assert told(shared, "policy", "explain", "ann", "kernel_stop")["effect"] == "ask"

    def test_a_changed_policy_is_in_force_and_a_bad_one_is_not(self, shared: JupyterServer) -> None:
        file = shared.home / "policy.yaml"

        def effect() -> str:
            words = ("group:students", "cell_insert", "path=course/a.ipynb")
            return str(told(shared, "policy", "explain", *words)["effect"])

        file.write_text(POLICY.replace("[edit, execute]", "[execute]"))
        wait_until(lambda: effect() == "deny", seconds=30, what="the new policy")
        file.write_text("version: 1\ndefault: wizard\n")
        wait_until(
            lambda: "REFUSED, the old policy stays" in run(shared, "policy", "show").stdout,
            seconds=30,
            what="the bad policy is told",
        )
        assert effect() == "deny"
        file.write_text(POLICY)
        wait_until(lambda: effect() == "allow", seconds=30, what="the first policy")

    async def test_limits_are_kept_in_redis(
        self, shared: JupyterServer, redis: RedisServer
    ) -> None:
        async with connected(shared, headers=bearer("bob-token")) as bob:
            answers = [await bob.call_tool("job_get", {"job_id": "none"}) for _ in range(3)]
        assert error_of(answers[2])["code"] == "rate_limited"
        assert "job_get" in redis.command("KEYS", "*")

    def test_the_audit_lies_in_postgres(self, shared: JupyterServer) -> None:
        assert told(shared, "audit", "--verify")["ok"]
        found = told(shared, "audit", "--principal", "user:bob", "--outcome", "denied")["records"]
        assert {record["principal"]["name"] for record in found} == {"bob"}
        assert not list((shared.home / "data").rglob("workbench.db"))
        metrics = shared.request("GET", "metrics").body.decode()
        assert 'mcp_security_signals_total{kind="call_denied"}' in metrics

    def test_ended_access_is_401(self, shared: JupyterServer) -> None:
        def status(token: str) -> int:
            path = "jupyter_mcp/api/status"
            return shared.request("GET", path, headers=bearer(token), token=False).status

        assert status("bob-token") == 200
        told(shared, "access", "end", "user:bob", "--reason", "left the course")
        assert (status("bob-token"), status("ann-token")) == (401, 200)
        assert "left the course" in run(shared, "access", "list").stdout
        told(shared, "access", "restore", "user:bob")
        assert status("bob-token") == 200


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("hub"), ("ann", "bob")) as running:
        running.start_server("ann")
        yield running


@pytest.mark.hub
@pytest.mark.timeout(300)
class TestHub:
    """A user's server behind JupyterHub: docs/how-to/jupyterhub.md."""

    async def test_owner_narrowed_token_guest_and_a_token_of_ours(self, hub: Hub) -> None:
        owner = hub.token("ann", ["access:servers!user=ann"])
        reader = hub.token("ann", ["access:servers!user=ann", "custom:mcp:read!user=ann"])
        share = {"user": "bob", "scopes": ["access:servers!server=ann/"]}
        hub.api("POST", "shares/ann/", share)
        guest = hub.token("bob", ["access:servers!server=ann/"])
        make = {"path": "made.ipynb"}
        async with at_hub(hub, owner) as ann:
            assert not (await ann.call_tool("notebook_create", make)).is_error
        for era in ERAS:
            for token in (reader, guest):
                async with at_hub(hub, token, era) as looker:
                    names = {tool.name for tool in (await looker.list_tools()).tools}
                    assert "notebook_read" in names
                    assert not names & {"notebook_create", "kernel_execute", "token_create"}
                    forced = await looker.call_tool("notebook_create", make)
                    assert error_of(forced)["code"] == "forbidden"
        await self._token_of_ours(hub, owner)

    async def _token_of_ours(self, hub: Hub, owner: str) -> None:
        """Make, use and revoke a token in a terminal of the user's server."""
        words = "token create --scopes read --static --json"
        made = json.loads(await in_terminal(hub, owner, words))
        mcp = urlsplit(hub.mcp_url("ann")).path
        async with at_hub(hub, made["access_token"]) as agent:
            assert not (await agent.call_tool("notebook_list", {})).is_error
            forced = await agent.call_tool("kernel_execute", {"code": "1"})
            assert error_of(forced)["code"] == "forbidden"
        async with httpx2.AsyncClient(headers=bearer(made["access_token"])) as http:
            contents = f"{hub.url}{mcp.removesuffix('mcp')}api/contents"
            assert (await http.get(contents)).status_code in (302, 401, 403)
            await in_terminal(hub, owner, f"token revoke {made['id']} --json")
            assert (await http.post(hub.mcp_url("ann"), json={})).status_code == 401


@asynccontextmanager
async def at_hub(hub: Hub, token: str, era: str = MODERN) -> AsyncIterator[Client]:
    """Connect the SDK's client to ann's server."""
    url = f"{hub.mcp_url('ann')}?toolsets=all"
    async with (
        httpx2.AsyncClient(headers=bearer(token), timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode=era, cache=None) as client,
    ):
        yield client


async def in_terminal(hub: Hub, owner: str, words: str) -> str:
    """Run ``jupyter mcp`` in ann's server and return what it printed.

    By a file: what a cell shows of a token is redacted.
    """
    file = hub.home / "printed"
    line = [*command(), *words.split()]
    source = (
        "import subprocess\n"
        f"done = subprocess.run({line!r}, capture_output=True, text=True)\n"
        f"open({str(file)!r}, 'w').write(done.stdout)\n"
        "print(done.returncode, done.stderr)"
    )
    async with at_hub(hub, owner) as ann:
        kernel = (await ann.call_tool("kernel_start", {})).structured_content
        assert kernel is not None
        arguments = {"kernel_id": kernel["kernel_id"], "code": source}
        ran = await ann.call_tool("kernel_execute", arguments)
        assert not ran.is_error, ran
    return file.read_text()
