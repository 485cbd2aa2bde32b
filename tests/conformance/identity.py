"""The identity of the server under test: one fixed user, no credential.

The suite has no option to send a header, so its server lets everybody in. It listens on loopback
for the length of the run and offers nothing but the fixtures.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.identity import IdentityProvider, User


class EverybodyIsTheTester(IdentityProvider):
    """Takes every request for one that the tester's token authenticates."""

    def get_user(self, handler: Any) -> User:
        """Return the tester."""
        handler.current_user = self._tester()
        handler._token_authenticated = True
        return self._tester()

    def is_token_authenticated(self, handler: Any) -> bool:
        """Say yes: there is no cookie that a foreign page could abuse."""
        del handler
        return True

    @staticmethod
    def _tester() -> User:
        return User(username="tester")
