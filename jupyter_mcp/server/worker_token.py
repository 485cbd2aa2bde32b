"""Tokens for the worker of workflows: its key for a run's owner's rights, for five minutes.

The route asks nobody who they are, because the key from the state folder is the credential; host
and origin are checked as everywhere. The key alone does nothing: each token is of one run, and
carries what was recorded when somebody asked for that run, as long as they still may.
"""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.tokens.access_token import TokenRefused
from jupyter_mcp.security.worker_key import PREFIX
from jupyter_mcp.server.credentials import not_good
from jupyter_mcp.server.handler import DoorHandler
from jupyter_mcp.server.identity import bearer
from jupyter_mcp.server.refusal import Refused

if TYPE_CHECKING:
    from jupyter_mcp.security.tokens.acting import ActingToken
    from jupyter_mcp.server.starter import Served

BODY_LIMIT = 4096
ID_LIMIT = 64


class WorkerTokenHandler(DoorHandler):
    """``POST mcp/worker/token`` with ``{"run": id}``; with ``{}``, whose runs it does is told."""

    @allow_unauthenticated  # the worker's key is the credential
    async def post(self) -> None:
        """Give a token."""
        self._allow_page()
        try:
            self.door.check_host(self)
            self.door.check_origin(self)
            served = await self._recognised()
            if run := self._run():
                given = await self._given(served, run)
                left = given.expires - time.time()
                self._answer({"access_token": given.token, "expires_in": left})
            else:
                self._answer({"home": served.runtime.trust.tokens.home})
        except Refused as refused:
            self.refuse(refused)
        except ToolError as error:
            self.answer_error(HTTPStatus.SERVICE_UNAVAILABLE, error)

    async def _recognised(self) -> Served:
        """Return the runtime, once the worker has shown its key.

        Without anything that looks like a key nothing is started for a stranger.
        """
        shown = bearer(self)
        if not shown.startswith(PREFIX):
            raise not_good()
        address = self.request.remote_ip or ""
        workers = self.extension.workers
        if wait := workers.throttle.wait(address):
            busy = ToolError("rate_limited", "Too many wrong keys.", "Wait a minute.")
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, busy, {"Retry-After": str(int(wait) + 1)})
        if not workers.key.matches(shown):
            workers.throttle.miss(address)
            self.extension.credentials.note("token_refused", self, reason="not the worker's key")
            raise not_good()
        return self.extension.starter.served or await self.extension.starter.ready()

    def _run(self) -> str:
        """Return the run; empty for a body without one."""
        if self._size > BODY_LIMIT:
            large = ToolError("too_large", f"The body is larger than {BODY_LIMIT} bytes.")
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, large)
        try:
            body = json.loads(self.body)
            if body == {}:
                return ""
            run = body["run"]
        except (ValueError, TypeError, KeyError, RecursionError):
            run = None
        if not isinstance(run, str) or not 0 < len(run) <= ID_LIMIT:
            wrong = ToolError("invalid_arguments", 'The body is {"run": "wf-…"}.')
            raise Refused(HTTPStatus.BAD_REQUEST, wrong)
        return run

    async def _given(self, served: Served, run: str) -> ActingToken:
        trust = served.runtime.trust
        try:
            given = await trust.tokens.act_for(run)
        except TokenRefused as refused:
            self._note(run, refused.reason, refused.family)
            if not refused.family:
                raise Refused(HTTPStatus.NOT_FOUND, _unknown()) from None
            raise Refused(HTTPStatus.FORBIDDEN, _ended(f"its token was {refused.reason}")) from None
        if await trust.access.is_ended(given.principal):
            self._note(run, "access ended", "")
            raise Refused(HTTPStatus.FORBIDDEN, _ended(f"'{given.principal.name}' is shut out"))
        return given

    def _note(self, run: str, reason: str, family: str) -> None:
        self.extension.credentials.note(
            "token_refused", self, reason=reason, token=family, workflow=run
        )

    def _answer(self, content: dict[str, Any]) -> None:
        if not self.is_closed:
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps(content))


def _unknown() -> ToolError:
    return ToolError("not_found", "No workflow of that name goes on here.", "Look: workflow_list.")


def _ended(why: str) -> ToolError:
    return ToolError(
        "access_ended",
        f"The access of this workflow's owner was ended: {why}.",
        "Restore it, or cancel the workflow.",
    )
