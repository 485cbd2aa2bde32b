"""Nobody makes a token that can do more than they can."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.policy.paths import Globs, normal_glob
from jupyter_mcp.security.tokens.limits import within
from support.tokens import ANN, DAY, Mint, minting

BOB = replace(ANN, id="user:bob", scopes=frozenset({"read", "edit"}), kind="user")


async def fails(mint: Mint, maker: Any, *scopes: str, **options: Any) -> tuple[str, str]:
    with pytest.raises(ToolError) as caught:
        await mint.make(maker, *scopes, **options)
    assert "\n" not in str(caught.value)
    return caught.value.code, str(caught.value)


async def test_scopes_of_the_maker_are_the_most(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        assert (await mint.client(BOB, "read", "edit")).scopes == {"read", "edit"}
        code, text = await fails(mint, BOB, "execute")
        assert code == "forbidden"
        assert "'execute'" in text
        assert (await fails(mint, BOB, "fly"))[0] == "invalid_arguments"
        with pytest.raises(ToolError, match="at least one scope"):
            await mint.tokens.create(ANN, [], expires_seconds=DAY)


async def test_a_client_makes_narrower_tokens_that_end_no_later(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        limits: dict[str, Any] = {"toolsets": ["jobs", "trust"], "notebooks": ["course/*"]}
        maker = await mint.client(ANN, "read", "admin", **limits)
        narrower = await mint.client(
            maker, "read", toolsets=["jobs"], notebooks=["course/a.ipynb"], expires_seconds=60
        )
        assert narrower.maker == maker
        inherited = await mint.client(maker, "read")
        assert inherited.toolsets == {"jobs", "trust"}
        assert inherited.notebooks == ("course/*",)
        for more in (
            {"toolsets": ["notebooks"]},
            {"notebooks": ["*"]},
            {"notebooks": ["course/a.ipynb", "exam.ipynb"]},
            {"expires_seconds": DAY + 1},
        ):
            assert (await fails(mint, maker, "read", **more))[0] == "forbidden"
        assert (await fails(mint, maker, "edit"))[0] == "forbidden"


async def test_the_end_of_a_client_is_that_of_its_family_not_of_its_access_token(
    tmp_path: Path,
) -> None:
    async with minting(tmp_path, access_token_seconds=60) as mint:
        maker = await mint.client(ANN, "read", expires_seconds=DAY)
        made = await mint.make(maker, expires_seconds=DAY)
        assert made.family.expires == mint.clock.now + DAY


@pytest.mark.parametrize(
    "options",
    [
        {"expires_seconds": 0},
        {"expires_seconds": 10 * 366 * DAY},
        {"notebooks": []},
        {"notebooks": [""]},
        {"notebooks": ["a\nb"]},
        {"notebooks": ["../other/*"]},
        {"notebooks": ["x" * 501]},
        {"notebooks": [f"{number}" for number in range(101)]},
        {"toolsets": []},
        {"name": "x" * 101},
        {"name": "\u202ename"},
    ],
)
async def test_nonsense_is_told_in_one_line(tmp_path: Path, options: dict[str, Any]) -> None:
    async with minting(tmp_path) as mint:
        assert (await fails(mint, ANN, "read", **options))[0] == "invalid_arguments"


async def test_a_toolset_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with minting(tmp_path) as mint:
        mint.tokens.known_toolsets = lambda: ["jobs", "notebooks"]
        code, text = await fails(mint, ANN, "read", toolsets=["note"])
        assert code == "invalid_arguments"
        assert "Choose from: jobs, notebooks." in text


@pytest.mark.parametrize(
    ("glob", "outer", "inside"),
    [
        ("course/*", "course/*", True),
        ("course/a*", "course/*", True),
        ("course/a.ipynb", "course/*", True),
        ("course/a/b.ipynb", "course/*", True),
        ("course/a/*", "course/", True),
        ("course/", "course/*", True),
        ("course/?.ipynb", "course/*", True),
        ("course/*", "course/?.ipynb", False),
        ("*", "course/*", False),
        ("cours*", "course/*", False),
        ("exam/a.ipynb", "course/*", False),
        ("course/[ab].ipynb", "course/?.ipynb", False),
    ],
)
def test_globs_are_compared_to_the_safe_side(glob: str, outer: str, inside: bool) -> None:
    assert within(glob, outer) is inside


PIECES = st.lists(st.sampled_from(["a", "b", "/", "*", "**", "?", "."]), max_size=5).map("".join)


@given(PIECES, PIECES, st.text("ab/.", max_size=6))
def test_no_path_of_a_narrower_glob_is_outside(glob: str, outer: str, path: str) -> None:
    if within(glob, outer) and path in Globs([normal_glob(glob)]):
        assert path in Globs([normal_glob(outer)])
