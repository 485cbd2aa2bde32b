"""What a sandbox tells of itself is claimed, and nothing more."""

from __future__ import annotations

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backends.docker_probe import (
    LIMITS,
    demand_confinement,
    limits_of,
)
from jupyter_mcp.toolsets.sandboxes.backends.docker_usage import usage_of

V1 = f"""\
memory.1855488
pids.6
cpu.55965615
cpustat.nr_periods 3
oom.oom_kill_disable 0
oom.oom_kill 2
memlimit.{LIMITS.memory}
pidslimit.48
quota.50000
period.100000
nofile.128
"""
V2 = f"""\
memory.1855488
pids.6
cpustat.usage_usec 55965
oom.oom 3
oom.oom_kill 2
memlimit.{LIMITS.memory}
pidslimit.48
cpumax.50000 100000
nofile.128
"""
ROOTLESS_V1 = """\
memory.900000000
memlimit.9223372036854771712
pidslimit.max
quota.-1
period.100000
nofile.1024
"""
CONFINED = """\
status.Uid: 1000\t1000\t1000\t1000
status.CapPrm: 0000000000000000
status.CapEff: 0000000000000000
status.CapBnd: 0000000000000000
status.CapAmb: 0000000000000000
status.NoNewPrivs: 1
status.Seccomp: 2
root.ro
net.lo
"""


@pytest.mark.parametrize("text", [V1, V2])
def test_limits_and_figures_of_both_versions_of_cgroups(text: str) -> None:
    assert set(limits_of(text).values()) == {"enforced", "per_process", "polled"}
    usage = usage_of(text + "disk.4\n")
    assert (usage.memory, usage.pids, usage.oom_kills, usage.disk) == (1855488, 6, 2, 4096)
    assert usage.cpu == pytest.approx(0.055965, abs=1e-5)


@pytest.mark.parametrize("text", [ROOTLESS_V1, "", "memlimit.\npidslimit. \ncpumax.max 100000"])
def test_a_rootless_podman_that_ignores_limits_is_not_believed(text: str) -> None:
    held = limits_of(text)
    assert {held[name] for name in ("memory", "pids", "cpu", "nofile")} == {"none"}


def test_what_is_confined_passes_and_a_missing_filter_is_told() -> None:
    assert demand_confinement(CONFINED) == ()
    (note,) = demand_confinement(CONFINED.replace("Seccomp: 2", "Seccomp: 0"))
    assert "seccomp" in note


@pytest.mark.parametrize(
    ("kept", "broken", "said"),
    [
        ("Uid: 1000", "Uid: 0", "ordinary user"),
        ("CapBnd: 0000000000000000", "CapBnd: 00000000a80425fb", "capabilities"),
        ("status.CapEff: 0000000000000000\n", "", "capabilities"),
        ("NoNewPrivs: 1", "NoNewPrivs: 0", "privileges"),
        ("net.lo", "net.eth0\nnet.lo", "network"),
        ("root.ro", "root.rw", "read-only root"),
        (CONFINED, "", "ordinary user"),
    ],
)
def test_what_does_not_hold_is_refused_by_name(kept: str, broken: str, said: str) -> None:
    with pytest.raises(ToolError, match=said) as told:
        demand_confinement(CONFINED.replace(kept, broken))
    assert told.value.code == "unavailable"
