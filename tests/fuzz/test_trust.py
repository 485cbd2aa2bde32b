"""What guards the doors reads text that anybody may write: it takes it or refuses it, in one line.

Beside that, two promises are tried: no spelling of a path leads past a policy, and nothing that was
learned as a secret comes out of redaction.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.approvals.summary import arguments_hash, summarise
from jupyter_mcp.security.audit.arguments import Arguments
from jupyter_mcp.security.moments import moment_of, seconds_of
from jupyter_mcp.security.policy.compiled import CompiledPolicy
from jupyter_mcp.security.policy.file import Document, read_text
from jupyter_mcp.security.policy.paths import Globs, normal_glob, normal_path
from jupyter_mcp.security.policy.statements import Names
from jupyter_mcp.security.principal import Principal, scopes_from_hub
from jupyter_mcp.security.secrets.redaction import Redactor
from jupyter_mcp.security.secrets.secrets import references
from jupyter_mcp.security.tokens.access_token import TokenRefused, is_ours
from jupyter_mcp.security.tokens.limits import granted, within
from jupyter_mcp.security.untrusted.injection import scan_all
from jupyter_mcp.toolsets.notebooks.documents import Documents
from support.arena import Arena
from support.fuzzing import JSON, TEXT, fuzz, mutated
from support.runtimes import OWNER

NAMES = Names(
    frozenset({"cell_edit", "cell_run", "notebook_read"}), frozenset({"notebooks", "jobs"})
)
POLICY: dict[str, Any] = {
    "version": 1,
    "default": ["viewer"],
    "subjects": [{"who": "group:students", "roles": ["student"]}],
    "roles": {
        "student": {
            "extends": ["viewer"],
            "rules": [
                {"allow": {"scope": ["edit", "execute"], "resource": "course/*"}},
                {"ask": {"tool": "cell_run", "when": {"path": {"prefix": "course/"}}}},
                {"deny": {"toolset": "jobs", "destructive": True}, "reason": "No."},
                {"deny": {"tool": "cell_*", "except": "cell_run", "outside": ["course/*"]}},
            ],
        }
    },
}
ROOT = "/srv/work"
DOCUMENTS = Documents([], Path(ROOT))
SEGMENTS = st.sampled_from(
    ["course", "COURSE", "secret", "..", ".", "", " ", "a.ipynb", "*", "\\", "%2e%2e", "~", ROOT]
) | st.text(max_size=3)
PATHS = st.lists(SEGMENTS, max_size=6).map("/".join) | TEXT
STUDENT = Principal("user:eve", "eve", credential="c", kind="user", groups=("students",))


def refusal(work: Callable[[], Any]) -> ToolError | None:
    """Return how something was refused; None when it was not. Anything else is raised."""
    try:
        work()
    except ToolError as error:
        return error
    return None


def is_told_well(error: ToolError | None, *codes: str) -> bool:
    """Return whether there was no refusal, or one in a line that can be written anywhere."""
    if error is None:
        return True
    said = str(error)
    assert error.code in (codes or ("invalid_arguments",)), error
    assert "\n" not in said
    assert len(said) < 2000
    return bool(json.dumps(error.to_json()))


def read(text: str) -> Document | None:
    """Read a policy; None where it was refused with file and line."""
    try:
        return read_text(text, "policy.yaml", NAMES)
    except ToolError as error:
        refused = error
    assert is_told_well(refused, "invalid_policy")
    assert refused.data["file"] == "policy.yaml"
    assert refused.data["line"] >= 1
    return None


@fuzz(
    text=st.text(max_size=120) | st.text("- :{}[]&*!|>'\"%@`#,\n\tabrolesules", max_size=80) | TEXT
)
def test_any_text_is_a_policy_or_refused_with_its_line(text: str) -> None:
    read(text)


@fuzz(document=mutated(st.just(POLICY)), style=st.sampled_from([None, True, False]))
def test_a_spoilt_policy_is_refused_or_decides(
    arena: Arena, document: Any, style: bool | None
) -> None:
    text = yaml.safe_dump(document, default_flow_style=style, allow_unicode=False)
    found = read(text)
    if found is None:
        return
    compiled = CompiledPolicy(found, ROOT)
    for toolset in arena.runtime.catalog.toolsets:
        for operation in toolset.operations:
            for principal in (STUDENT, OWNER):
                verdict = compiled.verdict(compiled.entitlements(principal), operation)
                said = verdict.decide({"path": "course/a.ipynb"}, ["course/a.ipynb"])
                assert said.effect in ("allow", "ask", "deny")
                assert verdict.may_pass or said.effect == "deny"


def rules(*written: Mapping[str, Any]) -> CompiledPolicy:
    """Return a policy in force whose students have these rules."""
    role = {"extends": ["editor"], "rules": list(written)}
    document = {**POLICY, "roles": {"student": role}}
    return CompiledPolicy(read_text(json.dumps(document), "policy.yaml", NAMES), ROOT)


INSIDE_ONLY = rules({"deny": {"scope": ["edit", "execute"], "outside": "course/*"}})
NO_SECRETS = rules({"deny": {"resource": "secret/*"}})
LIMITED = Principal(
    "token:t", "t", credential="d", kind="client", maker=OWNER, notebooks=("course/*",)
)


def place(path: str) -> str | None:
    """Return where a path leads by the notebooks' own reading; None where nowhere."""
    try:
        return DOCUMENTS.inside(path)
    except ToolError:
        return None


@fuzz(share=2, path=PATHS)
def test_no_spelling_of_a_path_leads_past_a_policy(arena: Arena, path: str) -> None:
    leads_to = place(path)
    assume(leads_to is not None)
    assert leads_to is not None
    view = arena.runtime.catalog
    edit = view.tool("cell_insert", view.selection("all"))
    values = {"path": path, "source": "1"}
    for compiled, principal, allowed in (
        (INSIDE_ONLY, STUDENT, leads_to.startswith("course/")),
        (NO_SECRETS, STUDENT, not leads_to.startswith("secret/")),
        (CompiledPolicy(Document(), ROOT), LIMITED, leads_to.startswith("course/")),
    ):
        said = compiled.verdict(compiled.entitlements(principal), edit).decide(values, [path])
        assert (said.effect == "allow") <= allowed, (said, leads_to)


GLOBS = st.text("ab/*?[]!-.", max_size=6)


@fuzz(glob=GLOBS, outer=GLOBS, path=st.text("ab/.", max_size=6))
def test_a_narrower_glob_never_reaches_further(glob: str, outer: str, path: str) -> None:
    if within(glob, outer):
        normal = normal_path(path)
        reached = normal in Globs([normal_glob(glob)])
        assert not reached or normal in Globs([normal_glob(outer)])


@fuzz(text=TEXT | st.from_regex(r"\s?[0-9]{1,8}[smhdwSMy]\s?", fullmatch=True))
def test_any_duration_is_positive_or_refused(text: str) -> None:
    error = refusal(lambda: seconds_of(text))
    assert is_told_well(error)
    assert error is not None or 0 < seconds_of(text) < 10**12
    assert is_told_well(refusal(lambda: moment_of(text, 1e9)))


@fuzz(
    scopes=st.lists(TEXT | st.sampled_from(["read", "edit", "admin"]), max_size=4),
    toolsets=st.none() | st.lists(TEXT | st.just("jobs"), max_size=3),
    notebooks=st.none() | st.lists(TEXT | PATHS | GLOBS, max_size=3),
    name=TEXT,
    expires=st.floats() | st.integers(0, 10**9),
)
def test_a_token_is_within_its_maker_or_refused(
    scopes: list[str],
    toolsets: list[str] | None,
    notebooks: list[str] | None,
    name: str,
    expires: float,
) -> None:
    maker = Principal(
        "token:m", "m", frozenset({"read", "edit"}), kind="client", notebooks=("a/*", "course/*")
    )
    try:
        made = granted(
            maker, scopes, toolsets, notebooks, name, expires=expires, now=1e8, maker_ends=1e9
        )
    except ToolError as error:
        refused: ToolError | None = error
    else:
        refused = None
        assert made.scopes <= maker.scopes
        assert 1e8 < made.expires <= 1e9
        assert all(any(within(glob, own) for own in maker.notebooks) for glob in made.notebooks)
    assert is_told_well(refused, "invalid_arguments", "forbidden")


def part(value: Any) -> str:
    """Return a part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


HEADER_OF_OURS = {"alg": "HS256", "typ": "at+jwt", "kid": "jupyter-mcp:01234567"}
CLAIMS = {"iss": "x", "aud": "x", "sub": "token:x", "jti": "x", "iat": 1, "exp": 9e9}
JWTS = st.tuples(
    st.just(HEADER_OF_OURS) | mutated(st.just(HEADER_OF_OURS)),
    st.just(CLAIMS) | mutated(st.just(CLAIMS)),
    st.text("abcAB01_-=", max_size=20),
).map(lambda parts: f"{part(parts[0])}.{part(parts[1])}.{parts[2]}")


@fuzz(shown=JWTS | TEXT | TEXT.map("jmcp-token-{}".format) | TEXT.map("jmcp-refresh-{}".format))
def test_no_made_up_token_is_good(arena: Arena, shown: str) -> None:
    is_ours(shown)
    tokens = arena.runtime.trust.tokens
    for use in (tokens.principal_of, tokens.refresh):
        with pytest.raises(TokenRefused) as caught:
            arena.run(use(shown))
        assert "\n" not in caught.value.reason
        assert not shown or len(shown) < 12 or shown not in caught.value.reason


@fuzz(at=st.integers(0, 10**6), put=st.characters(max_codepoint=0x2FF))
def test_no_changed_token_is_good(arena: Arena, at: int, put: str) -> None:
    tokens = arena.runtime.trust.tokens
    if not hasattr(arena, "issued"):
        arena.issued = arena.run(tokens.create(OWNER, ["read"], expires_seconds=86_400))  # type: ignore[attr-defined]
    good: str = arena.issued.access_token  # type: ignore[attr-defined]
    where = at % len(good)
    changed = good[:where] + put + good[where + 1 :]
    assume(changed != good and put != "=")
    try:
        who = arena.run(tokens.principal_of(changed))
    except TokenRefused:
        return
    # The last character of base64 has bits that mean nothing.
    assert where in {len(good) - 1, good.index(".") - 1, good.rindex(".") - 1}
    assert who.scopes == {"read"}


@fuzz(
    value=JSON
    | st.lists(TEXT | st.text("${}secret:AB_", max_size=20)).map("".join)
    | TEXT.map("${{secret:{}}}".format)
)
def test_any_reference_to_a_secret_is_read_or_refused(value: Any) -> None:
    assert is_told_well(refusal(lambda: references(value)))


@fuzz(
    share=0.5,
    secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40),
    around=JSON,
    wrap=st.sampled_from([str, repr, json.dumps]),
)
def test_no_secret_comes_out_of_redaction(
    secret: str, around: Any, wrap: Callable[[str], str]
) -> None:
    assume(len(set(secret)) > 4 and secret == secret.strip())
    redactor = Redactor()
    redactor.learn(secret)
    cleaned = redactor.clean({"a": [around, f"key={wrap(secret)}."], "b": {wrap(secret): around}})
    kept: list[str] = []
    collect(cleaned, kept)
    assert not [text for text in kept if secret in text]


def collect(value: Any, found: list[str]) -> None:
    """Add all strings of a JSON value."""
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            collect(key, found)
            collect(item, found)
    elif isinstance(value, list | tuple):
        for item in value:
            collect(item, found)


@fuzz(given=st.dictionaries(TEXT | st.sampled_from(["password", "code"]), JSON, max_size=4))
def test_any_arguments_can_be_kept_and_shown(given: dict[str, Any]) -> None:
    kept = Arguments().redact(given, {"type": "object", "properties": {"x": {"writeOnly": True}}})
    assert len(json.dumps(kept, allow_nan=False)) < 200_000
    password = given.get("password")
    if isinstance(password, str):
        assert kept["password"] == "[redacted]"
    shown = summarise(given, {})
    assert "\u202e" not in shown
    assert bool(shown.encode()) is bool(given)
    assert arguments_hash(given) == arguments_hash(dict(reversed(given.items())))


@fuzz(value=JSON | st.text(max_size=400))
def test_any_text_is_looked_through_for_orders(value: Any) -> None:
    for finding in scan_all(value, "result"):
        assert json.dumps(finding.to_json())


@fuzz(granted_scopes=st.lists(TEXT | TEXT.map("custom:mcp:{}".format), max_size=5))
def test_scopes_of_a_hub_give_nothing_unknown(granted_scopes: list[str]) -> None:
    assert scopes_from_hub(granted_scopes) <= {"read", "edit", "execute", "admin"}
