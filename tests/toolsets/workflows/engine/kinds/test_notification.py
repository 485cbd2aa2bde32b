"""Notification nodes: each way to tell somebody, confirmed and tried again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.kinds.notification import LONGEST
from jupyter_mcp.toolsets.workflows.engine.senders import MailServer, Webhook, senders
from support.flows import Bench, bench, done
from support.smtp import SmtpServer

KEY = "wf-1:tell"


class WebServer:
    """A web server that keeps what is posted.

    Args:
        answers: The heads of its answers, the last of which stays.
    """

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.split(":")[1])
            for line in head.splitlines()
            if line.lower().startswith("content-length")
        )
        self.posts.append((head, json.loads(await reader.readexactly(length))))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        writer.write(f"{answer}\r\n\r\n".encode())
        writer.close()


@asynccontextmanager
async def web(*answers: str) -> AsyncIterator[WebServer]:
    """Give a web server on this machine."""
    made = WebServer(*answers)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    async with server:
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?a=1"
        yield made


async def test_a_webhook_gets_json_and_the_key() -> None:
    async with web("HTTP/1.1 204 No Content") as server:
        confirmed = await Webhook(["127.0.0.1"])(server.url, "S", "Körper", KEY)
    assert confirmed == {"status": 204}
    head, body = server.posts[0]
    assert body == {"subject": "S", "body": "Körper", "key": KEY}
    assert head.startswith("POST /hook?a=1 HTTP/1.1")
    assert f'idempotency-key: "{KEY}"' in head.lower()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("HTTP/1.1 503 Busy", "unavailable"),
        ("HTTP/1.1 429 Slow", "unavailable"),
        ("HTTP/1.1 404 None", "rejected"),
        ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/", "rejected"),
        ("nonsense", "unavailable"),
    ],
)
async def test_a_webhook_that_is_not_confirmed_fails(answer: str, code: str) -> None:
    async with web(answer) as server:
        with pytest.raises(ToolError) as raised:
            await Webhook(["127.0.0.1"])(server.url, "", "b", KEY)
    assert raised.value.code == code
    assert len(server.posts) == 1


def _inside(host: str, _: int) -> list[str]:
    return [host] if host[0].isdigit() else ["127.0.0.1"]


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ([], "http://example.org/"),
        (["*.example.org"], "http://other.org/"),
        (["*"], "http://127.0.0.1:1/"),
        (["*"], "http://localhost:1/"),
        (["169.254.169.254"], "http://169.254.169.254/latest"),
        (["hook.test"], "http://user:pw@hook.test/"),
        (["hook.test"], "ftp://hook.test/"),
    ],
)
async def test_a_webhook_leads_only_where_it_may(hosts: list[str], url: str) -> None:
    with pytest.raises(ToolError) as raised:
        await Webhook(hosts, resolve=_inside)(url, "", "b", KEY)
    assert raised.value.code in {"forbidden", "invalid_arguments"}


async def test_a_pattern_that_leads_into_ones_own_network_is_refused() -> None:
    with pytest.raises(ToolError, match=r"10\.0\.0\.1"):
        await Webhook(["*.test"], resolve=lambda *_: ["10.0.0.1"])("http://a.test/", "", "b", KEY)


async def test_a_webhook_that_nobody_answers_ends_in_time() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        with pytest.raises(ToolError, match="no answer in time"):
            await Webhook(["127.0.0.1"], seconds=0.2)(url, "", "b", KEY)


def _mail(port: int, login: str = "") -> Any:
    url = f"smtp://{login}127.0.0.1:{port}/?from=flows@example.org&security=none"
    return senders([], lambda: url, ["ann@*", "bob@*"])["email"]


async def test_a_mail_is_sent_once_under_its_key() -> None:
    async with SmtpServer() as server:
        send = _mail(server.port, "me:p%40ss@")
        first = await send("ann@example.org, Bob <bob@example.org>", "A\nB", "Grüße\n.\nEnd", KEY)
        second = await send("ann@example.org", "A", "x", KEY)
    mail = server.mails[0]
    assert first["accepted"] == ["ann@example.org", "bob@example.org"]
    assert first["message_id"] == second["message_id"] == mail["Message-ID"]
    assert (mail["Subject"], mail["From"]) == ("A B", "flows@example.org")
    assert mail["Auto-Submitted"] == "auto-generated"
    payload = mail.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert "Grüße" in payload.decode()
    assert server.logins[0] == ("me", "p@ss")


@pytest.mark.parametrize("to", ["", "nobody", "a@b\nBcc: c@d", "a b@c"])
async def test_what_is_no_address_gets_no_mail(to: str) -> None:
    async with SmtpServer() as server:
        with pytest.raises(ToolError, match="no address"):
            await _mail(server.port)(to, "", "x", KEY)
        assert server.mails == []


@pytest.mark.parametrize("to", ["eve@example.com", "ann@example.org, eve@example.com"])
async def test_mails_go_to_addresses_that_are_listed_and_to_the_sender_himself(to: str) -> None:
    async with SmtpServer() as server:
        send = _mail(server.port)
        with pytest.raises(ToolError, match="not sent to 'eve@") as raised:
            await send(to, "", "x", KEY)
        assert (raised.value.code, server.mails) == ("forbidden", [])
        await send("Flows <FLOWS@example.org>, Ann@example.org", "", "x", KEY)
    assert len(server.mails) == 1


@pytest.mark.parametrize(
    ("answer", "code"), [("550 No such user", "rejected"), ("450 Busy", "unavailable")]
)
async def test_a_mail_that_is_refused_says_so(answer: str, code: str) -> None:
    async with SmtpServer(answer) as server:
        with pytest.raises(ToolError, match=answer[4:]) as raised:
            await _mail(server.port)("ann@example.org", "", "x", KEY)
    assert raised.value.code == code


async def test_a_mail_server_that_is_away_is_told() -> None:
    with pytest.raises(ToolError, match="cannot be used") as raised:
        await _mail(1)("ann@example.org", "", "x", KEY)
    assert raised.value.code == "unavailable"


@pytest.mark.parametrize(
    ("url", "security", "port"),
    [
        ("smtps://me%40x.org:pw@mail.org", "tls", 465),
        ("smtp://mail.org/?from=me@x.org", "starttls", 587),
        ("smtps://mail.org:99/?from=me@x.org&security=none", "tls", 99),
    ],
)
def test_the_url_of_a_mail_server(url: str, security: str, port: int) -> None:
    server = MailServer.of(url)
    assert (server.security, server.port, server.sender) == (security, port, "me@x.org")
    assert "pw" not in repr(server)


@pytest.mark.parametrize("url", ["", "http://x", "smtp://", "smtp://x", "smtp://[", "smtp://x:y"])
def test_a_url_of_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(ToolError, match="mail server"):
        MailServer.of(url)


def _node(**fields: Any) -> list[dict[str, Any]]:
    return [{"id": "tell", "kind": "notification", **fields}]


@pytest.mark.parametrize("channel", ["event", "panel"])
async def test_the_server_tells_events_and_the_panel(flows: Bench, channel: str) -> None:
    flows.toolbox.tools["workflow_notify"] = lambda _: done(delivered=True)
    ended = await flows.run(
        _node(channel=channel, subject="Run ${workflow.id}", body="${parameters.x}"),
        parameters={"x": {"a": 1}},
    )
    assert ended.outputs["tell"] == {"channel": channel, "confirmed": {"delivered": True}}
    assert flows.toolbox.calls[0].arguments == {
        "workflow_id": ended.run,
        "channel": channel,
        "subject": f"Run {ended.run}",
        "body": '{\n  "a": 1\n}',
    }


@pytest.mark.parametrize("channel", ["event", "panel"])
async def test_a_long_text_is_told_without_its_middle(flows: Bench, channel: str) -> None:
    flows.toolbox.tools["workflow_notify"] = lambda _: done(delivered=True)
    ended = await flows.run(
        _node(channel=channel, subject="${parameters.s}", body="${parameters.b}"),
        parameters={"s": "S" * 301, "b": f"FAILED first\n{'x' * 20_000}\n3 failed"},
    )
    assert ended.status == "succeeded"
    told = flows.toolbox.calls[0].arguments
    assert len(told["subject"]) <= LONGEST["subject"]
    assert len(told["body"]) <= LONGEST["body"]
    assert told["body"].startswith("FAILED first\n")
    assert told["body"].endswith("\n3 failed")
    for text in (told["subject"], told["body"]):
        assert "characters left out" in text


async def test_a_delivery_is_tried_again_under_the_same_key(tmp_path: Path) -> None:
    async with web("HTTP/1.1 503 Busy", "HTTP/1.1 200 OK") as server:
        ways: Mapping[str, Any] = senders(["127.0.0.1"])
        async with bench(str(tmp_path / "w.db"), senders=ways) as flows:
            ended = await flows.run(
                _node(
                    channel="webhook",
                    to=server.url,
                    body="Hi",
                    retry={"attempts": 3, "delay": 0},
                )
            )
    assert ended.outputs["tell"] == {"channel": "webhook", "confirmed": {"status": 200}}
    assert [body["key"] for _, body in server.posts] == [f"{ended.run}:tell"] * 2


async def test_a_way_that_is_not_configured_is_told(flows: Bench) -> None:
    ended = await flows.run(_node(channel="email", to="a@b.org", body="x"))
    assert ended.error is not None
    assert "cannot send by 'email'" in ended.error["message"]
    assert "workflow_smtp" in ended.error["remedy"]
