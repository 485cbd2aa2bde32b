"""Finds sandboxes for their owners, attaches their agents, and ends them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.sessions.known import SAVED_SHARE, Known

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.link.link import Link
    from jupyter_mcp.toolsets.sandboxes.sessions.ground import Ground

PAUSED_SECONDS = 7 * 86_400.0
"""After how long a paused sandbox ends: its clocks stand still, and it still takes memory."""


class Holding:
    """The sandboxes of one server, as its callers reach them.

    Args:
        ground: What they stand on.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        ground.register.on_gone = self.gone

    async def find(self, sandbox: str, owner: str | None) -> Known:
        """Return a sandbox that is not over, looked for on the engines if it is not known.

        Args:
            sandbox: Its identifier or name.
            owner: Whose it has to be; None for anybody's.

        Raises:
            ToolError: ``not_found``, with the reason when it has ended.
        """
        ground = self._ground
        known = ground.register.named(sandbox, owner)
        if known is None:
            await ground.register.refresh(await ground.engines.used())
            known = ground.register.named(sandbox, owner)
        if known is None:
            raise await self._unknown(sandbox, owner)
        if reason := self.reason_to_end(known):
            await self.end(known, reason)
            raise over(known.id, reason)
        return known

    async def running(self, sandbox: str, owner: str | None) -> Known:
        """Return a sandbox that is not paused.

        Raises:
            ToolError: ``not_found``, ``conflict`` while it is paused.
        """
        known = await self.find(sandbox, owner)
        if known.record.paused is not None:
            await self._ground.register.refresh(
                [known.engine]
            )  # another server may have resumed it
            known = await self.find(known.id, owner)
        if known.record.paused is not None:
            raise _paused(known)
        return known

    async def link(self, known: Known) -> Link:
        """Return the agent of a sandbox, attached again if need be; that is a use of it.

        Raises:
            ToolError: ``not_found`` when it is gone, ``unavailable`` when its engine is.
        """
        self.touch(known)
        if known.is_attached and known.link is not None:
            return known.link
        try:
            return await self._attach(known)
        except ToolError as error:
            await self._ground.register.refresh([known.engine])
            if self._ground.register.get(known.id) is None:
                raise await self._unknown(known.id, None) from error
            if not known.handle.is_lost:
                raise
        return await self._attach(known)  # its engine was started anew

    def touch(self, known: Known) -> None:
        """Note a use; other servers are told when it puts the end off by much."""
        known.record = known.record.used(self._ground.clock())
        if known.record.idle_ends - known.saved > SAVED_SHARE * known.record.timeout:
            known.saved = known.record.idle_ends
            self._ground.tasks.spawn(f"save {known.id}", self.save(known))

    def rest(self, known: Known) -> None:
        """Note that something that ran inside has ended; that was a use until now."""
        if not known.users and known.record.busy:
            known.record, known.saved = replace(known.record, busy=0.0), 0.0
        self.touch(known)

    async def save(self, known: Known) -> None:
        """Tell other servers, and the next one here, what was promised."""
        known.saved = known.record.idle_ends
        await self._ground.records.put(known.id, known.record, self._ground.clock())

    def reason_to_end(self, known: Known) -> str:
        """Return why a sandbox is over; empty when it is not."""
        record, now = known.record, self._ground.clock()
        if record.paused is not None:
            return "It was paused for too long." if now > record.paused + PAUSED_SECONDS else ""
        if now >= record.ends:
            return "It reached the end of its time."
        if not known.users and now >= max(record.idle_ends + known.grace(), record.busy):
            return f"Nobody used it for {record.timeout:g} seconds."
        return ""

    async def end(self, known: Known, reason: str) -> None:
        """Destroy a sandbox and remember why.

        Raises:
            ToolError: ``unavailable`` when its engine cannot be reached; it stays known.
        """
        async with known.lock:
            await self._ground.attaching.detach(known)
            await known.backend.destroy(known.handle)
            await self._forget(known, reason)

    async def gone(self, known: Known) -> None:
        """Let go of a sandbox that somebody else ended."""
        await self._ground.attaching.detach(known)
        await self._forget(known, "It is not on its engine any more.")

    async def _forget(self, known: Known, reason: str) -> None:
        ground, spec = self._ground, known.handle.spec
        if ground.register.get(known.id) is not known:
            return
        ground.register.drop(known.id)
        ground.attaching.tell(known.id)
        await ground.records.end(known.id, spec.owner, reason)
        await ground.quota.release(spec.owner, spec.id, spec.name)

    async def _attach(self, known: Known) -> Link:
        """Connect to the agent of a sandbox; what ran there before has ended."""
        async with known.lock:
            if known.record.paused is not None:
                raise _paused(known)
            if known.is_attached and known.link is not None:
                return known.link  # somebody else was faster
            await self.revive(known)
            link = await self._ground.attaching.attach(known)
            known.record = replace(known.record, attached=known.record.attached + 1)
            await self.save(known)
            return link

    async def revive(self, known: Known) -> None:
        """Make a sandbox run again that its engine has lost; its lock is held.

        Raises:
            ToolError: ``not_found`` when its image is gone, ``busy``, ``unavailable``.
        """
        if not known.handle.is_lost:
            return
        await self._ground.attaching.detach(known)
        record = known.record.going(self._ground.clock())
        known.handle = await known.backend.revive(
            known.handle, replace(known.handle.spec, expires=record.ends)
        )

    async def _unknown(self, sandbox: str, owner: str | None) -> ToolError:
        reason = await self._ground.records.reason(sandbox, owner)
        if reason:
            return over(sandbox, reason)
        return ToolError(
            "not_found",
            f"There is no sandbox '{sandbox[:80]}'.",
            "sandbox_list tells which there are; sandbox_create makes one.",
        )


def over(sandbox_id: str, reason: str) -> ToolError:
    """Return the error of a sandbox that has ended."""
    return ToolError(
        "not_found",
        f"Sandbox {sandbox_id} has ended: {reason}",
        "Make another one with sandbox_create; sandbox_extend puts an end off in time.",
    )


def _paused(known: Known) -> ToolError:
    return ToolError(
        "conflict",
        f"Sandbox {known.id} is paused.",
        f"Call sandbox_resume with sandbox_id='{known.id}' first.",
    )
