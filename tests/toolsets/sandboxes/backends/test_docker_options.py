"""Labels and names carry a specification there and back, whatever its owner is called."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.toolsets.sandboxes.backends.docker_labels import (
    CLAIMED,
    claimed_name,
    handle_of,
    labels_of,
    name_of,
)
from jupyter_mcp.toolsets.sandboxes.backends.docker_options import container_options
from jupyter_mcp.toolsets.sandboxes.spec import Limits, Mount, SandboxSpec

TEXTS = st.text(max_size=60)
TIMES = st.floats(min_value=0, max_value=1e11)
SPECS = st.builds(
    SandboxSpec,
    id=st.from_regex(r"sb-[0-9a-f]{12}", fullmatch=True),
    owner=TEXTS,
    namespace=TEXTS,
    expires=TIMES,
    created=TIMES,
    name=TEXTS,
    image=TEXTS,
    limits=st.builds(Limits, memory=st.integers(1, 2**50), cpus=st.floats(0.1, 64)),
    mounts=st.lists(st.builds(Mount, TEXTS, TEXTS, st.booleans()), max_size=3).map(tuple),
    is_member=st.booleans(),
    timeout=TIMES,
    has_network=st.booleans(),
)


def _listed(spec: SandboxSpec, name: str) -> dict[str, object]:
    labels = labels_of(spec)
    return {"Id": "c0ffee", "Labels": labels, "Names": [f"/{name}"], "State": "running"}


@given(SPECS)
def test_labels_tell_the_whole_specification(spec: SandboxSpec) -> None:
    handle = handle_of(_listed(spec, name_of(spec.id)))
    assert handle is not None
    assert handle.spec == spec


@given(SPECS, SPECS)
def test_the_name_tells_what_a_claim_changed(spec: SandboxSpec, asked: SandboxSpec) -> None:
    claimed = replace(spec, **{key: getattr(asked, key) for key in CLAIMED})
    said = claimed_name(claimed)
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", said)
    handle = handle_of(_listed(spec, said))
    assert handle is not None
    assert handle.spec == claimed


@given(st.dictionaries(TEXTS.map(lambda key: f"jupyter-mcp.{key}"), TEXTS), TEXTS)
def test_what_is_not_ours_is_passed_over(labels: dict[str, str], name: str) -> None:
    assert handle_of({"Id": "x", "Labels": labels, "Names": [name]}) is None
    spec = SandboxSpec(id="sb-1", owner="", namespace="", expires=0, created=0)
    broken = _listed(spec, f"{name_of('sb-1')}.{name}!")
    found = handle_of(broken)
    assert found is None or found.spec.id == "sb-1"


def test_the_environment_of_the_server_is_not_that_of_a_sandbox() -> None:
    spec = SandboxSpec(id="sb-1", owner="ann", namespace="", expires=9, created=0)
    options = container_options(spec, "sha256:1", 9)
    assert set(options["environment"]) == {
        *("HOME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "JUPYTER_MCP_SANDBOX"),
        "PYTHONDONTWRITEBYTECODE",
        *("MEM_LIMIT", "CPU_LIMIT", "PIDS_LIMIT"),
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOMAXPROCS"),
    }
    assert options["use_config_proxy"] is False
