from __future__ import annotations

from jupyter_mcp.calls import Result
from jupyter_mcp.policies.lru import CachedResult, TaggedLru


def test_a_memory_is_bounded_by_bytes() -> None:
    memory = TaggedLru(100)
    for number in range(50):
        memory.put(str(number), CachedResult(Result(), 30, 0, 10, frozenset({"tag"})))
    assert (len(memory), memory.size) == (3, 90)
    memory.put("huge", CachedResult(Result(), 101, 0, 10))
    assert memory.get("huge", 1) is None
    assert memory.get("49", 1) is not None
    assert memory.get("49", 11) is None
    memory.drop("tag")
    assert (len(memory), memory.size, memory._tagged) == (0, 0, {})
