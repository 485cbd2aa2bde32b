from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.calls import Context, Link, Toolset, completer, prompt, resource, tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.security.policy.watch import PolicyWatch
from jupyter_mcp.security.principal import ALL_SCOPES, Principal
from support.runtimes import OWNER, READER, call, running

GUEST = Principal("user:guest", "guest", ALL_SCOPES - {"admin"}, kind="user")
LIMITED = Principal(
    "token:t1", "bot", kind="client", token="t1", maker=OWNER, notebooks=("course/*",)
)


class Shop(Toolset):
    name = "shop"
    pathless = frozenset({"hours", "resources"})

    @tool(scope="read")
    async def look(self, path: str = "") -> str:
        return f"looked at {path}"

    @tool(scope="read")
    async def hours(self) -> str:
        return "always"

    @tool(scope="edit")
    async def paint(self, path: str, colour: str = "red") -> str:
        return f"{path} is {colour}"

    @tool(scope="edit")
    async def sweep(self) -> str:
        return "clean"

    @resource("shop://{+path}", name="shelf")
    async def shelf(self, path: str) -> str:
        return path

    @resource("vault://all", name="vault", scope="admin")
    async def vault(self) -> str:
        return "gold"

    @prompt()
    async def praise(self, path: str) -> str:
        return f"Praise {path}."

    @completer("path")
    async def complete_path(self, ctx: Context, prefix: str, given: Mapping[str, str]) -> list[str]:
        del ctx, prefix, given
        return ["course/a"]

    async def resources(self, ctx: Context) -> list[Link]:
        del ctx
        return []


def write(folder: Path, rules: str, default: str = "tested") -> Path:
    file = folder / "policy.yaml"
    lines = "\n".join(f"      - {rule}" for rule in rules.splitlines())
    file.write_text(f"default: {default}\nroles:\n  tested:\n    rules:\n{lines}\n")
    return file


def names(runtime: Runtime, who: Principal) -> tuple[set[str], set[str], set[str]]:
    view = runtime.catalog.view(who, frozenset({"shop"}))
    kinds = view.tools, view.resources, view.prompts
    tools, resources, prompts = ({op.name for op in kind.values()} for kind in kinds)
    return tools, resources, prompts


async def test_who_is_named_nowhere_reads_and_no_more(tmp_path: Path) -> None:
    async with running(tmp_path, Shop) as runtime:
        assert not (await call(runtime, "look", GUEST)).is_error
        refused = await call(runtime, "paint", GUEST, path="a")
        entry = list(runtime.calls.recent.values())[-1]
        assert runtime.trust.signals.counts["call_denied"] == 1
        tools, resources, prompts = names(runtime, GUEST)
    assert refused.error.code == "forbidden"
    assert refused.error.message == "'paint' needs the scope 'edit', and 'guest' does not hold it."
    assert refused.error.remedy == "Ask the administrator for a role that allows it."
    assert entry.call.notes["rule"] == "default: no rule allows it"
    assert (tools, resources, prompts) == ({"look", "hours"}, {"shelf"}, {"praise"})


async def test_what_is_never_allowed_is_refused_whatever_its_arguments(tmp_path: Path) -> None:
    async with running(tmp_path, Shop) as runtime:
        refused = await call(runtime, "paint", READER, colour=["no", "string"])
        allowed = await call(runtime, "paint", OWNER, colour=["no", "string"])
        assert runtime.trust.signals.counts["call_denied"] == 1
    assert refused.error.code == "forbidden"
    assert allowed.error.code == "invalid_arguments"


async def test_a_token_without_a_scope_is_told_to_get_one(tmp_path: Path) -> None:
    async with running(tmp_path, Shop) as runtime:
        refused = await call(runtime, "paint", READER, path="a")
    assert refused.error.message == "'paint' needs the scope 'edit', and 'reader' does not hold it."
    assert refused.error.remedy == "Use a token with that scope."


async def test_rules_decide_about_tools_resources_and_prompts(tmp_path: Path) -> None:
    rules = """\
allow: {toolset: shop, scope: [edit, read]}
deny: {tool: paint, when: {colour: {in: [black, grey]}}}
deny: {resource: "secret/*"}
deny: {tool: praise}"""
    file = write(tmp_path, rules)
    async with running(tmp_path, Shop, policy_file=str(file)) as runtime:
        assert not (await call(runtime, "paint", GUEST, path="a")).is_error
        black = await call(runtime, "paint", GUEST, path="a", colour="black")
        entry = list(runtime.calls.recent.values())[-1]
        secret = await call(runtime, "look", GUEST, path="course/../secret/x")
        ops = {op.name: op for op in runtime.catalog.operations if op.toolset == "shop"}
        shelf = await runtime.call(ops["shelf"], {"path": "/secret//x"}, GUEST, "test")
        praise = await runtime.call(ops["praise"], {"path": "a"}, GUEST, "test")
        complete = await runtime.call(
            ops["path"], {"prefix": "", "given": {"path": "secret/x"}}, GUEST, "test"
        )
        assert names(runtime, GUEST) == ({"look", "hours", "paint", "sweep"}, {"shelf"}, set())
    for refused in (black, secret, shelf, praise, complete):
        assert refused.error.code == "forbidden"
        assert "policy.yaml" not in str(refused.error), (
            "where the rule stands is not theirs to know"
        )
    assert entry.call.notes["rule"] == f"{file}:6"


async def test_what_a_rule_asks_waits_for_a_person(tmp_path: Path) -> None:
    file = write(tmp_path, "allow: {}\nask: {tool: sweep}")
    async with running(tmp_path, Shop, policy_file=str(file), approval_seconds=0.05) as runtime:
        asked = await call(runtime, "sweep", GUEST)
        entry = list(runtime.calls.recent.values())[-1]
    assert asked.error.code == "denied"
    assert entry.call.notes["ask"]["rule"] == f"{file}:6"


async def test_a_token_is_held_to_its_notebooks_everywhere(tmp_path: Path) -> None:
    async with running(tmp_path, Shop) as runtime:
        assert not (await call(runtime, "paint", LIMITED, path="course/a")).is_error
        assert not (await call(runtime, "hours", LIMITED)).is_error
        for arguments in ({"path": "secret"}, {"path": "course/../secret"}, {"path": ""}):
            refused = await call(runtime, "look", LIMITED, **arguments)
            assert refused.error.code == "forbidden"
            assert "course/*" in refused.error.remedy
        assert (await call(runtime, "sweep", LIMITED)).is_error
        assert (await call(runtime, "policy_show", LIMITED)).is_error
        tools, _, _ = names(runtime, LIMITED)
    assert tools == {"look", "hours", "paint"}


async def test_a_changed_file_is_in_force_and_lists_are_told(tmp_path: Path) -> None:
    file = write(tmp_path, "allow: {}")
    async with running(tmp_path, Shop, policy_file=str(file)) as runtime:
        policy, told = runtime.trust.policy, []
        runtime.events.subscribe(lambda event: told.append(type(event).__name__))
        watch = PolicyWatch(policy, file, runtime.executor)
        await watch.look()
        assert "paint" in names(runtime, GUEST)[0]
        told.clear()
        await watch.look()
        assert told == [], "an unchanged file changes nothing"
        write(tmp_path, "deny: {tool: paint}\nallow: {}")
        await watch.look()
        assert {"ToolsChanged", "ResourcesChanged", "PromptsChanged"} <= set(told)
        assert "paint" not in names(runtime, GUEST)[0]
        assert (await call(runtime, "paint", GUEST, path="a")).error.code == "forbidden"


@pytest.mark.parametrize("bad", ["roles: [", "default: nobody", None])
async def test_a_bad_file_is_refused_and_the_old_policy_stays(
    tmp_path: Path, bad: str | None
) -> None:
    file = write(tmp_path, "allow: {}")
    async with running(tmp_path, Shop, policy_file=str(file)) as runtime:
        watch = PolicyWatch(runtime.trust.policy, file, runtime.executor)
        await watch.look()
        file.unlink() if bad is None else file.write_text(bad)
        await watch.look()
        assert not (await call(runtime, "paint", GUEST, path="a")).is_error
        shown = await call(runtime, "policy_show")
        assert str(file) in shown.structured["problem"]
        assert not shown.structured["closed"]
        assert runtime.trust.signals.counts["policy_refused"] >= 1
        refused = await call(runtime, "policy_reload")
        assert refused.error.code == "invalid_policy"
        write(tmp_path, "allow: {}")
        assert (await call(runtime, "policy_reload")).structured.get("problem") is None


async def test_a_server_that_starts_with_a_bad_file_lets_only_the_person_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("default: nobody")
    person = Principal("person:local", "me", kind="person")
    async with running(tmp_path, policy_file=str(file)) as runtime:
        for who in (OWNER, GUEST):
            refused = await call(runtime, "job_get", who, job_id="x")
            assert refused.error.code == "forbidden"
            assert "policy cannot be read" in refused.error.message
        shown = await call(runtime, "policy_show", person)
        assert shown.structured["closed"]
        assert "policy.yaml:1" in shown.structured["problem"]
    assert "only the person here gets in" in caplog.text


async def test_who_sees_what_others_do(tmp_path: Path) -> None:
    async with running(tmp_path) as runtime:
        oversees = runtime.trust.policy.oversees
        assert oversees(OWNER)
        assert not oversees(GUEST)
        assert not oversees(READER)
        assert not oversees(LIMITED)


async def test_a_tool_says_which_rule_decides(tmp_path: Path) -> None:
    rules = 'allow: {tool: paint, resource: "course/*"}\ndeny: {tool: sweep}'
    file = write(tmp_path, rules)
    async with running(tmp_path, Shop, policy_file=str(file)) as runtime:

        async def explain(user: str, name: str, **arguments: Any) -> dict[str, Any]:
            given = {"user": user, "tool": name, "arguments": arguments}
            result = await call(runtime, "policy_explain", **given)
            if result.error is not None:
                raise result.error
            return dict(result.structured)

        allowed = await explain("guest", "paint", path="course/a")
        assert (allowed["effect"], allowed["line"]) == ("allow", 5)
        assert allowed["file"] == str(file)
        assert allowed["depends"]
        denied = await explain("user:guest", "paint", path="x")
        assert (denied["effect"], denied["rule"]) == ("deny", "default: no rule allows it")
        assert (await explain("guest", "sweep"))["line"] == 6
        assert (await explain("role:editor", "sweep"))["rule"] == "role editor (shipped), rule 1"
        assert (await explain("owner", "kernel_stop"))["effect"] == "ask"
        assert (await explain("person", "kernel_stop"))["effect"] == "allow"
        for user, name in (("role:none", "look"), ("token:none", "look"), ("ann", "lok")):
            with pytest.raises(ToolError) as caught:
                await explain(user, name)
            assert caught.value.code == "not_found"


async def test_a_policy_is_checked_without_being_put_in_force(tmp_path: Path) -> None:
    async with running(tmp_path) as runtime:
        text = "roles:\n  r:\n    rules:\n    - deny: {tool: job_gte}\n"
        bad = await call(runtime, "policy_check", text=text, file="new.yaml")
        assert bad.error.message.startswith("new.yaml:4:")
        assert "job_get" in bad.error.remedy
        good = await call(runtime, "policy_check", text=text.replace("gte", "get"))
        assert "r" in {role["name"] for role in good.structured["roles"]}
        assert "r" not in runtime.trust.policy.document.roles


async def test_whom_the_policy_appoints_looks_after_the_server(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("default: operator\nsubjects:\n  - {who: user:ann, roles: [admin]}\n")
    ann = Principal("user:ann", "ann", ALL_SCOPES, kind="user")
    her_token = Principal("user:ann", "ann", ALL_SCOPES - {"admin"}, kind="user")
    bob = Principal("user:bob", "bob", ALL_SCOPES, kind="user")
    async with running(tmp_path, policy_file=str(file)) as runtime:
        for who, may in ((ann, True), (her_token, False), (bob, False)):
            answer = await call(runtime, "audit_search", who)
            assert answer.is_error is not may
            assert runtime.trust.policy.decides(who) is may
            assert runtime.trust.policy.oversees(who) is may
