"""Names of keys as xdotool, browsers and models write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.desktop.keys import (
    combination,
    combinations,
    keysym,
    together,
)
from jupyter_mcp.toolsets.sandboxes.desktop.keysyms import ALIASES, KEYSYMS

CONTROL, SHIFT, RETURN = 0xFFE3, 0xFFE1, 0xFF0D


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ctrl+s", [CONTROL, ord("s")]),
        ("Return", [RETURN]),
        ("ENTER", [RETURN]),
        ("Page_Down", [0xFF56]),
        ("PageDown", [0xFF56]),
        ("ctrl+shift+t", [CONTROL, SHIFT, ord("t")]),
        ("ctrl++", [CONTROL, ord("+")]),
        ("+", [ord("+")]),
        ("plus", [ord("+")]),
        ("F5", [0xFFC2]),
        ("KP_7", [0xFFB7]),
        ("adiaeresis", [0xE4]),
        ("ä", [0xE4]),
        ("€", [0x010020AC]),
        ("U20AC", [0x010020AC]),
        ("asciitilde", [ord("~")]),
        ("ydiaeresis", [0xFF]),
        ("at", [ord("@")]),
        ("grave", [ord("`")]),
        ("slash", [ord("/")]),
    ],
)
def test_a_combination_is_read_as_xdotool_reads_it(text: str, expected: list[int]) -> None:
    assert combination(text) == expected


def test_combinations_follow_each_other() -> None:
    assert combinations("ctrl+a BackSpace") == [[CONTROL, ord("a")], [0xFF08]]
    assert combinations(" ") == [[ord(" ")]]


def test_a_list_of_openai_presses_letters_as_keys() -> None:
    assert together(["CTRL", "A"]) == [CONTROL, ord("a")]
    assert together(["ARROWLEFT"]) == [0xFF51]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("Retrun", "Return"), ("Pagedwn", "Page_Down"), ("ctl", "ctrl"), ("Escap", "Escape")],
)
def test_an_unknown_key_names_the_nearest(wrong: str, meant: str) -> None:
    with pytest.raises(ToolError, match=f"There is no key '{wrong}'") as error:
        combination(wrong)
    assert error.value.code == "invalid_arguments"
    nearest = [ALIASES.get(name, name) for name in error.value.data["nearest"]]
    assert ALIASES.get(meant, meant) in nearest
    assert meant in error.value.remedy or nearest


@pytest.mark.parametrize(
    "text", ["", "ctrl+", "+a", "a+b+c+d+e+f+g+h+i", "\x00", "U110000", "UD800"]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ToolError) as error:
        combinations(text)
    assert error.value.code == "invalid_arguments"
    assert error.value.remedy


@given(st.lists(st.sampled_from(sorted(KEYSYMS)), min_size=1, max_size=8))
def test_every_name_is_known_alone_and_with_others(names: list[str]) -> None:
    assert combination("+".join(names)) == [KEYSYMS[name] for name in names]


@given(st.text(max_size=60))
def test_any_text_is_keys_or_a_clear_error(text: str) -> None:
    refused: ToolError | None = None
    found: list[list[int]] = []
    try:
        found = combinations(text)
    except ToolError as error:
        refused = error
    if refused is not None:
        assert refused.code == "invalid_arguments"
        assert "\n" not in str(refused)
    assert bool(found) == (refused is None)
    assert all(0 < code < 1 << 29 for keys in found for code in keys)


@given(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Zs", "Zl", "Zp", "Cf", "Co"]))
def test_a_character_stands_for_itself(character: str) -> None:
    code = keysym(character)
    assert code in {ord(character), 0x01000000 | ord(character)}
