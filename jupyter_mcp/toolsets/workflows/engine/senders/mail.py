"""Notifications by mail (SMTP).

A mail cannot be made unsent, nor does SMTP know keys. So the same notification always has the same
``Message-ID``, by which many servers and mail programs drop the second of two.
"""

from __future__ import annotations

import asyncio
import hashlib
import smtplib
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, getaddresses, parseaddr
from fnmatch import fnmatchcase
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from jupyter_mcp.errors import ToolError

Security = Literal["starttls", "tls", "none"]

SCHEMES: Mapping[str, tuple[Security, int]] = {"smtp": ("starttls", 587), "smtps": ("tls", 465)}
"""How a URL's scheme is spoken, and its usual port (RFC 8314)."""

REFUSED = 500
"""RFC 5321, 4.2.1: from here on another try is of no use."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server that takes mails.

    Args:
        host: Its name.
        sender: From whom mails are.
        port: Its port.
        security: ``starttls``, ``tls`` from the first byte, or ``none`` at all.
        login: The name of an account there; empty for none.
        password: The account's password.
        seconds: How long a delivery may take.
    """

    host: str
    sender: str
    port: int = 587
    security: Security = "starttls"
    login: str = ""
    password: str = field(default="", repr=False)
    seconds: float = 30.0

    @classmethod
    def of(cls, url: str) -> MailServer:
        """Return the server of a URL.

        Args:
            url: As in ``smtp://me:password@smtp.example.org:587/?from=me@example.org``: ``smtps``
                is TLS from the first byte, ``smtp`` asks for it (STARTTLS), and for a relay on
                this machine ``?security=none`` does without.

        Raises:
            ToolError: ``invalid_configuration``.
        """
        try:
            parts = urlsplit(url)
            asked = dict(parse_qsl(parts.query))
            port = parts.port
        except ValueError:
            raise _no_server() from None
        sender = asked.get("from") or unquote(parts.username or "")
        if parts.scheme not in SCHEMES or not parts.hostname or "@" not in sender:
            raise _no_server()
        security, usual = SCHEMES[parts.scheme]
        if asked.get("security") == "none" and security == "starttls":
            security = "none"
        return cls(
            host=parts.hostname,
            sender=sender,
            port=port or usual,
            security=security,
            login=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )


class Mail:
    """Sends mails.

    Args:
        find: Returns the server that takes them; called for each mail, in a thread, so that a
            password comes out of the store of secrets when it is needed.
        known: Globs of the addresses that may be written to, besides the sender's own.
    """

    def __init__(self, find: Callable[[], MailServer], known: Iterable[str] = ()) -> None:
        self._find = find
        self._known = [each.lower() for each in known]

    async def __call__(self, to: str, subject: str, body: str, key: str) -> Mapping[str, Any]:
        """Send a mail and return which addresses the server has taken.

        Raises:
            ToolError: ``invalid_arguments`` for what is no address, ``forbidden`` for one that is
                not listed, ``rejected`` for what the server refuses for good, ``unavailable`` for
                everything that may get better.
        """
        addresses = _addresses(to)
        server = await asyncio.to_thread(self._find)
        self._check(addresses, server)
        message = _message(server.sender, addresses, subject, key)
        message.set_content(_encodable(body))
        try:
            refused = await asyncio.to_thread(_deliver, server, message, addresses)
        except smtplib.SMTPResponseException as error:
            raise _answered(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPRecipientsRefused as error:
            answers = error.recipients.values()  # one that may be taken later is worth a try
            raise _answered(*min(answers, key=lambda each: each[0])) from None
        except (OSError, smtplib.SMTPException) as error:
            what = f"The mail server '{server.host}' cannot be used: {error}"
            raise ToolError("unavailable", what, "Check the settings of the mail server.") from None
        taken = [each for each in addresses if each not in refused]
        told = {each: _said(answer[1]) for each, answer in refused.items()}
        return {"message_id": message["Message-ID"], "accepted": taken, "refused": told}

    def _check(self, addresses: Iterable[str], server: MailServer) -> None:
        """Refuse addresses that are neither the sender's own nor listed."""
        own = parseaddr(server.sender)[1].lower()
        for address in addresses:
            each = address.lower()
            if each != own and not any(fnmatchcase(each, known) for known in self._known):
                raise ToolError(
                    "forbidden",
                    f"Mails are not sent to '{address[:80]}'.",
                    "Let the administrator add it to c.JupyterMCP.workflow_mail_to.",
                )


def _message(sender: str, addresses: list[str], subject: str, key: str) -> EmailMessage:
    message = EmailMessage()
    domain = sender.rpartition("@")[2].strip(" >")
    message["From"] = sender
    message["To"] = ", ".join(addresses)
    message["Subject"] = _one_line(subject) or "Notification of a workflow"
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody answers on holiday
    return message


def _one_line(subject: str) -> str:
    """Return a subject that stays one.

    Python's library decodes what looks encoded (RFC 2047) in a text that it is given, and writes
    the line ends that were hidden there into the head of the mail.
    """
    return " ".join(_encodable(subject).replace("=?", "= ?").split())


def _encodable(text: str) -> str:
    """Return text without halves of characters, which no mail can hold."""
    return text.encode("utf-8", "replace").decode()


def _deliver(
    server: MailServer, message: EmailMessage, addresses: list[str]
) -> dict[str, tuple[int, bytes]]:
    """Send a mail to these addresses, whatever its head makes of them."""
    context = ssl.create_default_context()
    if server.security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=server.seconds, context=context
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=server.seconds)
    with smtp:
        if server.security == "starttls":
            smtp.starttls(context=context)
        if server.login:
            smtp.login(server.login, server.password)
        return smtp.send_message(message, to_addrs=addresses)


def _no_server() -> ToolError:
    return ToolError(
        "invalid_configuration",
        "The URL of the mail server cannot be used.",
        "Write c.JupyterMCP.workflow_smtp as in smtps://smtp.example.org/?from=me@example.org.",
    )


def _addresses(to: str) -> list[str]:
    found = [address for _, address in getaddresses([to])]
    if not found or not all(map(_is_address, found)) or "\n" in to or "\r" in to:
        raise ToolError(
            "invalid_arguments", f"'{to[:80]}' is no address.", "Write it as in ann@example.org."
        )
    return found


def _is_address(text: str) -> bool:
    """Whether a text is one address, also once the library has decoded it for the head."""
    is_plain = text.isprintable() and " " not in text and "=?" not in text
    return is_plain and "@" in text[1:-1]


def _answered(code: int, said: bytes | str) -> ToolError:
    what = f"The mail server answered {code}: {_said(said)[:300]}"
    if code >= REFUSED:
        return ToolError("rejected", what, "Correct the address or the settings.")
    return ToolError("unavailable", what, "Try again later.")


def _said(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text
