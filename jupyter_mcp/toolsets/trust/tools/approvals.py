"""Tools on approvals: what waits, the answer to it, and what is remembered."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, Text, tool
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.approvals.grants import Grant, Length
from jupyter_mcp.security.approvals.question import Answer, Question
from jupyter_mcp.toolsets.trust.tools.base import TrustTools


class Waiting(Shape):
    """A call that waits for a person's yes."""

    id: str
    tool: str
    title: str
    arguments: str = Field(description="Readable, one 'name: value' each, without secrets")
    principal: str
    client: str
    door: str
    reason: str
    created: float
    expires: float


class Remembered(Shape):
    """A yes that holds for longer than one call."""

    id: str
    length: Length
    tool: str
    principal: str
    client: str = ""
    arguments: str = ""
    by: str
    at: float


class Approvals(Shape):
    """What waits, and what is remembered."""

    waiting: list[Waiting]
    remembered: list[Remembered]


class Answered(Shape):
    """A question that has its answer."""

    id: str
    tool: str
    answer: Answer


class ApprovalTools(TrustTools):
    """Tools on approvals."""

    @tool(scope="admin", read_only=True, title="List approvals")
    async def approval_list(self, ctx: Context) -> Reply[Approvals]:
        """Calls that wait for a person's approval, and approvals that are remembered."""
        approvals = self.trust.approvals
        if not approvals.may_answer(ctx.principal):
            raise ToolError(
                "forbidden",
                f"'{ctx.principal.name}' may not see what waits for a person.",
                "Use the panel of a logged-in browser, or: jupyter mcp approvals.",
            )
        listed = Approvals(
            waiting=[Waiting(**question.to_json()) for question in approvals.waiting()],
            remembered=[_remembered(grant) for grant in approvals.grants.all],
        )
        return Reply(listed, [Text(_lines(approvals.waiting(), listed.remembered))])

    @tool(scope="admin", title="Answer an approval")
    async def approval_answer(
        self,
        ctx: Context,
        approval_id: Annotated[str, Field(description="As approval_list says")],
        answer: Annotated[
            Answer,
            Field(description="always: with these arguments; session: this tool and client"),
        ],
    ) -> Reply[Answered]:
        """Say yes or no to a waiting call. Never with the credential that asks."""
        by = ctx.principal
        question = await self.trust.approvals.answer(approval_id, answer, by, ctx.door)
        tool_name = question.subject.matter.tool
        said = "denied" if answer == "deny" else f"approved ({answer})"
        answered = Answered(id=approval_id, tool=tool_name, answer=answer)
        return Reply(answered, [Text(f"{tool_name} {said}.")])

    @tool(scope="admin", title="Forget an approval", restrains=True)
    async def approval_forget(
        self,
        ctx: Context,
        approval_id: Annotated[str, Field(description="A remembered one's, as approval_list says")],
    ) -> Reply[Remembered]:
        """Take back a remembered approval: the next such call asks again."""
        by = ctx.principal
        grant = await self.trust.approvals.forget(approval_id, by)
        return Reply(_remembered(grant), [Text(f"{grant.matter.tool} will ask again.")])


def _remembered(grant: Grant) -> Remembered:
    return Remembered(
        id=grant.id,
        length=grant.length,
        tool=grant.matter.tool,
        principal=grant.matter.principal,
        client=grant.matter.client,
        arguments=grant.summary,
        by=grant.by,
        at=grant.at,
    )


def _lines(waiting: list[Question], remembered: list[Remembered]) -> str:
    lines = [
        f"{question.id}: {question.subject.matter.tool} for {question.subject.principal.name}"
        for question in waiting
    ] or ["No call waits for approval."]
    lines += [f"{grant.id}: {grant.tool}, {grant.length}, by {grant.by}" for grant in remembered]
    return "\n".join(lines)
