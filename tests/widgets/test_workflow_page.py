"""What the views of workflows show and ask for, in a real browser without a notebook."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from jupyter_mcp.toolsets.workflows.spec.parsing import parse
from jupyter_mcp.toolsets.workflows.spec.schema import json_schema
from support.widget_pages import WidgetPage, widget_page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"


def node(name: str, kind: str, status: str, *needs: str, **more: Any) -> dict[str, Any]:
    """Return a node as the server tells it."""
    return {"id": name, "kind": kind, "status": status, "needs": [*needs], "attempts": 1, **more}


def run(*nodes: dict[str, Any], status: str = "running", **more: Any) -> dict[str, Any]:
    """Return a message with a run."""
    state = {"workflow_id": "wf-1", "name": "sales", "status": status, "nodes": [*nodes], **more}
    return {"kind": "run", "run": state}


def box(page: WidgetPage, name: str) -> Locator:
    """Return a node in the graph."""
    return page.page.locator(f".jp-mcp-wf-graph [data-node={name}]")


def entry(page: WidgetPage, path: str) -> Locator:
    """Return the control for a place of a spec."""
    return page.page.locator(f"[data-path='{path}'] > :is(input, select, textarea)")


async def test_states_are_told_by_sign_and_word_and_announced() -> None:
    async with widget_page("workflow-view") as page:
        await page.emit(run(node("load", "action", "running"), node("end", "wait", "pending")))
        await expect(box(page, "load")).to_contain_text("running")
        await expect(box(page, "load")).to_contain_text("▶")
        await page.emit(run(node("load", "action", "failed"), node("end", "wait", "skipped")))
        await expect(box(page, "load")).to_contain_text("✕")
        announced = page.page.locator(".jp-mcp-wf > [role=status]")
        await expect(announced).to_have_text("load: failed. end: skipped.")


async def test_it_is_used_with_keys_alone() -> None:
    async with widget_page("workflow-view") as page:
        await page.emit(
            run(
                node("load", "action", "succeeded"),
                node("one", "processing", "running", "load"),
                node("two", "processing", "failed", "load", error={"message": "It fell."}),
            )
        )
        keys = page.page.keyboard
        for name in ("Pause", "Cancel"):
            await keys.press("Tab")
            await expect(page.page.get_by_role("button", name=name, exact=True)).to_be_focused()
        await keys.press("Tab")
        await keys.press("Tab")
        await expect(box(page, "load")).to_be_focused()
        await keys.press("ArrowRight")
        await keys.press("ArrowDown")
        await expect(box(page, "two")).to_be_focused()
        await keys.press("Enter")
        details = page.page.get_by_label("Node", exact=True)
        await expect(details.get_by_role("heading", name="two")).to_be_focused()
        await expect(details).to_contain_text("It fell.")
        await keys.press("Escape")
        await expect(box(page, "two")).to_be_focused()


async def test_the_table_has_the_same_nodes() -> None:
    async with widget_page("workflow-view") as page:
        error = {"message": "It fell.", "remedy": "Catch it."}
        await page.emit(
            run(
                node("load", "action", "succeeded"),
                node("two", "map", "failed", "load", error=error),
            )
        )
        await page.page.get_by_label("Table").check()
        rows = page.page.get_by_role("table", name="Nodes of the run").get_by_role("row")
        await expect(rows).to_have_count(3)
        await expect(rows.nth(2)).to_contain_text("✕ failed")
        await expect(rows.nth(2)).to_contain_text("It fell. Catch it.")
        await rows.nth(2).get_by_role("button", name="two").click()
        await expect(page.page.get_by_label("Node", exact=True)).to_contain_text("failed")


async def test_what_is_old_says_so_until_there_are_news() -> None:
    async with widget_page("workflow-view", has_clock=True) as page:
        began = time.time() - 60
        busy = run(node("load", "action", "running", started_at=began), started_at=began)
        state = page.page.locator(".jp-mcp-wf-state")
        alert = page.page.get_by_role("alert")
        await page.emit(busy)
        await page.page.clock.run_for(9_000)
        await page.emit({"kind": "same"})
        await page.page.clock.run_for(9_000)
        await expect(state).to_have_text("▶ running")
        took = await box(page, "load").inner_text()
        await page.page.clock.run_for(20_000)
        await expect(state).to_contain_text("▶ running at ")
        await expect(alert).to_contain_text("No news come")
        assert took != await box(page, "load").inner_text()
        took = await box(page, "load").inner_text()
        await page.page.clock.run_for(60_000)
        assert took == await box(page, "load").inner_text()
        await page.emit({"kind": "same"})
        await expect(state).to_have_text("▶ running")
        await expect(alert).to_be_hidden()
        await page.emit({"kind": "failure", "text": "The server is away."})
        await expect(alert).to_have_text(re.compile("^This is as of .*The server is away.$"))
        await expect(state).to_contain_text("▶ running at ")
        await page.emit(run(node("load", "action", "succeeded"), status="succeeded"))
        await page.page.clock.run_for(60_000)
        await expect(state).to_have_text("✓ succeeded")
        await expect(alert).to_be_hidden()


async def test_each_control_of_a_run_is_a_call_whose_answer_is_no_news() -> None:
    async with widget_page("workflow-view") as page:
        controls = page.page.get_by_role("group", name="Run")
        details = page.page.get_by_label("Node", exact=True)
        state = page.page.locator(".jp-mcp-wf-state")

        async def click(where: Locator, name: str) -> None:
            count = len(await page.calls())
            await where.get_by_role("button", name=name, exact=True).click()
            await page.page.wait_for_function(f"window.calls.length > {count}")

        load = node("load", "action", "failed")
        await page.emit(run(load))
        await click(controls, "Pause")
        await page.emit(run(load, wanted="paused"))
        await click(controls, "Resume")
        await click(controls, "Cancel")
        await page.emit(run(load, status="failed"))
        await click(controls, "Retry")
        await box(page, "load").click()
        await click(details, "Retry")
        await click(details, "Run again from here")
        await expect(details.get_by_role("button", name="Run again from here")).to_be_enabled()
        await expect(state).to_have_text("✕ failed")
        assert await page.calls() == [
            ["workflow_pause", {}],
            ["workflow_resume", {}],
            ["workflow_cancel", {}],
            ["workflow_retry", {}],
            ["workflow_retry", {}],
            ["workflow_fork", {"node": "load"}],
        ]


async def test_a_run_is_done_again_from_all_nodes_but_parts_of_others() -> None:
    async with widget_page("workflow-view") as page:
        names = "load", "sub.load", "each[0]", "notify[0]"
        made = [node(name, "action", "succeeded") for name in names]
        await page.emit(run(*made, status="succeeded"))
        await page.page.get_by_text("Table").locator("..").get_by_role("radio").check()
        for name in names:
            await page.page.get_by_role("table").get_by_role("button", name=name).last.click()
            again = page.page.get_by_role("button", name="Run again from here")
            await expect(again).to_have_count(0 if "[" in name else 1)


async def test_what_needs_a_person_is_in_sight() -> None:
    deep = [node(f"n{i}", "action", "succeeded", *[f"n{i - 1}"] * (i > 0)) for i in range(20)]
    async with widget_page("workflow-view") as page:
        await page.emit(run(*deep, node("ask", "approval", "waiting", "n19")))
        await expect(box(page, "ask")).to_be_in_viewport(ratio=1)


async def test_nothing_of_a_workflow_becomes_markup() -> None:
    async with widget_page("workflow-view") as page:
        asks = {"message": HOSTILE, "fields": {"properties": {HOSTILE: {"description": HOSTILE}}}}
        ask = node("ask", "approval", "waiting", title=HOSTILE, input=asks, log=HOSTILE)
        bad = node("bad", "action", "failed", output={"x": HOSTILE}, error={"message": HOSTILE})
        await page.emit(run(ask, bad, reason=HOSTILE))
        for name in ("ask", "bad"):
            await box(page, name).click()
        await page.emit({"kind": "failure", "text": HOSTILE})
        assert await page.page.locator("img").count() == 0
        assert await page.page.title() != "hacked"


async def test_an_answer_keeps_what_is_being_written() -> None:
    async with widget_page("workflow-view") as page:
        fields = {
            "type": "object",
            "properties": {"who": {"type": "string"}, "count": {"type": "integer"}},
            "required": ["who"],
        }
        ask = node("ask", "approval", "waiting", input={"message": "Publish?", "fields": fields})
        await page.emit(run(ask, node("other", "wait", "running")))
        await box(page, "ask").click()
        who, count = page.page.get_by_label("who"), page.page.get_by_label("count")
        await who.fill("Ann")
        await count.fill("many")
        await page.emit(run(ask, node("other", "wait", "succeeded")))
        await expect(who).to_have_value("Ann")
        await page.page.get_by_role("button", name="Approve").click()
        await expect(page.page.get_by_label("Your answer")).to_contain_text("'many' is no whole")
        assert await page.calls() == []
        await count.fill("3")
        await page.refuse("Only Bob answers this.")
        await page.page.get_by_role("button", name="Approve").click()
        await expect(page.page.get_by_role("alert").first).to_contain_text("Only Bob answers this.")
        given = {"node": "ask", "approved": True, "fields": {"who": "Ann", "count": 3}}
        assert await page.calls() == [["workflow_answer", given]]


async def test_200_nodes_are_drawn_at_once_and_none_on_another() -> None:
    nodes = [
        node(f"n{i}", "action", "pending", *{f"n{i // 2}", f"n{i // 3}"} - {f"n{i}"})
        for i in range(200)
    ]
    async with widget_page("workflow-view") as page:
        began = time.monotonic()
        await page.emit(run(*nodes))
        await page.emit(run(*({**each, "status": "running"} for each in nodes)))
        await expect(box(page, "n199")).to_have_attribute("data-status", "running")
        assert time.monotonic() - began < 15
        overlapping = await page.page.evaluate(
            """() => {
              const nodes = [...document.querySelectorAll('.jp-mcp-wf-node')];
              const boxes = nodes.map(each => each.getBoundingClientRect());
              return boxes.filter((one, at) => boxes.slice(at + 1).some(other =>
                one.left < other.right && other.left < one.right &&
                one.top < other.bottom && other.top < one.bottom)).length;
            }"""
        )
        assert overlapping == 0


SPEC = """\
# the sales
name: sales
nodes:
  - id: load  # of today
    kind: action
    tool: file_read
    arguments: {path: "a.csv"}
  - id: far
    kind: wait
    seconds: 1
    needs: [load]
"""


async def test_forms_and_text_are_in_step() -> None:
    async with widget_page("workflow-editor", height=1400) as page:
        await page.emit({"kind": "open", "text": SPEC, "schema": json_schema(), "file": ""})
        text = page.page.get_by_label("YAML")
        await box(page, "load").click()
        await entry(page, "nodes[0].id").fill("fetch")
        await entry(page, "nodes[0].id").blur()
        renamed = SPEC.replace("id: load  #", "id: fetch #").replace("[load]", "[fetch]")
        await expect(text).to_have_value(renamed)
        await text.fill(SPEC.replace("seconds: 1", "seconds: 90"))
        await box(page, "far").click()
        await expect(entry(page, "nodes[1].seconds")).to_have_value("90")
        await page.page.get_by_role("checkbox", name="load").uncheck()
        left = SPEC.replace("seconds: 1", "seconds: 90").replace("[load]", "[]")
        await expect(text).to_have_value(left.replace("  #", " #"))


FORMS = {
    "action": {"tool": "file_read", "arguments": "path: a.csv"},
    "processing": {"expression": "1 + 1"},
    "analysis": {"input": "[1, 2]"},
    "decision": {"branches[0].name": "more", "branches[0].when": "1 < 2"},
    "notification": {"body": "It is done."},
    "notebook": {"path": "report.ipynb"},
    "approval": {"message": "Is it?"},
    "map": {"over": "${parameters.files}", "node": "kind: wait\nseconds: 1"},
    "subworkflow": {"workflow": "data-check@1.0.0"},
    "wait": {"seconds": "5"},
}


async def test_each_kind_is_added_by_its_form() -> None:
    async with widget_page("workflow-editor", height=1400) as page:
        text = "name: kinds\nnodes: []\n"
        await page.emit({"kind": "open", "text": text, "schema": json_schema(), "file": ""})
        for at, (kind, fields) in enumerate(FORMS.items()):
            await page.page.get_by_label("Kind of the new node").select_option(kind)
            await page.page.get_by_role("button", name="Add node").click()
            await expect(box(page, f"{kind}_{at + 1}")).to_be_in_viewport(ratio=1)
            if kind == "decision":
                await page.page.get_by_role("button", name="Add to branches").click()
                await page.page.get_by_role("group", name="next").get_by_label("action_1").check()
            for name, value in fields.items():
                await entry(page, f"nodes[{at}].{name}").fill(value)
                await entry(page, f"nodes[{at}].{name}").blur()
        spec = parse(await page.page.get_by_label("YAML").input_value())
        assert [node.kind for node in spec.nodes] == list(FORMS)
        assert [len(node.needs) for node in spec.nodes] == [0, *[1] * 9]


async def test_problems_are_told_at_their_places() -> None:
    async with widget_page("workflow-editor", height=1400) as page:
        wrong = {"place": "nodes[0].tool", "message": "There is no such tool.", "line": 6}
        await page.answer("workflow_check", {"ok": False, "problems": [wrong]})
        await page.emit({"kind": "open", "text": SPEC, "schema": json_schema(), "file": ""})
        await expect(box(page, "load")).to_contain_text("has problems")
        await box(page, "load").click()
        tool = entry(page, "nodes[0].tool")
        await expect(tool).to_have_attribute("aria-invalid", "true")
        await page.page.get_by_role("button", name="Line 6").click()
        chosen = await page.page.evaluate("getSelection().toString()")
        assert chosen.strip() == "tool: file_read"
        await page.page.get_by_label("YAML").fill("name: [sales\n")
        problems = page.page.get_by_role("list", name="Problems")
        await expect(problems).to_contain_text("Line 2")
        await expect(box(page, "load")).to_be_visible()


USED = """\
name: used
nodes:
  - id: load  # of today
    kind: action
    tool: file_read
    arguments: {path: a.csv, needs: [load], note: "nodes.load is no reference"}
    compensate: {tool: file_delete, arguments: {path: "${nodes.load.output.path}"}}
  - id: load_2
    kind: processing
    # it counts
    expression: "size(nodes.load.output.rows) + size('nodes.load') + input.nodes.load"
    input: ${nodes.load.output} $${nodes.load} ${nodes.load_2.output}
    when: nodes["load"].status == 'succeeded' && nodes.load_2 != null
  - id: choose
    kind: decision
    branches:
      - {name: again, when: nodes.load.output.more, next: [load_2, load]}
    otherwise: {next: [load]}
  - id: each
    kind: map
    over: ${nodes.load.output.rows}
    node: {kind: processing, expression: item + nodes.load.output.first}
  - id: inner
    kind: subworkflow
    needs:
      - load  # first
    parameters: {a: '${nodes["load"].output}'}
    workflow: {name: in, nodes: [{id: load, kind: wait, seconds: 1, needs: [load]}]}
"""


async def test_a_new_name_is_followed_wherever_it_is_named() -> None:
    async with widget_page("workflow-editor", height=1400) as page:
        await page.emit({"kind": "open", "text": USED, "schema": json_schema(), "file": ""})
        text = page.page.get_by_label("YAML")
        await box(page, "load").click()
        await entry(page, "nodes[0].id").fill("fetch-it")
        await entry(page, "nodes[0].id").blur()
        followed = "'load_2', 'choose', 'each' and 'inner' name it so too."
        await expect(page.page.get_by_text(followed)).to_be_visible()
        now = await text.input_value()
        assert now.replace(" #", "  #").replace("    #", "   #").split("\n") == (
            USED.replace("id: load  #", "id: fetch-it  #")
            .replace("${nodes.load.", "${nodes.fetch-it.")
            .replace("$${nodes.fetch-it", "$${nodes.load")
            .replace("size(nodes.load.", 'size(nodes[\\"fetch-it\\"].')
            .replace('nodes["load"].status', 'nodes["fetch-it"].status')
            .replace('${nodes["load"].output}', "${nodes.fetch-it.output}")
            .replace("when: nodes.load.output.more", """when: 'nodes["fetch-it"].output.more'""")
            .replace("[load_2, load]", "[load_2, fetch-it]")
            .replace("{next: [load]}", "{next: [fetch-it]}")
            .replace(
                "item + nodes.load.output.first", """'item + nodes["fetch-it"].output.first'"""
            )
            .replace("- load  #", "- fetch-it  #")
            .split("\n")
        )
        await page.page.get_by_role("button", name="Undo").click()
        await expect(text).to_have_value(USED)
        await expect(page.page.get_by_role("heading", name="load", exact=True)).to_be_visible()
        await page.page.get_by_role("button", name="Redo").click()
        await expect(text).to_have_value(now)


async def test_a_name_that_another_has_is_refused_beside_it() -> None:
    async with widget_page("workflow-editor", height=1400) as page:
        await page.emit({"kind": "open", "text": SPEC, "schema": json_schema(), "file": ""})
        await box(page, "load").click()
        for name, told in (("far", "There is another node 'far'."), ("", "A node needs an id.")):
            await entry(page, "nodes[0].id").fill(name)
            await entry(page, "nodes[0].id").blur()
            await expect(page.page.get_by_text(told)).to_be_visible()
            await expect(page.page.get_by_text("Nothing is wrong with it")).to_be_visible()
            await expect(entry(page, "nodes[0].id")).to_have_attribute("aria-invalid", "true")
            await expect(page.page.get_by_label("YAML")).to_have_value(SPEC)


async def test_what_is_removed_is_told_and_brought_back() -> None:
    async with widget_page("workflow-editor", height=1400) as page:
        await page.emit({"kind": "open", "text": SPEC, "schema": json_schema(), "file": ""})
        await box(page, "load").click()
        await page.page.get_by_role("button", name="Remove node").click()
        told = page.page.get_by_text("Removed 'load', which 'far' used. Undo brings it back.")
        await expect(told).to_be_visible()
        text = page.page.get_by_label("YAML")
        await expect(text).to_have_value(re.compile(r"needs: \[\]"))
        await text.focus()
        await page.page.keyboard.press("Control+z")
        await expect(text).to_have_value(SPEC)
        await expect(box(page, "load")).to_be_visible()


async def test_forms_wait_while_the_text_cannot_be_read() -> None:
    async with widget_page("workflow-editor", height=1400) as page:
        await page.emit({"kind": "open", "text": SPEC, "schema": json_schema(), "file": ""})
        broken = SPEC.replace("[load]", "[load")
        text = page.page.get_by_label("YAML")
        await text.fill(broken)
        await page.page.get_by_role("button", name="Add node").click()
        await expect(page.page.get_by_text("Mend the YAML first, line 12.")).to_be_visible()
        await expect(page.page.get_by_role("region", name="Form")).to_have_attribute("inert", "")
        await expect(text).to_have_value(broken)
        await text.fill(SPEC)
        await page.page.get_by_role("button", name="Add node").click()
        await expect(text).to_have_value(re.compile("id: action_3"))


async def test_a_run_is_started_and_shown_below_its_editor() -> None:
    async with widget_page("workflow-editor", height=1400) as page:
        opened = {"kind": "open", "text": SPEC, "schema": json_schema(), "file": ""}
        await page.emit({"kind": "failure", "text": "Nobody has asked yet."})
        await page.emit({"kind": "same"})
        await page.emit(opened)
        await page.page.get_by_role("button", name="Run …").click()
        await page.page.get_by_role("button", name="Start").click()
        await expect(page.page.get_by_text("Started.", exact=True)).to_be_visible()
        assert ["workflow_start", {"spec": SPEC, "parameters": {}}] in await page.calls()
        await page.emit(run(node("fetched", "action", "failed"), status="failed"))
        view = page.page.locator(".jp-mcp-wf:not(.jp-mcp-wf-editor)")
        await expect(view.locator(".jp-mcp-wf-state")).to_have_text("✕ failed")
        await page.emit(opened)  # for another view of the same editor
        await expect(page.page.get_by_label("YAML")).to_have_count(1)
        await page.emit({"kind": "failure", "text": "The server is away."})
        await expect(view.get_by_role("alert")).to_contain_text("The server is away.")
        await page.emit({"kind": "same"})
        await expect(view.get_by_role("alert")).to_be_hidden()
        await view.get_by_role("button", name="Retry").click()
        await page.page.wait_for_function("window.calls.at(-1)[0] === 'workflow_retry'")


async def test_what_is_not_saved_says_so() -> None:
    async with widget_page("workflow-editor", height=1400) as page:
        opened = {"text": SPEC, "saved": SPEC, "schema": json_schema(), "file": "a.yaml"}
        await page.emit({"kind": "open", **opened})
        unsaved = page.page.get_by_text("● Not saved")
        await expect(unsaved).to_be_hidden()
        await page.page.get_by_label("YAML").fill(SPEC + "# more\n")
        await page.page.keyboard.press("Control+s")  # before it was read: what was typed counts
        await expect(page.page.get_by_text("Saved.", exact=True)).to_be_visible()
        assert ["save", {"text": SPEC + "# more\n"}] in await page.calls()
        await expect(unsaved).to_be_hidden()
        await page.refuse("It has been changed by somebody else.")
        await page.page.get_by_label("YAML").fill(SPEC)
        await page.page.get_by_role("button", name="Save").click()
        await expect(page.page.get_by_text("changed by somebody else")).to_be_visible()
        await expect(unsaved).to_be_visible()
