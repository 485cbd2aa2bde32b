from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.security.policy.compiled import CompiledPolicy
from jupyter_mcp.security.policy.file import read_text
from jupyter_mcp.security.policy.verdicts import KEPT, Decision
from support.rules import calls, document, plain_effect, policies, rules


def decide(written: list[dict], asked: tuple) -> Decision:
    tool, values, paths = asked
    compiled = CompiledPolicy(read_text(document(written), "policy.yaml"))
    verdict = compiled.verdict(compiled.of_roles(("tested",)), tool)
    decision = verdict.decide(values, paths)
    assert verdict.decide(values, paths) == decision, "a decision that is kept is the same"
    if decision.effect != "deny":
        assert verdict.may_pass, "what may pass is seen"
    return decision


@given(policies, calls())
def test_decisions_are_those_of_a_plain_matcher(written: list[dict], asked: tuple) -> None:
    assert decide(written, asked).effect == plain_effect(written, *asked)


@given(policies, calls(), st.integers(0, 8))
def test_a_deny_always_wins(written: list[dict], asked: tuple, place: int) -> None:
    denied = [*written[:place], {"deny": {}}, *written[place:]]
    decision = decide(denied, asked)
    assert decision.effect == "deny"
    assert decision.source is not None


@given(policies, calls(), rules)
def test_one_more_allow_never_takes_away(written: list[dict], asked: tuple, rule: dict) -> None:
    more = {"allow": next(iter(rule.values()))}
    order = ("deny", "ask", "allow")
    before, after = decide(written, asked).effect, decide([*written, more], asked).effect
    if before == "deny" and plain_effect([*written, {"allow": {}}], *asked) == "deny":
        assert after == "deny"
    assert order.index(after) >= order.index(before)


@given(st.lists(rules, min_size=4, max_size=12), calls())
def test_many_rules_on_notebooks_decide_as_few(written: list[dict], asked: tuple) -> None:
    simple = [
        {effect: {"resource": match.get("resource", ["*"])}}
        for rule in written
        for effect, match in rule.items()
    ]
    assert decide(simple, asked).effect == plain_effect(simple, *asked)


WANTED = st.sampled_from(
    ({"equals": "fast"}, {"prefix": "f"}, {"prefix": "sl"}, {"in": ["slow", 1]}, {"equals": True})
)


@given(st.lists(st.tuples(st.sampled_from(("deny", "ask", "allow")), WANTED), max_size=16), calls())
def test_many_rules_on_an_argument_decide_as_few(written: list[tuple], asked: tuple) -> None:
    many = [{effect: {"when": {"mode": wanted}}} for effect, wanted in written]
    sane = [rule for rule in many if "True" not in str(rule)]  # Python takes 1 for True
    assert decide(sane, asked).effect == plain_effect(sane, *asked)
    assert decide(many, asked).effect == plain_effect(sane, *asked)


def test_what_is_kept_is_bounded() -> None:
    written = [{"deny": {"when": {"code": {"prefix": "!"}}}}, {"allow": {}}]
    compiled = CompiledPolicy(read_text(document(written), "policy.yaml"))
    from support.policies import operation

    verdict = compiled.verdict(compiled.of_roles(("tested",)), operation())
    for number in range(KEPT + 10):
        assert verdict.decide({"code": f"x = {number}"}, ()).effect == "allow"
    assert verdict.decide({"code": "!" + "x" * 10_000}, ()).effect == "deny"
    assert len(compiled._kept.decisions) <= KEPT
