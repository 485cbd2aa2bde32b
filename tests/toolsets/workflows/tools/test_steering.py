from __future__ import annotations

from dataclasses import replace
from typing import Any

from jupyter_mcp.security.principal import Principal
from support.flow_desk import OWNER, PERSON, Desk
from support.queued import value

ASK = {"id": "ask", "kind": "approval", "message": "Sure?"}
NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


async def seeds_of(flow: Desk, run: str) -> Any:
    """Return the outputs that a run begins with."""
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import workflow_runs as runs

    wanted = select(runs.c.seeds).where(runs.c.id == run)
    return await flow.storage.run(lambda connection: connection.execute(wanted).scalar())


async def ended(flow: Desk, status: str) -> str:
    """Return a run of four nodes that has ended, two of which were done."""
    run = await flow.start(
        value("a"), value("b", "nodes.a.output"), value("c", "nodes.b.output"), value("d")
    )
    for node in ("a", "d"):
        await flow.tell_node(run, node, status="succeeded", output=f"of {node}")
    await flow.tell_node(run, "b", status="failed", error={"code": "x", "message": "m"})
    await flow.tell(run, status=status, ended=1.0, executor="w")
    return run


async def test_a_retry_begins_with_what_was_done(flow: Desk) -> None:
    run = await ended(flow, "failed")
    result = await flow.call("workflow_retry", workflow_id=run)
    assert result.structured is not None
    again = result.structured["workflow_id"]
    assert result.job == again != run
    assert result.structured["parent"] == run
    assert await seeds_of(flow, again) == {"a": "of a", "d": "of d"}


async def test_a_retry_keeps_its_deduplication(flow: Desk) -> None:
    before = await flow.start(value("a"), deduplication="night")
    await flow.tell(before, status="failed", ended=1.0, executor="w")
    again = (await flow.get("workflow_retry", workflow_id=before))["workflow_id"]
    assert await flow.start(value("a"), deduplication="night") == again
    for tool, more in (("workflow_retry", {}), ("workflow_fork", {"node": "a"})):
        refused = await flow.refused(tool, workflow_id=before, **more)
        assert refused.code == "conflict"
        assert again in refused.message


async def test_a_sentence_of_what_was_told_ends_once(flow: Desk) -> None:
    run = await flow.start(value("a"))
    await flow.tell(run, status="running", executor="w", reason="Taking back 'a'.")
    result = await flow.call("workflow_cancel", workflow_id=run)
    (told,) = result.content
    assert "Taking back 'a'. " in told.text
    assert ".." not in told.text


async def test_a_fork_begins_with_what_does_not_follow(flow: Desk) -> None:
    run = await ended(flow, "succeeded")
    again = (await flow.get("workflow_fork", workflow_id=run, node="a"))["workflow_id"]
    assert await seeds_of(flow, again) == {"d": "of d"}
    error = await flow.refused("workflow_fork", workflow_id=run, node="e")
    assert error.code == "not_found"


async def nested(flow: Desk, **statuses: str) -> str:
    """Return a run with a subworkflow that has failed in its third node, unless it is told so."""
    inner = [value("x"), value("y", "nodes.x.output"), value("z", "nodes.y.output"), value("w")]
    sub = {"id": "sub", "kind": "subworkflow", "workflow": {"name": "in", "nodes": inner}}
    each = {"id": "each", "kind": "map", "over": [1], "node": {"kind": "wait", "seconds": 1}}
    after = value("after", "nodes.sub.output")
    run = await flow.start(value("a"), {**sub, "needs": ["a"]}, after, each)
    done = dict.fromkeys(("a", "sub.x", "sub.y", "sub.w", "each"), "succeeded")
    told = {**done, "sub.z": "failed", "sub": "failed", **statuses}
    for node, status in told.items():
        await flow.tell_node(run, node, status=status, output=f"of {node}")
    await flow.tell(run, status="failed", ended=1.0, executor="w")
    return run


async def seeded(flow: Desk, tool: str, run: str, **more: Any) -> set[str]:
    """Return what is not done again."""
    again = (await flow.get(tool, workflow_id=run, **more))["workflow_id"]
    return set(await seeds_of(flow, again))


async def test_what_was_done_in_a_subworkflow_is_not_done_again(flow: Desk) -> None:
    run = await nested(flow)
    assert await seeded(flow, "workflow_retry", run) == {"a", "sub.x", "sub.y", "sub.w", "each"}
    forks = {
        "sub.y": {"a", "sub.x", "sub.w", "each"},
        "sub.w": {"a", "sub.x", "sub.y", "each"},
        "sub": {"a", "each"},
        "a": {"each"},
    }
    for node, kept in forks.items():
        assert await seeded(flow, "workflow_fork", run, node=node) == kept, node


async def memo_of(flow: Desk, run: str, node: str) -> Any:
    """Return what a node of a run that has not begun knows of an earlier one."""
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import workflow_nodes as nodes

    wanted = select(nodes.c.memo).where(nodes.c.run == run, nodes.c.node == node)
    return await flow.storage.run(lambda connection: connection.execute(wanted).scalar())


async def mapped(flow: Desk, work: dict[str, Any], status: str = "failed", **more: Any) -> str:
    """Return a run with a map over three elements of which the first was done."""
    each = {"id": "each", "kind": "map", "over": [1, 2, 3], "node": work, "needs": ["a"]}
    spec = {"name": "mapped", "nodes": [value("a"), each], **more}
    run: str = (await flow.get("workflow_start", spec=spec))["workflow_id"]
    await flow.tell_node(run, "a", status="succeeded", output=1)
    await flow.tell_node(run, "each", status=status, memo=NOTED)
    await flow.tell(run, status=status, ended=1.0, executor="w")
    return run


NOTED = {"done": {"0": "first"}, "memos": {"each[1]": {"each[1].x": "done"}}}
MAKE: dict[str, Any] = {
    "kind": "action",
    "tool": "file_write",
    "arguments": {"path": "${item}", "content": ""},
}
UNMAKE = {"tool": "file_delete", "arguments": {"path": "${item}"}}


async def test_a_retry_goes_on_with_the_elements_of_a_map(flow: Desk) -> None:
    inner = {"kind": "subworkflow", "workflow": {"name": "in", "nodes": [value("x")]}}
    known = {}
    for name, work, kept in (("plain", MAKE, {}), ("nested", inner, NOTED["memos"])):
        run = known[name] = await mapped(flow, work)
        again = (await flow.get("workflow_retry", workflow_id=run))["workflow_id"]
        state = await flow.get("workflow_get", workflow_id=again)
        assert [each["status"] for each in state["nodes"]] == ["pending", "pending"]
        assert await memo_of(flow, again, "each") == {"done": NOTED["done"], "memos": kept}, name
    for node in ("a", "each"):
        forked = await flow.get("workflow_fork", workflow_id=known["plain"], node=node)
        assert await memo_of(flow, forked["workflow_id"], "each") is None, "all of it, from there"


async def test_a_retry_goes_on_with_maps_within_the_elements_of_a_map(flow: Desk) -> None:
    over: dict[str, Any] = {"kind": "map", "over": [1, 2]}
    deep = {"name": "deep", "nodes": [over | {"id": "last", "node": MAKE}]}
    inner = over | {"id": "inner", "node": {"kind": "subworkflow", "workflow": deep}}
    work = {"kind": "subworkflow", "workflow": {"name": "in", "nodes": [value("x"), inner]}}
    run = await mapped(flow, work)
    kept = {"done": {"0": "done"}, "memos": {"n": {}}}
    for node in ("each[1].inner", "each[1].inner[1].last", "each[2].inner[0].last"):
        await flow.tell_node(run, node, status="failed", memo=kept)
    again = (await flow.get("workflow_retry", workflow_id=run))["workflow_id"]
    assert await memo_of(flow, again, "each[1].inner") == kept
    assert await memo_of(flow, again, "each[1].inner[1].last") == kept | {"memos": {}}
    unknown = await memo_of(flow, again, "each[2].inner[0].last")
    assert unknown is None, "what is around it begins anew"
    assert await memo_of(flow, again, "each") == NOTED
    forked = await flow.get("workflow_fork", workflow_id=run, node="each")
    assert await memo_of(flow, forked["workflow_id"], "each[1].inner") is None
    undone = work | {"compensate": UNMAKE}
    run = await mapped(flow, undone)
    await flow.tell_node(run, "each[1].inner", status="failed", memo=kept)
    again = (await flow.get("workflow_retry", workflow_id=run))["workflow_id"]
    assert await memo_of(flow, again, "each[1].inner") is None


async def test_a_map_whose_elements_were_taken_back_begins_anew(flow: Desk) -> None:
    undone = MAKE | {"compensate": UNMAKE}
    for status, more, goes_on in (
        ("failed", {}, False),
        ("failed", {"on_failure": "stop"}, True),
        ("cancelled", {}, True),
    ):
        run = await mapped(flow, undone, status, **more)
        again = (await flow.get("workflow_retry", workflow_id=run))["workflow_id"]
        assert (await memo_of(flow, again, "each") is not None) is goes_on, (status, more)


async def test_a_map_that_stands_as_done_begins_anew_where_taking_back_did_not_end(
    flow: Desk,
) -> None:
    for compensate, kept in (({}, {"a", "each"}), ({"compensate": UNMAKE}, {"a"})):
        each = {"id": "each", "kind": "map", "over": [1, 2], "node": MAKE | compensate}
        nodes = [value("a"), each, value("bad", "nodes.each.output")]
        spec = {"name": "undone", "nodes": nodes}
        run = (await flow.get("workflow_start", spec=spec))["workflow_id"]
        for node, status in (("a", "succeeded"), ("each", "succeeded"), ("bad", "failed")):
            await flow.tell_node(run, node, status=status, output=1)
        await flow.tell(run, status="cancelled", ended=1.0, executor="w")
        assert await seeded(flow, "workflow_retry", run) == kept, compensate


async def test_what_was_taken_back_is_done_again_and_so_is_what_used_it(flow: Desk) -> None:
    run = await nested(flow, **{"sub.x": "compensated", "sub.z": "succeeded", "sub": "succeeded"})
    assert await seeded(flow, "workflow_retry", run) == {"a", "sub.w", "each"}


async def test_what_was_being_taken_back_when_that_was_cancelled_is_done_again(flow: Desk) -> None:
    from jupyter_mcp.toolsets.workflows.engine.undoing import TAKING

    nodes = [value("a"), value("b", "nodes.a.output"), value("bad", "nodes.b.output")]
    run = await flow.start(*nodes)
    await flow.tell_node(run, "a", status="succeeded", output=1)
    await flow.tell_node(run, "b", status="succeeded", output=1, progress=TAKING)
    await flow.tell_node(run, "bad", status="failed")
    await flow.tell(run, status="cancelled", ended=1.0, executor="w")
    assert await seeded(flow, "workflow_retry", run) == {"a"}


async def test_a_fork_from_what_is_no_node_says_what_there_is(flow: Desk) -> None:
    run = await nested(flow)
    error = await flow.refused("workflow_fork", workflow_id=run, node="sub.yy")
    assert (error.code, "'sub.y'" in error.remedy) == ("not_found", True)
    for node in ("each[0]", "each[0].x"):
        error = await flow.refused("workflow_fork", workflow_id=run, node=node)
        assert (error.code, error.remedy) == ("invalid_arguments", "Fork from 'each'.")


async def principal_of(flow: Desk, run: str) -> Any:
    """Return who acts in a run."""
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import workflow_runs as runs

    wanted = select(runs.c.principal).where(runs.c.id == run)
    return await flow.storage.run(lambda connection: connection.execute(wanted).scalar())


async def test_an_agents_run_does_not_become_a_persons_by_their_retry(flow: Desk) -> None:
    run = await ended(flow, "failed")
    for tool, more in (("workflow_retry", {}), ("workflow_fork", {"node": "a"})):
        again = (await flow.get(tool, PERSON, workflow_id=run, **more))["workflow_id"]
        assert await principal_of(flow, again) == await principal_of(flow, run)
        assert (await flow.get("workflow_get", workflow_id=again))["parent"] == run, "it is theirs"


async def test_who_does_a_run_again_gives_it_their_scopes_at_most(flow: Desk) -> None:
    run = await ended(flow, "failed")
    kept = await principal_of(flow, run)
    await flow.tell(run, principal=kept | {"scopes": ["edit", "read"]})
    narrow = replace(OWNER, scopes=frozenset({"read", "execute"}))
    again = (await flow.get("workflow_retry", narrow, workflow_id=run))["workflow_id"]
    assert (await principal_of(flow, again))["scopes"] == ["read"]


async def test_what_goes_on_or_is_done_is_not_done_again(flow: Desk) -> None:
    run = await flow.start()
    for tool, more in (("workflow_retry", {}), ("workflow_fork", {"node": "a"})):
        error = await flow.refused(tool, workflow_id=run, **more)
        assert (error.code, error.remedy) == ("conflict", "Cancel it first, or wait for its end.")
    done = await ended(flow, "succeeded")
    error = await flow.refused("workflow_retry", workflow_id=done)
    assert "workflow_fork" in error.remedy


async def test_what_waits_in_the_queue_is_cancelled_at_once_and_so_is_its_job(flow: Desk) -> None:
    run, other = await flow.start(), await flow.start()
    state = await flow.get("workflow_cancel", workflow_id=run)
    assert state["status"] == "cancelled"
    assert {each["status"] for each in state["nodes"]} == {"cancelled"}
    assert (await flow.get("job_cancel", job_id=other))["status"] == "cancelled"
    assert (await flow.get("workflow_cancel", workflow_id=run))["status"] == "cancelled"


async def test_pause_and_resume(flow: Desk) -> None:
    run = await flow.start()
    assert (await flow.get("workflow_pause", workflow_id=run))["status"] == "paused"
    assert (await flow.get("workflow_pause", workflow_id=run))["status"] == "paused"
    assert (await flow.get("workflow_resume", workflow_id=run))["status"] == "pending"
    error = await flow.refused("workflow_resume", workflow_id=run)
    assert error.remedy == "It goes on already."
    await flow.get("workflow_cancel", workflow_id=run)
    assert (await flow.refused("workflow_pause", workflow_id=run)).code == "conflict"
    assert "workflow_retry" in (await flow.refused("workflow_resume", workflow_id=run)).remedy


async def test_only_a_person_answers_and_only_what_is_asked(flow: Desk) -> None:
    run = await flow.start(ASK | {"fields": NUMBER}, value("a"))
    answer = {"workflow_id": run, "node": "ask", "approved": True}
    assert "person" in str(await flow.refused("workflow_answer", **answer))
    asks_nothing = await flow.refused("workflow_answer", PERSON, **answer, fields={"n": 1})
    assert "asks nothing now" in asks_nothing.message
    await flow.tell_node(run, "ask", status="waiting", input={"message": "Sure?"})
    misfit = await flow.refused("workflow_answer", PERSON, **answer, fields={"n": "1"})
    assert "'n'" in misfit.message
    missing = await flow.refused("workflow_answer", PERSON, **answer | {"node": "a"})
    assert "no approval 'a'" in missing.message
    workflow = Principal(
        PERSON.id, "owner", kind="client", maker=PERSON, is_workflow=True, roles=("admin",)
    )
    assert "forbidden" in (await flow.refused("workflow_answer", workflow, **answer)).code
    await flow.get("workflow_answer", PERSON, **answer, fields={"n": 1})
    twice = await flow.refused("workflow_answer", PERSON, **answer, fields={"n": 2})
    assert "answered before" in twice.message


async def test_who_has_answered_is_not_told_to_answer(flow: Desk) -> None:
    for asks, told in ((("ask", "other"), "answer 'other'"), (("ask",), "waits for its end")):
        run = await flow.start(*(ASK | {"id": node} for node in asks))
        for node in asks:
            await flow.tell_node(run, node, status="waiting", input={"message": "Sure?"})
        answer = {"workflow_id": run, "node": "ask", "approved": True}
        assert told in (await flow.get("workflow_answer", PERSON, **answer))["next"]


async def test_a_run_that_asks_is_a_job_with_a_question(flow: Desk) -> None:
    run = await flow.start(ASK | {"fields": NUMBER})
    await flow.tell(run, status="waiting", executor="w")
    asked = {"message": "Sure of 3?", "fields": NUMBER}
    await flow.tell_node(run, "ask", status="waiting", input=asked)
    source: Any = flow.runtime.host.neighbours.jobs[0]
    assert source.owns_job(run)
    assert not source.owns_job("job-1")
    job = await source.get_job(run, "user:owner")
    params = {"mode": "form", "message": "Sure of 3?", "requestedSchema": NUMBER}
    assert job.asks == {"ask": {"method": "elicitation/create", "params": params}}
    await source.answer_job(run, "user:owner", {"ask": {"action": "cancel"}}, "Ann")
    assert (await source.get_job(run, None)).asks, "what was put away is asked still"
    given = {"ask": {"action": "accept", "content": {"n": 3}}, "other": {"action": "cancel"}}
    await source.answer_job(run, "user:owner", given, "Ann")
    assert (await source.get_job(run, None)).asks == {}


async def test_who_answers_a_job_is_recorded_and_not_whose_it_is(flow: Desk) -> None:
    from jupyter_mcp.storage.tables import workflow_answers as given

    maker = replace(PERSON, kind="owner")
    agent = Principal("token:1", "owner", kind="client", maker=maker, roles=("operator",))
    jobs: Any = flow.runtime.jobs
    for told in ("owner", "token:1"):
        spec = {"name": "flow", "nodes": [ASK]}
        run = (await flow.get("workflow_start", agent, spec=spec))["workflow_id"]
        await flow.tell(run, status="waiting", executor="w")
        await flow.tell_node(run, "ask", status="waiting", input={"message": "Sure?"})
        if told == "owner":
            await flow.get("job_answer", PERSON, job_id=run, answer={})
        else:
            await jobs.answer_own(run, agent, {"ask": {"action": "accept"}})
        by = given.select().with_only_columns(given.c.by).where(given.c.run == run)
        found = await flow.storage.run(lambda connection, by=by: connection.execute(by).scalar())
        assert found == told


async def test_what_elements_of_a_map_ask_is_told_and_answered(flow: Desk) -> None:
    inner = {"kind": "subworkflow", "workflow": {"name": "in", "nodes": [ASK]}}
    for work, node in ((ASK | {"id": None}, "each[0]"), (inner, "each[0].ask")):
        element = {key: given for key, given in work.items() if given is not None}
        run = await flow.start({"id": "each", "kind": "map", "over": [1], "node": element})
        await flow.tell(run, status="waiting", executor="w")
        await flow.tell_node(run, "each", status="waiting")
        await flow.tell_node(run, node, status="waiting", input={"message": "Sure of 1?"})
        source: Any = flow.runtime.host.neighbours.jobs[0]
        assert list((await source.get_job(run, None)).asks) == [node]
        job = await flow.get("job_get", PERSON, job_id=run)
        assert job["asks"][node]["params"]["message"] == "Sure of 1?"
        state = await flow.get("workflow_get", workflow_id=run)
        assert [each["id"] for each in state["nodes"]] == ["each", node]
        answer = {"workflow_id": run, "node": node, "approved": True}
        assert "waits for its end" in (await flow.get("workflow_answer", PERSON, **answer))["next"]
        assert (await source.get_job(run, None)).asks == {}


async def test_only_what_has_ended_is_forgotten(flow: Desk) -> None:
    run = await flow.start()
    assert (await flow.refused("workflow_delete", PERSON, workflow_id=run)).code == "conflict"
    await flow.get("workflow_cancel", workflow_id=run)
    await flow.get("workflow_delete", PERSON, workflow_id=run)
    assert (await flow.refused("workflow_get", workflow_id=run)).code == "not_found"
