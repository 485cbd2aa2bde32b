from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.file import read_file, read_text
from jupyter_mcp.security.policy.statements import Names

NAMES = Names(frozenset({"cell_edit", "cell_read"}), frozenset({"notebooks"}))

GOOD = """\
version: 1
default: student
subjects:
  - who: "group:teachers"
    roles: [operator]
roles:
  student:
    extends: [viewer]
    rules:
      - allow: {scope: edit, resource: "course/*"}
      - deny: {tool: cell_edit, when: {path: {prefix: course/exam/}}}
        reason: Exams are not edited.
"""


def refused(text: str) -> ToolError:
    with pytest.raises(ToolError) as caught:
        read_text(text, "policy.yaml", NAMES)
    assert caught.value.code == "invalid_policy"
    return caught.value


def test_a_good_policy_is_read() -> None:
    document = read_text(GOOD, "policy.yaml", NAMES)
    assert document.default == ("student",)
    assert [(s.who, s.roles) for s in document.subjects] == [("group:teachers", ("operator",))]
    assert [rule.place for rule in document.roles["student"].rules] == [
        "policy.yaml:10",
        "policy.yaml:11",
    ]
    assert {"viewer", "editor", "operator", "admin"} < set(document.roles)


@pytest.mark.parametrize("text", ["", "# nothing\n", "version: 1\n"])
def test_an_empty_policy_is_the_shipped_one(text: str) -> None:
    assert read_text(text, "policy.yaml").default == ("viewer",)


@pytest.mark.parametrize(
    ("text", "line", "told", "allowed"),
    [
        ("default: nobody", 1, "no role 'nobody'", "admin, editor, operator, viewer"),
        ("version: 1\nsubjects:\n- {who: ann, roles: [vewer]}", 3, "no role 'vewer'", "viewer"),
        ("roles:\n  r:\n    rules:\n    - deny: {tool: cell_edti}", 4, "'cell_edti'", "cell_edit"),
        ("roles:\n  r:\n    rules:\n    - deny: {toolset: note}", 4, "'note'", "notebooks"),
        ("roles:\n  r:\n    rules:\n    - deny: {scope: writ}", 4, "no scope 'writ'", "edit"),
        ("roles:\n  r:\n    rules:\n    - deny: {tol: x}", 4, "key of deny 'tol'", "tool"),
        ("roles:\n  r:\n    rules:\n    - forbid: {}", 4, "key of a rule 'forbid'", "deny"),
        ("roles:\n  r:\n    rules:\n    - {allow: {}, deny: {}}", 4, "one of allow", "deny"),
        ("roles:\n  r:\n    rules:\n    - deny:", 4, "Deny has to be a mapping", ""),
        ("roles:\n  r:\n    rules:\n    - deny: {tool: []}", 4, "empty list", "Leave it out"),
        ("roles:\n  r:\n    rules:\n    - deny: {destructive: 1}", 4, "true or false", ""),
        ("roles:\n  r:\n    rules:\n    - deny: {tool: 7}", 4, "has to be text", ""),
        (
            "roles:\n  r:\n    rules:\n    - deny: {resource: a/../b}",
            4,
            "goes up",
            "below the root",
        ),
        ("roles:\n  r:\n    rules:\n    - deny: {when: {path: {like: a}}}", 4, "'like'", "prefix"),
        ("roles:\n  r:\n    rules:\n    - deny: {when: {path: {}}}", 4, "Nothing is asked", "glob"),
        ("roles:\n  viewer: {}", 2, "comes with the project", "extends: [viewer]"),
        ("roles:\n  a: {extends: [b]}\n  b: {extends: [a]}", 2, "circle: a extends b", "Take one"),
        ("roles:\n  a: {}\n  a: {}", 3, "there twice", ""),
        ("version: 2", 1, "version", "1"),
        ("rules: []", 1, "key of the policy 'rules'", "roles"),
        ("version: 1\nroles: [", 2, "no valid YAML", ""),
        ("a: &x [1]\nb: *x", 2, "aliases", ""),
        ("- 1", 1, "mapping", ""),
        ("roles:\n  r: !!python/object:os.system {}", 2, "", ""),
        ('default: "\\ud800"', 1, "has to be text", ""),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(
    text: str, line: int, told: str, allowed: str
) -> None:
    if "python/object" in text:  # a tag builds nothing: the mapping is read as one
        assert read_text(text, "policy.yaml").roles["r"].rules == ()
        return
    error = refused(text)
    assert error.message.startswith(f"policy.yaml:{line}: ")
    assert told in error.message
    assert allowed in error.remedy


def test_all_mistakes_are_told_at_once() -> None:
    error = refused("default: a\nversion: 3\nroles: 5\n")
    assert len(error.data["problems"]) == 3
    assert error.data["line"] == 1
    assert "2 more" in error.message


def test_a_glob_that_matches_nothing_is_a_warning() -> None:
    text = "roles:\n  r:\n    rules:\n    - deny: {tool: docker_*}\n"
    assert "docker_*" in read_text(text, "policy.yaml", NAMES).warnings[0]


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    for content in (b"\xff", b"version: 1\n\xff", b"#" * (1 << 21)):
        file.write_bytes(content)
        with pytest.raises(ToolError, match=r"policy\.yaml"):
            read_file(file)
    missing = tmp_path / ("deep" * 30) / "none.yaml"
    with pytest.raises(ToolError, match="No such file") as caught:
        read_file(missing)
    assert str(missing) in caught.value.message


def parse(text: str) -> None:
    told = ""
    try:
        read_text(text, "policy.yaml", NAMES)
    except ToolError as error:
        told = f"{error.code} {error}"
    assert told.startswith("invalid_policy ") or not told
    assert told.encode() or not told


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    parse(text)


WORDS = (
    "version default subjects roles who extends rules allow ask deny scope toolset tool except "
    "destructive resource outside when prefix glob equals in reason viewer student path"
)
KEYS = st.sampled_from(WORDS.split())
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), KEYS)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)
)


@given(TREES)
def test_any_yaml_is_read_or_refused(tree: object) -> None:
    import yaml

    parse(yaml.safe_dump(tree, allow_unicode=True))


@given(st.integers(0, len(GOOD)), st.integers(0, 20), st.text(max_size=6))
def test_a_damaged_policy_is_read_or_refused(at: int, length: int, put: str) -> None:
    parse(GOOD[:at] + put + GOOD[at + length :])


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 3000, "a: " + "'" * 9999])
def test_deep_nesting_is_refused(text: str) -> None:
    refused(text)
