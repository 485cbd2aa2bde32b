"""A run as a resource that tells when it changes, and a prompt that helps to write a workflow."""

from __future__ import annotations

import json

from jupyter_mcp.calls import Context, Text, prompt, resource
from jupyter_mcp.toolsets.workflows.tools.base import WorkflowToolset

GUIDE = """\
Write a workflow for the wish below, check it with workflow_check until nothing is wrong, show it, \
and start it with workflow_start when the person agrees. workflow_template_list shows templates \
that may do already.

A workflow is YAML or JSON: {name, version?, description?, parameters? (JSON Schema of an object), \
nodes: [...]}.
A node is {id, kind, needs?: [ids], when?: CEL, timeout? (seconds), \
retry?: {attempts, delay, factor, max_delay}, compensate?: {tool, arguments}} and, by its kind:
- action: tool, arguments (any tool of this server)
- processing: input, and expression (CEL) or code (Python with a function run(input)) with \
kernel_id or sandbox_id; rules?: [{expression, message}]
- analysis: method (statistics, thresholds, code), input, \
thresholds?: [{name, path, min?, max?, level}]
- decision: branches: [{name, when: CEL, next: [ids]}], otherwise?: {next: [ids]}
- notification: channel (event, panel, webhook, email), to?, subject?, body
- notebook: path, parameters?, output?, kernel?
- approval: message, fields? (JSON Schema), expires? (seconds)
- map: over (a list or one reference), as?: item, node: {a node without id}, concurrency?
- subworkflow: workflow (a spec or name@version), parameters?
- wait: seconds or until (RFC 3339)
Values refer to others as ${parameters.x} and ${nodes.ID.output.path}, which also makes the node \
wait for ID; in a map ${item}. Text that is one reference keeps the value's type. CEL sees \
parameters, nodes.ID.output, nodes.ID.status and item. ${…} computes nothing; CEL does.
What was done is taken back by `compensate`, in reverse, when a later node fails. Give actions \
that change something a compensation where there is one, and calls that may fail in passing a \
retry.\
"""


class WorkflowResources(WorkflowToolset):
    """Resources and prompts of workflows."""

    @resource("workflow://{workflow_id}", name="workflow", title="A workflow's run")
    async def workflow_resource(self, ctx: Context, workflow_id: str) -> str:
        """A run and its nodes as JSON."""
        run, state = await self.workflow_service.state(workflow_id, self.seen(ctx))
        if run.untrusted:
            ctx.mark_untrusted()
        return json.dumps(state, ensure_ascii=False)

    @prompt(title="Build a workflow")
    async def build_workflow(self, ctx: Context, wish: str) -> list[Text]:
        """Write, check and start a workflow that does what you wish."""
        names = ", ".join(self._tools(ctx))
        return [Text(f"{GUIDE}\n\nTools: {names}\n\nThe wish: {wish}")]

    def _tools(self, ctx: Context) -> list[str]:
        known = self.known_tools(ctx.principal)
        return [] if known is None else list(known.names())
