from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.secrets.secrets import Secrets, _replaced, references
from jupyter_mcp.security.secrets.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Secrets, list[str]]]:
    threads, learned = Executor(1), []
    try:
        yield Secrets(Vault(folder, "file"), threads, learned.append), learned
    finally:
        threads.stop()


async def test_references_are_resolved_at_any_depth(tmp_path: Path) -> None:
    with opened(tmp_path) as (secrets, learned):
        await secrets.set("A", "alpha-value")
        await secrets.set("B", "${secret:A}")
        value = {"env": ["x=${secret:A}:${secret:B}", 1, None], "${secret:A}": ("$${secret:A}",)}
        resolved = await secrets.resolve(value)
        assert resolved == {
            "env": ["x=alpha-value:${secret:A}", 1, None],
            "${secret:A}": ("${secret:A}",),
        }
        assert learned[:2] == ["alpha-value", "${secret:A}"]
        assert "alpha-value" not in repr(secrets)


async def test_an_unknown_name_says_how_to_set_it(tmp_path: Path) -> None:
    with opened(tmp_path) as (secrets, _), pytest.raises(ToolError) as refused:
        await secrets.resolve("${secret:NOPE}")
    assert refused.value.code == "not_found"
    assert "jupyter mcp secret set" in refused.value.remedy


async def test_values_are_learnt_before_anything_uses_them(tmp_path: Path) -> None:
    with opened(tmp_path) as (secrets, learned):
        await secrets.learn()
        assert learned == []
        Vault(tmp_path, "file").set("A", "alpha-value")
        await secrets.learn()
        await secrets.learn()
        assert learned == ["alpha-value"]
        Vault(tmp_path, "file").set("B", "beta-value")
        await secrets.learn()
        assert learned[1:] == ["alpha-value", "beta-value"]


async def test_a_change_by_another_process_is_seen(tmp_path: Path) -> None:
    with opened(tmp_path) as (secrets, learned):
        Vault(tmp_path, "file").set("A", "old value")
        assert await secrets.get("A") == "old value"
        Vault(tmp_path, "file").set("A", "new value")
        assert await secrets.resolve("${secret:A}") == "new value"
        assert learned == ["old value", "new value"]
        Vault(tmp_path, "file").delete("A")
        with pytest.raises(ToolError):
            await secrets.get("A")


@pytest.mark.parametrize("text", ["${secret:}", "${secret:a b}", "${secret:1}", "${secret:a\n}"])
def test_a_reference_to_no_name_is_refused(text: str) -> None:
    with pytest.raises(ToolError) as refused:
        references(text)
    assert refused.value.code == "invalid_arguments"


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
plain = st.text().filter(lambda text: "${secret:" not in text)
values = st.dictionaries(names, st.text(), min_size=1)


@given(plain)
def test_text_without_references_stays_as_it_is(text: str) -> None:
    assert references(text) == set()
    assert _replaced(text, {}) == text


@given(values, st.data())
def test_each_reference_is_replaced_once(kept: dict[str, str], data: Any) -> None:
    """What stands around a reference, and what a secret holds, stays as it is."""
    around = st.text(st.characters(exclude_characters="${}"))
    parts = data.draw(st.lists(st.tuples(around, st.sampled_from(sorted(kept)))))
    text = "".join(f"{before}${{secret:{name}}}" for before, name in parts)
    assert references(text) == {name for _, name in parts}
    assert _replaced(text, kept) == "".join(before + kept[name] for before, name in parts)


@given(names, plain.filter(lambda text: not text.endswith("$")))
def test_a_second_dollar_keeps_the_text(name: str, before: str) -> None:
    assert _replaced(f"{before}$${{secret:{name}}}", {}) == f"{before}${{secret:{name}}}"


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = references(text + "${secret:" + text)
    except ToolError:
        return
    assert isinstance(_replaced(text, dict.fromkeys(found, "x")), str)
