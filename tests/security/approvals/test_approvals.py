from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.approvals.approvals import EACH_LIMIT, WAITING_LIMIT, Approvals, Subject
from jupyter_mcp.security.approvals.grants import Matter
from jupyter_mcp.security.approvals.question import Question
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.signals import Signals
from jupyter_mcp.storage import Storage

PERSON = Principal("person:local", "ann", credential="key", kind="person")
COOKIE = Principal("user:ann", "ann", credential="cookie", kind="person")
AGENT = Principal("token:abc", "token", credential="token")
MATTER = Matter(AGENT.id, "token", "cursor 1", "cell_delete", "hash")
SUBJECT = Subject(AGENT, MATTER, "Delete cells", "path: hunter2.ipynb", "mcp", "It destroys.")


@pytest.fixture
def signals() -> Signals:
    """Where a no is told."""
    return Signals()


@pytest.fixture
def approvals(tmp_path: Path, signals: Signals) -> Iterator[Approvals]:
    """Approvals that persons decide about."""
    storage = Storage(tmp_path)
    yield Approvals(
        storage,
        Supervisor(),
        signals,
        decides=lambda principal: principal.kind == "person",
        seconds=60,
        redact=lambda text: text.replace("hunter2", "…"),
    )
    storage.stop()


async def test_the_credential_that_asks_cannot_answer_even_a_persons(approvals: Approvals) -> None:
    question = approvals.ask(replace(SUBJECT, principal=COOKIE))
    with pytest.raises(ToolError, match="with the credential that asks"):
        await approvals.answer(question.id, "once", COOKIE, "http")
    await approvals.answer(question.id, "once", PERSON, "http")
    assert question.resolution.result().is_yes


async def test_another_access_token_of_the_same_family_cannot_answer(approvals: Approvals) -> None:
    one = replace(COOKIE, credential="first", token="family")
    question = approvals.ask(replace(SUBJECT, principal=one))
    with pytest.raises(ToolError, match="with the credential that asks"):
        await approvals.answer(question.id, "once", replace(one, credential="next"), "http")
    approvals.withdraw(question)


async def test_only_who_decides_answers_and_forgets(approvals: Approvals) -> None:
    question = approvals.ask(SUBJECT)
    with pytest.raises(ToolError, match="may not answer for a person"):
        await approvals.answer(question.id, "once", replace(AGENT, credential="other"), "mcp")
    with pytest.raises(ToolError, match="may not answer for a person"):
        await approvals.forget("grant-1", AGENT)
    approvals.withdraw(question)
    assert approvals.waiting() == []


async def test_the_first_answer_counts_and_a_no_is_told(
    approvals: Approvals, signals: Signals
) -> None:
    question = approvals.ask(SUBJECT)
    assert "hunter2" not in question.subject.summary
    approvals.settle(question, "deny", "ann", "http")
    assert approvals.settle(question, "always", "eve", "elicitation").outcome == "deny"
    assert approvals.expire(question).outcome == "deny"
    assert approvals.grants.all == []
    assert signals.counts["approval_denied"] == 1


async def test_silence_is_told_as_a_no(approvals: Approvals, signals: Signals) -> None:
    assert not approvals.expire(approvals.ask(SUBJECT)).is_yes
    assert signals.counts["approval_denied"] == 1


async def test_there_is_a_limit_to_how_many_wait(approvals: Approvals) -> None:
    def ask(number: int) -> Question:
        agent = replace(AGENT, id=f"token:{number // EACH_LIMIT}")
        return approvals.ask(replace(SUBJECT, principal=agent))

    questions = [ask(number) for number in range(EACH_LIMIT)]
    with pytest.raises(ToolError, match="Too many calls wait"):
        ask(0)  # one agent takes no more than its share
    questions += [ask(number) for number in range(EACH_LIMIT, WAITING_LIMIT)]
    with pytest.raises(ToolError, match="Too many calls wait"):
        ask(WAITING_LIMIT)
    for question in questions:
        approvals.withdraw(question)
    approvals.withdraw(approvals.ask(SUBJECT))


def _made_by(maker: Principal, name: str) -> Principal:
    return Principal(f"token:{name}", name, credential=name, kind="client", token=name, maker=maker)


@pytest.mark.parametrize(
    ("asks", "answers", "may"),
    [
        (_made_by(COOKIE, "one"), COOKIE, True),
        (_made_by(_made_by(COOKIE, "one"), "two"), COOKIE, True),
        (_made_by(COOKIE, "one"), _made_by(COOKIE, "two"), True),
        (_made_by(COOKIE, "one"), _made_by(_made_by(COOKIE, "one"), "child"), False),
        (
            _made_by(_made_by(COOKIE, "one"), "child"),
            _made_by(_made_by(COOKIE, "one"), "twin"),
            False,
        ),
        (_made_by(_made_by(COOKIE, "one"), "child"), _made_by(COOKIE, "one"), False),
        (AGENT, _made_by(AGENT, "helper"), False),
        (_made_by(AGENT, "one"), _made_by(AGENT, "two"), False),
        (_made_by(AGENT, "one"), PERSON, True),
    ],
)
async def test_nobody_answers_through_a_token_of_their_own_making(
    tmp_path: Path, signals: Signals, asks: Principal, answers: Principal, *, may: bool
) -> None:
    storage = Storage(tmp_path)
    approvals = Approvals(storage, Supervisor(), signals, decides=lambda _who: True, seconds=60)
    question = approvals.ask(replace(SUBJECT, principal=asks))
    try:
        if may:
            await approvals.answer(question.id, "once", answers, "http")
        else:
            with pytest.raises(ToolError, match="with the credential that asks"):
                await approvals.answer(question.id, "once", answers, "http")
        assert question.resolution.done() is may
    finally:
        approvals.withdraw(question)
        storage.stop()
