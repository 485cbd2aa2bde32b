"""Mail and web servers as they are outside: with TLS, logins, refusals and bad moments."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.senders import Webhook, senders
from support.certificates import Authority
from support.flows import bench
from support.smtp import SmtpServer

KEY = "wf-1:tell"
ANN, BOB = "ann@example.org", "bob@example.org"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that this process trusts, as SSL_CERT_FILE says it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


def mail(scheme: str, port: int, login: str = "") -> Any:
    url = f"{scheme}://{login}127.0.0.1:{port}/?from=flows@example.org"
    return senders([], lambda: url, ["*@example.org"])["email"]


def smtp(scheme: str, tls: ssl.SSLContext, *refuse: str, password: str = "") -> SmtpServer:
    return SmtpServer(*refuse, tls=tls, is_upgraded=scheme == "smtp", password=password)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_mail_and_its_login_go_by_tls(trusted: Authority, scheme: str) -> None:
    async with smtp(scheme, trusted.server("127.0.0.1"), password="secret") as server:
        done = await mail(scheme, server.port, "me:secret@")(ANN, "S", "b", KEY)
        assert done["accepted"] == [ANN]
        assert (server.secured, server.logins) == ([True], [("me", "secret")])
        with pytest.raises(ToolError, match="535: Wrong password") as raised:
            await mail(scheme, server.port, "me:wrong@")(ANN, "S", "b", KEY)
        assert raised.value.code == "rejected"
        assert "wrong@" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("name", ["127.0.0.1", "mail.example.org"])
async def test_a_certificate_that_is_not_good_gets_no_login(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, scheme: str, name: str
) -> None:
    if name != "127.0.0.1":  # that of another host, by an authority that is known
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with smtp(scheme, authority.server(name)) as server:
        with pytest.raises(ToolError, match="certificate verify failed") as raised:
            await mail(scheme, server.port, "me:secret@")(ANN, "S", "b", KEY)
    assert raised.value.code == "unavailable"
    assert (server.logins, server.mails) == ([], [])


async def test_a_server_without_starttls_gets_nothing() -> None:
    async with SmtpServer() as server:
        with pytest.raises(ToolError, match="STARTTLS"):
            await mail("smtp", server.port, "me:secret@")(ANN, "S", "b", KEY)
    assert (server.logins, server.mails) == ([], [])


@pytest.mark.parametrize(
    ("refuse", "code"),
    [
        ([f"{ANN} 550 None", f"{BOB} 451 Later"], "unavailable"),
        ([f"{ANN} 451 Later", f"{BOB} 550 None"], "unavailable"),
        (["550 None"], "rejected"),
    ],
)
async def test_one_who_may_be_taken_later_is_worth_another_try(
    trusted: Authority, refuse: list[str], code: str
) -> None:
    async with smtp("smtps", trusted.server("127.0.0.1"), *refuse) as server:
        with pytest.raises(ToolError) as raised:
            await mail("smtps", server.port)(f"{ANN}, {BOB}", "S", "b", KEY)
    assert raised.value.code == code


async def test_one_who_is_refused_stops_not_the_others(trusted: Authority) -> None:
    async with smtp("smtps", trusted.server("127.0.0.1"), f"{BOB} 550 None") as server:
        done = await mail("smtps", server.port)(f"{ANN}, {BOB}", "S", "b", KEY)
    assert (done["accepted"], done["refused"]) == ([ANN], {BOB: "None"})
    assert len(server.mails) == 1


async def attempts_at_mail(tmp_path: Path, answer: str) -> tuple[str, int]:
    """Return how a node ends that has three attempts, and how many it took."""
    async with SmtpServer(answer) as server:
        url = f"smtp://127.0.0.1:{server.port}/?from=flows@example.org&security=none"
        async with bench(
            str(tmp_path / answer), senders=senders([], lambda: url, ["*@example.org"])
        ) as flows:
            retry = {"attempts": 3, "delay": 0}
            node = {"id": "tell", "kind": "notification", "channel": "email", "retry": retry}
            ended = await flows.run([{**node, "to": ANN, "body": "x"}])
            told = flows.ledger.nodes[ended.run, "tell"]
    return ended.status, int(told["attempts"])


async def test_a_refusal_for_good_is_not_tried_again_and_one_for_now_is(tmp_path: Path) -> None:
    assert await attempts_at_mail(tmp_path, "550 No such user") == ("failed", 1)
    assert await attempts_at_mail(tmp_path, "451 Greylisted") == ("failed", 3)


@asynccontextmanager
async def https(tls: ssl.SSLContext, *answers: str) -> AsyncIterator[tuple[str, list[str]]]:
    """Give a web server's address and the heads of what it was sent."""
    left, heads = list(answers), list[str]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(f"HTTP/1.1 {left.pop(0)}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/", heads


async def test_a_webhook_of_a_private_authority_is_trusted_when_it_is_named(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with https(authority.server("127.0.0.1"), "200 OK") as (url, heads):
        with pytest.raises(ToolError, match="certificate verify failed"):
            await Webhook(["127.0.0.1"])(url, "", "b", KEY)
        assert heads == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert await Webhook(["127.0.0.1"])(url, "", "b", KEY) == {"status": 200}


async def test_a_redirect_is_not_followed_and_not_tried_again(trusted: Authority) -> None:
    async with https(trusted.server("127.0.0.1"), "307 Go\r\nLocation: /other") as (url, heads):
        with pytest.raises(ToolError, match="redirects are not followed") as raised:
            await Webhook(["127.0.0.1"])(url, "", "b", KEY)
    assert raised.value.code == "rejected"
    assert len(heads) == 1


@pytest.mark.parametrize(
    ("when", "least", "most"),
    [
        (lambda: "7", 7, 7),
        (lambda: formatdate(time.time() + 3000, usegmt=True), 2000, 3000),
        (lambda: formatdate(0, usegmt=True), 0, 0),
    ],
)
async def test_a_receiver_says_when_it_wants_to_be_asked_again(
    trusted: Authority, when: Callable[[], str], least: float, most: float
) -> None:
    answer = f"429 Slow\r\nRetry-After: {when()}"
    async with https(trusted.server("127.0.0.1"), answer) as (url, _):
        with pytest.raises(ToolError) as raised:
            await Webhook(["127.0.0.1"])(url, "", "b", KEY)
    assert least <= raised.value.data["retry_after"] <= most


async def test_a_receiver_that_says_nothing_of_use_leaves_it_to_the_spec(
    trusted: Authority,
) -> None:
    no_date = "Mon, 05 Jan 2026 00:00:00 +99999999999999999999"
    answers = (*(f"429 Slow\r\nRetry-After: {each}" for each in ("soon", no_date)), "503 Busy")
    async with https(trusted.server("127.0.0.1"), *answers) as (url, _):
        for _ in answers:
            with pytest.raises(ToolError) as raised:
                await Webhook(["127.0.0.1"])(url, "", "b", KEY)
            assert "retry_after" not in raised.value.data


async def test_a_node_waits_as_long_as_its_receiver_wants(
    trusted: Authority, tmp_path: Path
) -> None:
    answers = ("429 Slow\r\nRetry-After: 1", "500 Broken", "200 OK")
    async with https(trusted.server("127.0.0.1"), *answers) as (url, heads):
        ways = senders(["127.0.0.1"])
        async with bench(str(tmp_path / "w.db"), senders=ways) as flows:
            retry = {"attempts": 3, "delay": 0}
            node = {"id": "tell", "kind": "notification", "channel": "webhook", "retry": retry}
            begun = time.monotonic()
            ended = await flows.run([{**node, "to": url, "body": "x"}])
            assert time.monotonic() - begun >= 1
    assert ended.outputs["tell"]["confirmed"] == {"status": 200}
    keys = {line for head in heads for line in head.splitlines() if "idempotency" in line.lower()}
    assert len(heads) == 3
    assert len(keys) == 1
