"""What strangers' words may do in the head of a mail, and in the address of a notification."""

from __future__ import annotations

import contextlib
import email
import email.policy

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.senders import Mail, MailServer, Webhook
from support.smtp import SmtpServer

HEADS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "Content-Type",
    "Content-Transfer-Encoding",
    "MIME-Version",
}


async def mailed(monkeypatch: pytest.MonkeyPatch, subject: str, body: str = "Hello.") -> bytes:
    """Return a mail as it goes over the wire."""
    sent: list[bytes] = []

    def deliver(_: MailServer, message: object, __: object) -> dict[str, tuple[int, bytes]]:
        sent.append(bytes(message))  # type: ignore[call-overload]
        return {}

    monkeypatch.setattr("jupyter_mcp.toolsets.workflows.engine.senders.mail._deliver", deliver)
    send = Mail(lambda: MailServer("localhost", "me@example.org"), ["ann@example.org"])
    await send("ann@example.org", subject, body, "key")
    return sent[0]


@pytest.mark.parametrize(
    "subject",
    [
        "a\r\nBcc: eve@example.org",
        "=?utf-8?q?=0D=0ABcc:_eve@example.org?=",
        "Hi =?utf-8?q?=0D=0ABcc:_eve@example.org=0D=0A=0D=0AOther_words?= there",
        "=?utf-8?b?DQpCY2M6IGV2ZUBleGFtcGxlLm9yZw==?=",
        "=?=?utf-8?q?=0D=0ABcc:_eve@example.org?=?=",
        "a\u2028Bcc: eve\x00\x0b\x85",
        "\ud800",
        "x" * 100_000,
    ],
)
async def test_a_subject_is_one_head_and_no_more(
    monkeypatch: pytest.MonkeyPatch, subject: str
) -> None:
    raw = await mailed(monkeypatch, subject)
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    assert set(message.keys()) == HEADS
    assert message.get_content().strip() == "Hello."
    assert b"\nBcc" not in raw


async def test_a_body_of_half_characters_is_sent_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert b"before ?" in await mailed(monkeypatch, "s", "before \ud800")


@pytest.mark.parametrize(
    "to",
    [
        "=?utf-8?q?eve=40evil.example=2C?=ann@example.org",
        "=?utf-8?q?eve=40evil.example=3E_=3Cann?=@example.org",
        "=?utf-8?b?ZXZlQGV2aWwuZXhhbXBsZSw=?=ann@example.org",
        "ann@example.org, =?utf-8?q?eve=40evil.example=2C?=ann@example.org",
        '"eve@evil.example,ann"@example.org',
        "eve@evil.example(@example.org)",
        "<@example.org:eve@evil.example>",
        "eve@evil.example;@example.org",
    ],
)
async def test_nobody_gets_mail_who_is_hidden_in_an_address_that_is_listed(to: str) -> None:
    async with SmtpServer() as server:
        url = f"smtp://127.0.0.1:{server.port}/?from=me@example.org&security=none"
        send = Mail(lambda: MailServer.of(url), ["*@example.org"])
        with contextlib.suppress(ToolError):
            await send(to, "s", "b", "key")
    assert all(each.endswith("@example.org") for each in server.recipients)


INSIDE = ["93.184.216.34", "127.0.0.1"]


@pytest.mark.parametrize(
    "url",
    [
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[::1]/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://127.1/",
        "http://0/",
        "http://169.254.169.254/latest/meta-data",
        "http://good.example@127.0.0.1/",
        "http://127.0.0.1\\@good.example/",
        "http://good.example/\r\nX: y",
        "file:///etc/passwd",
    ],
)
async def test_no_pattern_leads_to_this_machine(url: str) -> None:
    with pytest.raises(ToolError) as failure:
        await Webhook(["*"], seconds=2.0)(url, "s", "b", "k")
    assert failure.value.code in {"forbidden", "invalid_arguments"}


async def test_a_name_with_one_address_inside_is_not_used() -> None:
    send = Webhook(["*.example"], resolve=lambda _host, _port: INSIDE, seconds=2.0)
    with pytest.raises(ToolError, match="does not connect to") as failure:
        await send("http://good.example/", "s", "b", "k")
    assert failure.value.code == "forbidden"


@pytest.mark.parametrize(
    "url", ["https://good.example@evil.example/", "https://evil.example#@good.example/"]
)
async def test_another_host_is_not_sent_to_under_a_listed_name(url: str) -> None:
    with pytest.raises(ToolError, match=r"not sent to 'evil\.example'"):
        await Webhook(["good.example"])(url, "s", "b", "k")
