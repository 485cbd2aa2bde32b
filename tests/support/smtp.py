"""A mail server that keeps what it gets."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from email import message_from_bytes
from email.message import Message
from typing import Self, cast

EHLO = "250-test\r\n250 AUTH PLAIN"


class SmtpServer:
    """A mail server on this machine.

    Args:
        refuse: The answer to each address, such as ``550 No such user``; empty to take all. With
            an address before it, as in ``bob@example.org 450 Busy``, the answer to that one.
        tls: Its certificate: it then speaks TLS from the first byte, or by STARTTLS.
        is_upgraded: Whether TLS is by STARTTLS.
        password: What has to be given for a login; empty to take any.
    """

    def __init__(
        self,
        *refuse: str,
        tls: ssl.SSLContext | None = None,
        is_upgraded: bool = False,
        password: str = "",
    ) -> None:
        self.refuse = refuse
        self._tls = tls
        self._is_upgraded = is_upgraded
        self._password = password
        self.secured: list[bool] = []
        self.mails: list[Message] = []
        self.logins: list[tuple[str, str]] = []
        self.recipients: list[str] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        at_once = None if self._is_upgraded else self._tls
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=at_once)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # who does not trust the certificate hangs up
            await self._talk(reader, writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        def is_secure() -> bool:
            return writer.get_extra_info("ssl_object") is not None

        say("220 test")
        while line := (await reader.readline()).decode().strip():
            word = line.split(" ")[0].upper()
            if word == "STARTTLS":
                say("220 go on")
                await writer.drain()
                await writer.start_tls(cast("ssl.SSLContext", self._tls))
            elif word == "DATA":
                say("354 go on")
                data = await reader.readuntil(b"\r\n.\r\n")
                self.secured.append(is_secure())
                self.mails.append(message_from_bytes(data[:-5]))
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                break
            else:
                say(self._answer(word, line, may_upgrade=self._is_upgraded and not is_secure()))

    def _answer(self, word: str, line: str, *, may_upgrade: bool) -> str:
        if word == "EHLO":
            return "250-test\r\n250-STARTTLS\r\n250 AUTH PLAIN" if may_upgrade else EHLO
        if word == "AUTH":
            _, name, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
            self.logins.append((name, password))
            return "235 welcome" if self._password in ("", password) else "535 Wrong password"
        if word == "RCPT":
            self.recipients.append(line.partition("<")[2].rpartition(">")[0])
            return self._taken(self.recipients[-1])
        return "250 ok"

    def _taken(self, address: str) -> str:
        for each in self.refuse:
            first, _, said = each.partition(" ")
            if "@" not in first:
                return each
            if first == address:
                return said
        return "250 ok"
