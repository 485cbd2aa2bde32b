"""What may be asked for: images, memory, folders, isolation, a network, names, sizes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.config import Settings
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.sessions.images_allowed import allows
from jupyter_mcp.toolsets.sandboxes.sessions.store import Record
from jupyter_mcp.toolsets.sandboxes.sessions.wish import Wish, grant
from jupyter_mcp.toolsets.sandboxes.sizes import bytes_of, size_of
from jupyter_mcp.toolsets.sandboxes.spec import MIB, Isolation, Mount

DIGEST = "sha256:" + "a" * 64
SETTINGS = Settings(
    sandbox_images=("jupyter-mcp/*", "python", "registry.test/team/**", "debian:12"),
    sandbox_memory="1g",
    sandbox_mounts=(("data", "/srv/data:/data"), ("out", "/srv/out:/out:rw"), ("bad", "x")),
)


def refusal(wish: Wish, settings: Settings = SETTINGS) -> ToolError:
    with pytest.raises(ToolError) as caught:
        grant(wish, settings)
    return caught.value


@pytest.mark.parametrize(
    "image",
    [
        "jupyter-mcp/dev",
        "jupyter-mcp/dev:latest",
        f"jupyter-mcp/dev@{DIGEST}",
        f"jupyter-mcp/dev:1@{DIGEST}",
        "docker.io/jupyter-mcp/dev",
        "python",
        "python:3.12-slim",
        "docker.io/library/python:3",
        "library/python",
        "registry.test/team/a/b:1",
        "debian:12",
    ],
)
def test_images_are_allowed_with_tags_digests_and_long_names(image: str) -> None:
    assert allows(SETTINGS.sandbox_images, image)
    assert grant(Wish(image=image), SETTINGS).image == image


@pytest.mark.parametrize(
    "image",
    [
        "evil.test/jupyter-mcp/dev",
        "jupyter-mcp/dev/more",
        "jupyter-mcp/../dev",
        "python.evil.test/x",
        "pythonx",
        "evil.test/python",
        "evil.test:5000/python",
        "debian",
        "debian:11",
        "debian:120",
        "registry.test/teams/a",
        "jupyter-mcp/dev --privileged",
        "jupyter-mcp/dev\n",
        "JUPYTER-MCP/dev",
        DIGEST,
        "",
        "a" * 400,
    ],
)
def test_other_images_are_not(image: str) -> None:
    assert not allows(SETTINGS.sandbox_images, image)
    if image:
        error = refusal(Wish(image=image))
        assert error.code == "forbidden"
        assert "sandbox_images" in error.remedy


def test_memory_is_granted_up_to_the_setting_and_tmp_stays_below_it() -> None:
    assert grant(Wish(), SETTINGS).limits.memory == 512 * MIB
    assert grant(Wish(), Settings(sandbox_memory="256m")).limits.memory == 256 * MIB
    for memory in (64 * MIB, 100 * MIB, 1024 * MIB):
        limits = grant(Wish(memory=memory), SETTINGS).limits
        assert limits.memory == memory
        assert limits.tmp <= memory // 4, "a tmpfs counts as memory"
    assert "sandbox_memory" in refusal(Wish(memory=1024 * MIB + 1)).remedy
    assert "512m" in refusal(Wish(memory=1)).remedy


def test_folders_are_lent_by_name_and_read_only_unless_told() -> None:
    terms = grant(Wish(mounts=("data", "out")), SETTINGS)
    assert terms.mounts == (
        Mount("/srv/data", "/data"),
        Mount("/srv/out", "/out", read_only=False),
    )
    for name in ("/etc", "other", "/srv/data:/data"):
        error = refusal(Wish(mounts=(name,)))
        assert error.code == "forbidden"
        assert "data, out" in error.remedy
    assert "sandbox_mounts" in refusal(Wish(mounts=("bad",))).message


def test_a_network_needs_domains() -> None:
    error = refusal(Wish(network=True))
    assert error.code == "forbidden"
    assert "sandbox_domains" in error.remedy
    assert grant(Wish(network=True), Settings(sandbox_domains=("pypi.org",))).wish.network


def test_isolation_is_never_below_the_least() -> None:
    assert grant(Wish(isolation="container"), SETTINGS).level is Isolation.CONTAINER
    assert grant(Wish(), SETTINGS).level is None
    error = refusal(Wish(isolation="process"))
    assert error.code == "forbidden"
    assert "sandbox_min_isolation" in error.remedy
    assert refusal(Wish(isolation="jail")).code == "invalid_arguments"


def test_a_timeout_is_within_the_absolute_limit() -> None:
    assert grant(Wish(), SETTINGS).timeout == 1800
    assert grant(Wish(), Settings(sandbox_max_seconds=60)).timeout == 60
    assert grant(Wish(timeout=5), SETTINGS).timeout == 5
    for seconds in (0.5, 86_401.0, -1.0, float("nan"), float("inf")):
        assert refusal(Wish(timeout=seconds)).code == "invalid_arguments"


@pytest.mark.parametrize("name", ["A", "a b", "../x", "-a", "x" * 64, "sb-0123456789ab", "a\n"])
def test_a_name_is_a_plain_word_and_no_identifier(name: str) -> None:
    assert refusal(Wish(name=name)).code == "invalid_arguments"


@given(st.integers(0, 2**49))
def test_sizes_are_read_as_they_are_written(number: int) -> None:
    assert bytes_of(size_of(number)) == number


@given(st.text(max_size=30))
def test_what_is_no_size_is_refused(text: str) -> None:
    with contextlib.suppress(ToolError):
        assert bytes_of(text) >= 0


@given(st.binary(max_size=60))
def test_what_the_store_holds_may_be_anything(data: bytes) -> None:
    found = Record.from_bytes(data)
    assert found is None or isinstance(found, Record)


@given(
    timeout=st.floats(1, 1e6),
    left=st.floats(1, 1e6),
    waits=st.lists(st.tuples(st.booleans(), st.floats(0, 1e5)), max_size=20),
)
def test_clocks_stand_still_while_paused(
    timeout: float, left: float, waits: list[tuple[bool, float]]
) -> None:
    now = 1e9
    record = Record(timeout, now + min(timeout, left), now + left)
    ran = 0.0
    for is_paused, seconds in waits:
        record = record.stopped(now) if is_paused else record.going(now)
        now += seconds
        ran += 0.0 if is_paused else seconds
    record = record.going(now)
    assert record.ends - now == pytest.approx(max(left - ran, 0.0), abs=1e-2) or ran > left
    assert record.idle_ends <= record.ends
