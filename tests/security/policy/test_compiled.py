from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jupyter_mcp.calls.operation import Tool
from jupyter_mcp.calls.schema import Signature
from jupyter_mcp.security.policy.compiled import CompiledPolicy
from jupyter_mcp.security.policy.file import Document, read_text
from jupyter_mcp.security.principal import ALL_SCOPES, Principal

PERSON = Principal("person:local", "me", kind="person")
OWNER = Principal("token:f00", "token", kind="owner")
ANN = Principal("user:ann", "Ann", ALL_SCOPES - {"admin"}, kind="user", groups=("students",))


def client(maker: Principal, **options: Any) -> Principal:
    scopes = options.pop("scopes", maker.scopes)
    return Principal("token:t1", "bot", scopes, kind="client", token="t1", maker=maker, **options)


def tool(name: str, scope: str = "edit", **options: Any) -> Tool:
    common = {
        "toolset": "notebooks",
        "function": print,
        "signature": Signature(name, print),
        "read_only": scope == "read",
    }
    return Tool(name=name, scope=scope, **{**common, **options})


def effect(
    compiled: CompiledPolicy,
    who: Principal,
    asked: Tool,
    paths: tuple[str, ...] | None = (),
    **values: Any,
) -> str:
    return compiled.verdict(compiled.entitlements(who), asked).decide(values, paths).effect


READ, EDIT, RUN = tool("look", "read"), tool("cell_edit"), tool("kernel_execute", "execute")
DESTROY = tool("kernel_stop", "execute", destructive=True)
EVERYDAY = tool("kernel_execute", "execute", destructive=True)
ANSWER, MAKE = tool("approval_answer", "admin"), tool("token_create", "admin")


@pytest.mark.parametrize(
    ("who", "told"),
    [
        (PERSON, "allow allow allow allow allow allow allow"),
        (OWNER, "allow allow allow ask allow deny ask"),
        (ANN, "allow deny deny deny deny deny deny"),
        (replace(ANN, roles=("editor",)), "allow allow deny deny deny deny deny"),
        (client(OWNER), "allow allow allow ask allow deny ask"),
        (client(PERSON), "allow allow allow allow allow allow allow"),
        (
            client(PERSON, scopes=ALL_SCOPES - {"admin"}),
            "allow allow allow ask allow deny deny",
        ),
        (client(OWNER, scopes=frozenset({"read"})), "allow deny deny deny deny deny deny"),
    ],
)
def test_shipped_roles(who: Principal, told: str) -> None:
    compiled = CompiledPolicy(Document())
    asked = (READ, EDIT, RUN, DESTROY, EVERYDAY, ANSWER, MAKE)
    assert " ".join(effect(compiled, who, each) for each in asked) == told


def policy(subjects: str, roles: str = "{}") -> CompiledPolicy:
    return CompiledPolicy(read_text(f"subjects: {subjects}\nroles: {roles}\n", "policy.yaml"))


@pytest.mark.parametrize(
    ("who", "means"),
    [
        ("user:ann", True),
        ("user:a*", True),
        ("ann", True),
        ("Ann", False),  # a name that its bearer chose
        ("group:students", True),
        ("group:stud*", True),
        ("group:ann", False),
        ("token:*", False),
        ("owner", False),
    ],
)
def test_subjects_are_ids_groups_and_kinds(who: str, means: bool) -> None:
    compiled = policy(f'[{{who: "{who}", roles: [editor]}}]')
    assert compiled.roles_of(ANN) == (("editor",) if means else ("viewer",))


def test_all_subjects_that_mean_somebody_count() -> None:
    compiled = policy("[{who: ann, roles: [editor]}, {who: 'group:*', roles: [operator, editor]}]")
    assert compiled.roles_of(ANN) == ("editor", "operator")


def test_a_token_never_does_more_than_its_maker() -> None:
    compiled = policy('[{who: "token:*", roles: [admin]}]')
    assert effect(compiled, client(ANN), EDIT) == "deny"
    assert effect(compiled, client(OWNER), DESTROY) == "ask"
    assert effect(compiled, client(PERSON), DESTROY) == "allow"
    child = replace(client(client(OWNER, toolsets=frozenset({"jobs"}))), id="token:t2", token="t2")
    assert effect(compiled, child, READ) == "deny"
    inherited = CompiledPolicy(Document())
    assert effect(inherited, child, READ) == "deny"


def test_a_token_of_a_name_may_be_given_less() -> None:
    compiled = policy('[{who: "token:bot", roles: [viewer]}]')
    assert effect(compiled, client(OWNER), EDIT) == "deny"
    assert effect(compiled, OWNER, EDIT) == "allow"


def test_nobody_takes_anothers_roles_by_taking_their_name() -> None:
    compiled = policy('[{who: "ann", roles: [operator]}, {who: "user:ann", roles: [operator]}]')
    eve = Principal("user:eve", "ann", kind="user")
    assert compiled.roles_of(eve) == ("viewer",)
    assert effect(compiled, replace(client(eve), name="user:ann"), RUN) == "deny"


def test_a_token_is_held_to_its_notebooks() -> None:
    compiled = CompiledPolicy(Document(), "/srv/root")
    bot = client(OWNER, notebooks=("course/*",))
    edit = replace(EDIT, places=frozenset({"path"}))
    assert effect(compiled, bot, edit, ("course/a.ipynb",)) == "allow"
    assert effect(compiled, bot, edit, ("/srv/root/course/a.ipynb",)) == "allow"
    for path in ("secret.ipynb", "course/../secret.ipynb", "/srv/root/course/../secret.ipynb"):
        assert effect(compiled, bot, edit, (path,)) == "deny"
    assert effect(compiled, bot, edit, ("course/a.ipynb", "secret.ipynb")) == "deny"
    assert effect(compiled, bot, edit, None) == "deny"
    assert effect(compiled, bot, edit, ()) == "deny"
    assert effect(compiled, bot, EDIT) == "deny", "a tool that names no path at all"
    assert effect(compiled, bot, replace(READ, pathless=True)) == "allow"
    assert compiled.verdict(compiled.entitlements(bot), edit).may_pass
    assert not compiled.verdict(compiled.entitlements(bot), EDIT).may_pass


def test_a_path_in_an_argument_is_compared_in_its_one_form() -> None:
    rules = "{r: {rules: [{allow: {}}, {deny: {when: {path: {prefix: secret/}}}}]}}"
    compiled = policy("[{who: ann, roles: [r]}]", rules)
    for path in ("secret/a.ipynb", "x/../secret/a.ipynb", "/secret//a.ipynb"):
        assert effect(compiled, ANN, EDIT, path=path) == "deny"
    assert effect(compiled, ANN, EDIT, path="secrets/a.ipynb") == "allow"


def test_a_rule_on_notebooks_forbids_where_it_is_not_known_which() -> None:
    rules = "{r: {extends: [operator], rules: [{deny: {resource: secret/*}}]}}"
    compiled = policy("[{who: ann, roles: [r]}]", rules)
    who = replace(ANN, scopes=ALL_SCOPES)
    assert effect(compiled, who, RUN, None) == "deny"
    assert effect(compiled, who, RUN, ("a.ipynb",)) == "allow"
    assert effect(compiled, who, RUN, ()) == "allow"


def test_true_is_not_one_and_not_kept_as_one() -> None:
    rules = "{r: {rules: [{allow: {}}, {deny: {when: {force: {equals: true}}}}]}}"
    compiled = policy("[{who: ann, roles: [r]}]", rules)
    assert [effect(compiled, ANN, EDIT, force=value) for value in (1, True, 1, "true")] == [
        "allow",
        "deny",
        "allow",
        "allow",
    ]


def test_without_a_policy_to_go_by_only_the_person_gets_in() -> None:
    compiled = CompiledPolicy(Document(), is_closed=True)
    assert effect(compiled, PERSON, EDIT) == "allow"
    for who in (OWNER, ANN, client(PERSON), client(OWNER)):
        assert effect(compiled, who, READ) == "deny"


def test_a_tool_that_becomes_destructive_is_decided_anew() -> None:
    compiled = CompiledPolicy(Document())
    assert effect(compiled, OWNER, EDIT) == "allow"
    assert effect(compiled, OWNER, replace(EDIT, destructive=True)) == "ask"
