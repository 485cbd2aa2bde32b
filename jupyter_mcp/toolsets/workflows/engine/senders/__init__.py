"""How notifications leave this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from jupyter_mcp.toolsets.workflows.engine.running import Sender
from jupyter_mcp.toolsets.workflows.engine.senders.mail import Mail, MailServer
from jupyter_mcp.toolsets.workflows.engine.senders.webhook import Webhook

__all__ = ["Mail", "MailServer", "Webhook", "senders"]


def senders(
    webhook_hosts: Iterable[str],
    smtp: Callable[[], str] | None = None,
    mail_to: Iterable[str] = (),
) -> Mapping[str, Sender]:
    """Return how notifications leave, by channel.

    Args:
        webhook_hosts: Globs of the hosts that may be sent to.
        smtp: Returns the URL of the mail server with its password put in; called in a thread for
            each mail. None where no mails are sent.
        mail_to: Globs of the addresses that may be written to, besides the sender's own.
    """
    found: dict[str, Sender] = {"webhook": Webhook(webhook_hosts)}
    if smtp is not None:
        found["email"] = Mail(lambda: MailServer.of(smtp()), mail_to)
    return found
