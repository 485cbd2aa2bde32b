from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jupyter_mcp.ipython.asking import ask_person


def form(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"mode": "form", "message": "Please tell.", "requestedSchema": schema}


class Person:
    """Somebody who types lines."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.prompts: list[str] = []

    def read(self, prompt: str) -> str:
        self.prompts.append(prompt)
        if not self.lines:
            raise EOFError
        return self.lines.pop(0)

    def answer(self, params: dict[str, Any]) -> Mapping[str, Any]:
        return ask_person(params, self.read, self.read)


def test_each_field_is_asked_and_converted() -> None:
    person = Person("Ada", "3", "y", "red")
    answer = person.answer(
        form(
            {
                "name": {"type": "string", "title": "Your name"},
                "count": {"type": "integer", "description": "how many"},
                "sure": {"type": "boolean", "default": False},
                "color": {"type": "string", "enum": ["red", "blue"]},
            },
            "name",
        )
    )
    assert answer == {
        "action": "accept",
        "content": {"name": "Ada", "count": 3, "sure": True, "color": "red"},
    }
    assert person.prompts[0] == "Please tell.\nYour name: "
    assert person.prompts[1] == "count (how many): "
    assert person.prompts[3] == "color [red/blue]: "


def test_empty_answers_take_the_default_or_leave_the_field_out() -> None:
    answer = Person("", "").answer(
        form({"n": {"type": "integer", "default": 7}, "note": {"type": "string"}})
    )
    assert answer == {"action": "accept", "content": {"n": 7}}


def test_a_wrong_answer_is_asked_again_with_the_reason() -> None:
    person = Person("many", "4")
    assert person.answer(form({"n": {"type": "integer"}}, "n"))["content"] == {"n": 4}
    assert "'n' wants integer, not 'many'." in person.prompts[1]


def test_a_required_field_that_never_fits_declines() -> None:
    assert Person("a", "b", "c").answer(form({"n": {"type": "integer"}}, "n")) == {
        "action": "decline"
    }


def test_end_of_input_cancels() -> None:
    assert Person().answer(form({"n": {"type": "string"}})) == {"action": "cancel"}


@pytest.mark.parametrize(("line", "action"), [("y", "accept"), ("", "decline"), ("no", "decline")])
def test_a_question_without_fields_is_yes_or_no(line: str, action: str) -> None:
    assert Person(line).answer(form({}))["action"] == action


def test_a_url_is_shown_and_confirmed() -> None:
    person = Person("yes")
    url = {"mode": "url", "message": "Log in.", "url": "https://x.test/"}
    assert person.answer(url) == {"action": "accept"}
    assert "https://x.test/" in person.prompts[0]


def test_secrets_are_read_without_echo() -> None:
    open_person, secret = Person(), Person("pw")
    answer = ask_person(
        form({"p": {"type": "string", "format": "password"}}), open_person.read, secret.read
    )
    assert answer["content"] == {"p": "pw"}
    assert not open_person.prompts
