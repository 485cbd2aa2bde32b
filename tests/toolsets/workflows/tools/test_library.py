from __future__ import annotations

from support.flow_desk import PERSON, Desk
from support.queued import value

SPEC = {"name": "sums", "version": "1.0.0", "nodes": [value("sum")]}


async def test_a_template_is_saved_listed_run_and_forgotten(flow: Desk) -> None:
    saved = await flow.get("workflow_template_save", spec=SPEC | {"description": "adds\n up"})
    assert (saved["name"], saved["version"]) == ("sums", "1.0.0")
    listed = (await flow.get("workflow_template_list"))["templates"]
    assert {"name": "sums", "description": "adds up"}.items() <= next(
        each for each in listed if each["name"] == "sums"
    ).items()
    assert any(each["is_shipped"] for each in listed)
    run = await flow.get("workflow_start", template="sums")
    assert run["template"] == "sums@1.0.0"
    assert len((await flow.get("workflow_list", template="sums"))["workflows"]) == 1
    await flow.get("workflow_template_delete", PERSON, template="sums@1.0.0")
    error = await flow.refused("workflow_start", template="sums@1.0.0")
    assert error.code == "not_found"
    again = await flow.get("workflow_get", workflow_id=run["workflow_id"])
    assert again["nodes"][0]["id"] == "sum", "what runs has its spec"


async def test_yaml_goes_out_and_comes_in_again(flow: Desk) -> None:
    await flow.get("workflow_template_save", spec=SPEC)
    text = (await flow.get("workflow_template_get", template="sums"))["yaml"]
    again = await flow.get("workflow_template_save", spec=text)
    assert again["hash"] == (await flow.get("workflow_template_get", template="sums"))["hash"]
    error = await flow.refused("workflow_template_save", spec=text + "description: other\n")
    assert error.code == "conflict"


async def test_what_cannot_run_is_no_template(flow: Desk) -> None:
    error = await flow.refused("workflow_template_save", spec=SPEC | {"nodes": [value("a", "1 +")]})
    assert error.data["problems"][0]["place"] == "nodes[0].expression"


async def test_one_version_is_forgotten_at_a_time(flow: Desk) -> None:
    error = await flow.refused("workflow_template_delete", PERSON, template="sums")
    assert "name@version" in error.remedy
