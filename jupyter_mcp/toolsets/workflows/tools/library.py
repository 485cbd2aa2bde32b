"""Templates: save, list, look at, forget; in and out as YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.tools.base import WorkflowToolset, one_line
from jupyter_mcp.toolsets.workflows.tools.shapes import Deleted, TemplateList, TemplateTold

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.workflows.templates.template import Template


class TemplateTools(WorkflowToolset):
    """Tools on templates."""

    @tool(scope="edit", title="Save a workflow template", idempotent=True)
    async def workflow_template_save(
        self,
        ctx: Context,
        spec: Annotated[str | dict[str, Any], Field(description="With name and version")],
    ) -> Reply[TemplateTold]:
        """Keep a workflow as a template under its name and version, which then never changes."""
        from jupyter_mcp.toolsets.workflows.spec.problems import refuse

        service = self.workflow_service
        found, problems = await service.maker.problems(spec, self.known_tools(ctx.principal))
        if problems or found is None:
            refuse(problems)
        everybodys = self.seen(ctx) is None
        saved = await service.templates.save(found, ctx.principal.id, any_name=everybodys)
        told = f"Saved as {saved.title}. workflow_start(template='{saved.name}') runs it."
        return Reply(_told(saved), one_line(told))

    @tool(scope="read", title="List workflow templates")
    async def workflow_template_list(self, ctx: Context) -> Reply[TemplateList]:
        """Templates of workflows with their parameters, the shipped ones too."""
        del ctx
        from jupyter_mcp.toolsets.workflows.templates.versions import newest

        by_name: dict[str, list[Template]] = {}
        for each in await self.workflow_service.templates.list():
            by_name.setdefault(each.name, []).append(each)
        told: list[TemplateTold] = []
        for versions in by_name.values():
            last = newest([each.version for each in versions])
            shown = next(each for each in versions if each.version == last)
            told.append(_told(shown, [each.version for each in versions]))
        lines = [f"{each.name}@{each.version}: {each.description}" for each in told]
        return Reply(TemplateList(templates=told), one_line("\n".join(lines)))

    @tool(scope="read", title="Look at a workflow template")
    async def workflow_template_get(
        self, ctx: Context, template: Annotated[str, Field(description="name or name@version")]
    ) -> Reply[TemplateTold]:
        """A template as YAML, with its versions and parameters."""
        del ctx
        from jupyter_mcp.toolsets.workflows.spec.export import data_to_yaml

        store = self.workflow_service.templates
        found = await store.find(template)
        versions = [each.version for each in await store.list(found.name)]
        text = await self.host.executor.run(data_to_yaml, dict(found.data))
        told = _told(found, versions).model_copy(update={"yaml": text})
        return Reply(told, one_line(text))

    @tool(scope="edit", title="Forget a workflow template", destructive=True)
    async def workflow_template_delete(
        self, ctx: Context, template: Annotated[str, Field(description="name@version")]
    ) -> Reply[Deleted]:
        """Forget a version of a template; runs and schedules of it go on."""
        name, _, version = template.partition("@")
        if not version:
            raise ToolError(
                "invalid_arguments", "One version is forgotten at a time.", "Give name@version."
            )
        await self.workflow_service.templates.delete(name, version, self.seen(ctx))
        return Reply(Deleted(deleted=template), one_line(f"{template} is forgotten."))


def _told(template: Template, versions: list[str] | None = None) -> TemplateTold:
    data = template.data
    return TemplateTold(
        name=template.name,
        version=template.version,
        versions=versions or [template.version],
        description=" ".join(str(data.get("description") or "").split()),
        parameters=data.get("parameters"),
        hash=template.hash,
        is_shipped=template.is_shipped,
    )
