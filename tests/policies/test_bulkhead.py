from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.policies.bulkhead import Bulkhead
from support.clock import Clock
from support.policies import turn


@given(st.lists(st.sampled_from(["come", "end", "leave"]), max_size=80), st.integers(1, 3))
def test_a_bulkhead_keeps_its_order_whatever_happens(steps: list[str], most: int) -> None:
    async def walk() -> None:
        bulkhead = Bulkhead(most, 1000, Clock())
        order: list[int] = []
        running: list[int] = []
        waiting: dict[int, asyncio.Task[None]] = {}

        async def come(number: int) -> None:
            await bulkhead.wait()
            order.append(number)
            running.append(number)

        expected: list[int] = []
        for number, step in enumerate(steps):
            if step == "come" and bulkhead.is_free:
                bulkhead.begin()
                running.append(number)
            elif step == "come":
                waiting[number] = asyncio.create_task(come(number))
                expected.append(number)
            elif step == "end" and running:
                running.pop(0)
                bulkhead.end(1000.0)
            elif step == "leave" and (left := [n for n, t in waiting.items() if not t.done()]):
                waiting[left[0]].cancel()
                expected.remove(left[0])
            await turn()
            assert bulkhead.running == len(running) <= most
            assert bulkhead.running == most or bulkhead.waiting == 0
        assert order == expected[: len(order)]
        for task in waiting.values():
            task.cancel()
        await turn()
        assert bulkhead.waiting == 0
        assert bulkhead.running == len(running)

    asyncio.run(walk())
