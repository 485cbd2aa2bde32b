"""What a client can ask for, once for all transports and both eras.

Each operation takes a `Request` and the raw parameters, walks the corridor and returns the result
as MCP shapes it. Parameters have been checked against the protocol's schema before.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from jupyter_mcp.calls.content import Result
from jupyter_mcp.calls.operation import Operation, Prompt, Resource, Tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.protocol import wire
from jupyter_mcp.protocol.channel import WireChannel
from jupyter_mcp.protocol.exchange import Action
from jupyter_mcp.protocol.faults import MISSING_CAPABILITIES, fault
from jupyter_mcp.protocol.ground import Ground
from jupyter_mcp.protocol.lists import Lists
from jupyter_mcp.protocol.request import Request
from jupyter_mcp.protocol.runs import Question, Run, Runs, Work
from jupyter_mcp.protocol.tasks import Tasks

Json = dict[str, Any]
COMPLETIONS = 100
"""How many values one completion may carry (MCP: completion)."""


class Operations:
    """The operations over one runtime.

    Args:
        ground: Where calls go.
        lists: What there is to ask for.
        runs: The owner of the calls' tasks.
        tasks: Which of them become tasks in MCP's sense.
    """

    def __init__(self, ground: Ground, lists: Lists, runs: Runs, tasks: Tasks) -> None:
        self._ground = ground
        self._lists = lists
        self._runs = runs
        self._tasks = tasks

    async def call_tool(self, request: Request, params: Mapping[str, Any]) -> Json:
        """Serve ``tools/call``.

        Raises:
            MCPError: For an unknown tool (-32602) and a missing client capability (-32021).
        """
        try:
            tool = self._lists.tool(request.caller, params["name"])
        except ToolError as error:
            raise fault(error) from None
        self._tasks.check(request, tool)
        patience = self._tasks.patience(request, tool)
        if patience is None:
            answered = await self._run(request, tool, "tools/call", tool.name, params)
        else:
            begun = await self._attend(request, tool, params, patience)
            if isinstance(begun, Run):
                task = await self._tasks.take(request, tool, begun)
                if task is not None:
                    return task
                begun = await self._runs.go_on(begun)
            answered = begun
        if isinstance(answered, Question):
            return answered.to_wire()
        if answered.job and self._tasks.declared(request):
            return await self._tasks.begun(request, answered.job)
        failure = answered.error
        if request.is_modern and failure is not None and MISSING_CAPABILITIES in failure.data:
            raise fault(failure)
        return wire.tool_result(answered)

    async def read_resource(self, request: Request, params: Mapping[str, Any]) -> Json:
        """Serve ``resources/read``.

        Raises:
            MCPError: For a URI behind which there is nothing (-32602, with the URI).
        """
        uri: str = params["uri"]
        resource, variables = self._lists.resource(request.caller, uri)
        asked = {**params, "arguments": variables}
        answered = await self._run(request, resource, "resources/read", uri, asked)
        if isinstance(answered, Question):
            return answered.to_wire()
        if answered.error is not None:
            raise fault(answered.error, uri=uri)
        return {"contents": wire.contents(answered.value, uri, resource.mime)}

    async def get_prompt(self, request: Request, params: Mapping[str, Any]) -> Json:
        """Serve ``prompts/get``.

        Raises:
            MCPError: For an unknown prompt or wrong arguments (-32602).
        """
        prompt = self._lists.prompt(request.caller, params["name"])
        answered = await self._run(request, prompt, "prompts/get", prompt.name, params)
        if isinstance(answered, Question):
            return answered.to_wire()
        if answered.error is not None:
            raise fault(answered.error)
        described: Json = {"description": prompt.description} if prompt.description else {}
        return {**described, "messages": wire.messages(answered.value)}

    async def complete(self, request: Request, params: Mapping[str, Any]) -> Json:
        """Serve ``completion/complete``; an argument that nobody completes has no values.

        Raises:
            MCPError: For a reference to a prompt or template that is not there (-32602).
        """
        argument = params["argument"]
        completer = self._lists.completer(request.caller, params["ref"], argument["name"])
        if completer is None:
            return {"completion": {"values": [], "total": 0, "hasMore": False}}
        given = (params.get("context") or {}).get("arguments") or {}
        asked = {"arguments": {"prefix": argument["value"], "given": given}}
        name = f"{completer.toolset}:{completer.name}"
        answered = await self._run(request, completer, "completion/complete", name, asked)
        if isinstance(answered, Question) or answered.error is not None:
            return {"completion": {"values": [], "total": 0, "hasMore": False}}
        values = [str(value) for value in answered.value]
        return {
            "completion": {
                "values": values[:COMPLETIONS],
                "total": len(values),
                "hasMore": len(values) > COMPLETIONS,
            }
        }

    async def _run(
        self,
        request: Request,
        operation: Operation,
        method: str,
        name: str,
        params: Mapping[str, Any],
    ) -> Result | Question:
        action: Action = "read" if isinstance(operation, Resource | Prompt) else "execute"
        if method != "completion/complete" and not await request.caller.may(action):
            return Result.from_error(_forbidden(operation))
        arguments = params.get("arguments") or {}
        return await self._runs.serve(
            request,
            (method, name, arguments),
            self._work(request, operation, arguments),
            state=params.get("requestState"),
            answers=params.get("inputResponses"),
        )

    async def _attend(
        self, request: Request, tool: Tool, params: Mapping[str, Any], patience: float
    ) -> Result | Question | Run:
        """Do as `_run` does for a tool whose call may become a task."""
        if not await request.caller.may("execute"):
            return Result.from_error(_forbidden(tool))
        arguments = params.get("arguments") or {}
        return await self._runs.attend(
            request,
            ("tools/call", tool.name, arguments),
            self._work(request, tool, arguments),
            patience,
            state=params.get("requestState"),
            answers=params.get("inputResponses"),
        )

    def _work(self, request: Request, operation: Operation, arguments: Mapping[str, Any]) -> Work:
        """Return what walks the corridor when it is begun."""
        caller = request.caller

        def work(channel: WireChannel) -> Coroutine[Any, Any, Result]:
            return self._ground.call(
                operation,
                arguments,
                caller.principal,
                caller.door,
                channel=channel,
                client=request.client,
                meta=request.meta,
            )

        return work


def _forbidden(operation: Operation) -> ToolError:
    return ToolError(
        "forbidden",
        f"This server's authorizer does not allow you to use '{operation.name}'.",
        "Ask its administrator for the action 'execute' on the resource 'mcp'.",
    )
