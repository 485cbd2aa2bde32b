"""Where templates are kept: those of people in the database, beside the ones that we ship.

A version never changes, so that what runs, or names it, means the same for ever. What is saved
again has to be the same or needs another version. A name belongs to who saved it first: whoever
starts ``nightly`` runs its newest version with their own rights, so nobody puts one there for them.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.background import Threads
from jupyter_mcp.toolsets.workflows.spec import export
from jupyter_mcp.toolsets.workflows.spec.models import Spec
from jupyter_mcp.toolsets.workflows.templates.shipped import shipped
from jupyter_mcp.toolsets.workflows.templates.template import Template, names_in, unknown
from jupyter_mcp.toolsets.workflows.templates.versions import newest, order_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST_NAMED = 200
"""Templates that one spec may lead to."""


class TemplateStore:
    """All templates.

    Args:
        storage: The database.
        threads: Threads for blocking work: the shipped ones are read at first use.
    """

    def __init__(self, storage: Storage, threads: Threads) -> None:
        self._storage = storage
        self._threads = threads

    async def save(self, spec: Spec, owner: str, *, any_name: bool = False) -> Template:
        """Keep a spec as a template; the same spec a second time changes nothing.

        Args:
            spec: The spec.
            owner: Who saves it.
            any_name: Whether it may be a version of what others have saved, or we ship.

        Raises:
            ToolError: ``invalid_arguments`` without a version, ``conflict`` for one that is taken,
                ``forbidden`` for a name that is somebody else's.
        """
        if spec.version is None:
            raise ToolError(
                "invalid_arguments",
                f"The workflow '{spec.name}' has no version, which a template needs.",
                "Write 'version: 1.0.0' into the spec.",
            )
        digest = await self._threads.run(export.digest, spec)
        new = Template(spec.name, spec.version, spec.to_dict(), digest, owner, time.time())
        ours = await self._threads.run(shipped)
        names = set() if any_name else {each.name for each in ours.values()}
        there = ours.get(new.title) or await self._storage.run(
            lambda connection: _save(connection, new, any_name=any_name, shipped_names=names)
        )
        if there is not None and there.hash != digest:
            raise await self._taken(new)
        return there or new

    async def find(self, name: str) -> Template:
        """Return a template by ``name@version``, or the newest version of ``name``.

        Raises:
            ToolError: ``not_found``, with the versions that there are.
        """
        plain, _, version = name.partition("@")
        known = {each.version: each for each in await self.list(plain)}
        if not known:
            raise unknown(name, sorted({each.name for each in await self.list()}))
        found = known.get(version or newest(list(known)))
        if found is None:
            there = ", ".join(sorted(known, key=order_of, reverse=True)[:8])
            raise ToolError(
                "not_found",
                f"The template '{plain[:100]}' has no version '{version[:64]}' (any more).",
                f"There is {there}.",
            )
        return found

    async def list(self, name: str = "") -> list[Template]:
        """Return all templates, or the versions of one, by name and the newest version first."""

        def read(connection: Connection) -> list[Template]:
            from jupyter_mcp.storage.tables import workflow_templates as table

            where = [table.c.name == name] if name else []
            rows = connection.execute(table.select().where(*where)).mappings()
            return [_from_row(row) for row in rows]

        nothing: list[Template] = []
        own = await self._storage.read(read, nothing)
        ours = (await self._threads.run(shipped)).values()
        found = own + [each for each in ours if name in ("", each.name)]
        found.sort(key=lambda each: order_of(each.version), reverse=True)
        return sorted(found, key=lambda each: each.name)

    async def delete(self, name: str, version: str, owner: str | None) -> None:
        """Forget a version; what runs has its spec already.

        Args:
            name: The template.
            version: The version.
            owner: Who asks, or None for one who may forget everybody's.

        Raises:
            ToolError: ``not_found``, ``forbidden``.
        """
        there = await self.find(f"{name}@{version}")
        if there.is_shipped:
            raise ToolError(
                "forbidden", f"'{there.title}' comes with the package.", "Save one of your own."
            )
        if owner not in (None, there.owner):
            raise ToolError(
                "forbidden", f"'{there.title}' is somebody else's.", "Ask who saved it."
            )

        def write(connection: Connection) -> None:
            from jupyter_mcp.storage.tables import workflow_templates as table

            here = (table.c.name == name) & (table.c.version == version)
            connection.execute(table.delete().where(here))

        await self._storage.run(write)

    async def named(self, spec: Spec) -> Mapping[str, Spec]:
        """Return the templates that a spec leads to; those that there are not are left out."""
        found: dict[str, Spec] = {}
        missing: set[str] = set()
        wanted = set(names_in(spec))
        while wanted := wanted - found.keys() - missing:
            name = wanted.pop()
            if len(found) >= MOST_NAMED:
                break
            try:
                if "@" not in name:
                    raise unknown(name, [])
                found[name] = (await self.find(name)).spec
            except ToolError:
                missing.add(name)
                continue
            wanted |= set(names_in(found[name]))
        return found

    async def _taken(self, new: Template) -> ToolError:
        versions = sorted((each.version for each in await self.list(new.name)), key=order_of)
        return ToolError(
            "conflict",
            f"There is another '{new.title}', and versions do not change.",
            f"Give it a version after {versions[-1] if versions else new.version}.",
        )


def _save(
    connection: Connection, new: Template, *, any_name: bool, shipped_names: Collection[str]
) -> Template | None:
    """Insert a template, or return the one that is there."""
    from jupyter_mcp.storage.locks import lock
    from jupyter_mcp.storage.tables import workflow_templates as table

    lock(connection, "workflows")
    here = (table.c.name == new.name) & (table.c.version == new.version)
    row = connection.execute(table.select().where(here)).mappings().first()
    if row is not None:
        return _from_row(row)
    others = (table.c.name == new.name) & (table.c.owner != new.owner)
    is_taken = not any_name and connection.execute(table.select().where(others)).first() is not None
    if is_taken or new.name in shipped_names:
        raise ToolError(
            "forbidden",
            f"The name '{new.name}' is somebody else's, and who starts it expects theirs.",
            "Give it a name of its own.",
        )
    columns = {"spec": dict(new.data), "hash": new.hash, "owner": new.owner, "at": new.at}
    connection.execute(table.insert().values(name=new.name, version=new.version, **columns))
    return None


def _from_row(row: Any) -> Template:
    return Template(row["name"], row["version"], row["spec"], row["hash"], row["owner"], row["at"])
