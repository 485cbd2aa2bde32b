from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.workflows.spec.models import Spec
from jupyter_mcp.toolsets.workflows.templates.store import TemplateStore
from jupyter_mcp.toolsets.workflows.templates.template import filled
from jupyter_mcp.toolsets.workflows.templates.versions import newest, order_of
from support.queued import spec_of, value


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[TemplateStore]:
    storage, threads = Storage(tmp_path), Executor(1)
    yield TemplateStore(storage, threads)
    storage.stop()
    threads.stop()


def sums(version: str | None = "1.0.0", expression: str = "1", name: str = "sums") -> Spec:
    """Return a template of one node."""
    return spec_of(value("sum", expression), name=name, version=version)


def calling(name: str) -> Spec:
    """Return a spec with a subworkflow."""
    return spec_of({"id": "sub", "kind": "subworkflow", "workflow": name})


async def test_a_version_never_changes(store: TemplateStore) -> None:
    saved = await store.save(sums(), "ann")
    again = await store.save(sums(), "bob")
    assert (again.hash, again.owner) == (saved.hash, "ann"), "the same spec is the same template"
    with pytest.raises(ToolError, match=r"another 'sums@1\.0\.0'"):
        await store.save(sums(expression="2"), "ann")
    await store.save(sums("1.1.0", "2"), "ann")
    assert (await store.find("sums@1.0.0")).spec == sums()
    assert (await store.find("sums")).version == "1.1.0"


async def test_what_we_ship_is_there_and_stays(store: TemplateStore) -> None:
    shipped = next(each for each in await store.list() if each.is_shipped)
    other = shipped.spec.model_copy(update={"description": "another"})
    with pytest.raises(ToolError, match="versions do not change"):
        await store.save(other, "ann")
    with pytest.raises(ToolError, match="comes with the package"):
        await store.delete(shipped.name, shipped.version, None)
    newer = shipped.spec.model_copy(update={"version": "99.0.0"})
    with pytest.raises(ToolError, match="somebody else's"):
        await store.save(newer, "ann")
    await store.save(newer, "ann", any_name=True)
    assert (await store.find(shipped.name)).owner == "ann"


async def test_nobody_puts_a_newer_version_under_a_name_of_somebody_else(
    store: TemplateStore,
) -> None:
    await store.save(sums(), "ann")
    with pytest.raises(ToolError, match="'sums' is somebody else's") as failure:
        await store.save(sums("99.0.0", "2"), "eve")
    assert failure.value.code == "forbidden"
    assert (await store.find("sums")).version == "1.0.0"
    await store.save(sums("2.0.0", "2"), "admin", any_name=True)
    with pytest.raises(ToolError, match="somebody else's"):
        await store.save(sums("3.0.0", "3"), "ann")


async def test_a_version_that_vanished_is_told_with_those_that_there_are(
    store: TemplateStore,
) -> None:
    await store.save(sums(), "ann")
    await store.save(sums("1.1.0", "2"), "ann")
    with pytest.raises(ToolError, match="somebody else's"):
        await store.delete("sums", "1.1.0", "bob")
    await store.delete("sums", "1.1.0", "ann")
    with pytest.raises(ToolError, match=r"no version '1\.1\.0'") as failure:
        await store.find("sums@1.1.0")
    assert "1.0.0" in failure.value.remedy
    with pytest.raises(ToolError, match="no template 'sum'") as failure:
        await store.find("sum")
    assert "'sums'" in failure.value.remedy


async def test_a_template_needs_a_version(store: TemplateStore) -> None:
    with pytest.raises(ToolError, match="has no version"):
        await store.save(sums(None), "ann")


async def test_templates_within_templates_are_put_in(store: TemplateStore) -> None:
    await store.save(sums(), "ann")
    middle = calling("sums@1.0.0").model_copy(update={"name": "middle", "version": "1.0.0"})
    await store.save(middle, "ann")
    outer = calling("middle@1.0.0")
    specs = await store.named(outer)
    assert set(specs) == {"middle@1.0.0", "sums@1.0.0"}
    whole = filled(outer, specs).to_dict()
    inner = whole["nodes"][0]["workflow"]["nodes"][0]["workflow"]
    assert inner["nodes"][0]["expression"] == "1"
    assert await store.named(calling("gone@1.0.0")) == {}


def test_versions_are_ordered_as_semver_says() -> None:
    ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.10.0"]
    assert sorted(set(ordered), key=order_of) == ordered
    assert newest(["1.0.0", "2.0.0-rc.1"]) == "1.0.0"
    assert newest(["2.0.0-rc.1", "2.0.0-rc.2"]) == "2.0.0-rc.2"
