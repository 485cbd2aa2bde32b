"""Which keys get which meaning, so that any text can be typed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.sandboxes.desktop.inside.keyboard import (
    Spares,
    batches,
    keysym_of,
    rows,
)

ORDINARY = range(0x20, 0x7F)


def test_keysyms_of_characters() -> None:
    assert keysym_of("a") == 0x61
    assert keysym_of("ü") == 0xFC
    assert keysym_of("€") == 0x010020AC
    assert keysym_of("\n") == 0xFF0D
    assert keysym_of("😀") == 0x0101F600


@given(st.lists(st.integers(0x20, 0x120)), st.integers(1, 19))
def test_no_part_needs_more_keys_than_there_are(keysyms: list[int], most: int) -> None:
    parts = batches(keysyms, ORDINARY, most)
    assert [keysym for part in parts for keysym in part] == keysyms
    assert all(len({k for k in part if k not in ORDINARY}) <= most for part in parts)


@given(st.lists(st.sets(st.integers(1000, 1040), max_size=5)))
def test_each_key_means_what_was_bound_last(rounds: list[set[int]]) -> None:
    spares = Spares(range(8, 13))
    layout: dict[int, int] = {}
    for wanted in rounds:
        fresh, takes = spares.bind(sorted(wanted))
        assert takes == any(keycode in layout for keycode in fresh)
        layout |= fresh
        for keysym in wanted:
            keycode = spares.keycode(keysym)
            assert keycode is not None
            assert layout[keycode] == keysym


def test_what_is_bound_already_is_not_bound_again() -> None:
    spares = Spares([8, 9])
    assert spares.bind([1, 2])[0].keys() == {8, 9}
    assert spares.bind([2, 1]) == ({}, False)
    fresh, takes = spares.bind([1, 3])
    assert (list(fresh.values()), takes) == ([3], True)
    assert spares.keycode(1) is not None
    assert spares.keycode(2) is None


@given(st.dictionaries(st.integers(8, 255), st.integers(1)))
def test_neighbouring_keys_are_changed_at_once(fresh: dict[int, int]) -> None:
    runs = rows(fresh)
    told = {first + at: keysym for first, run in runs for at, keysym in enumerate(run)}
    assert told == fresh
    assert len(runs) == sum(keycode - 1 not in fresh for keycode in fresh)
