"""Turns at a kernel."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_mcp.toolsets.notebooks.queueing import Queue, Ticket


async def test_first_come_first_served() -> None:
    queue = Queue()
    order: list[int] = []

    async def one(number: int) -> None:
        ticket = await queue.enter()
        order.append(number)
        await asyncio.sleep(0)
        ticket.leave()

    await asyncio.gather(*(one(number) for number in range(10)))
    assert order == list(range(10))
    assert not queue.busy


async def test_the_cancelled_leave_and_the_rest_move_up() -> None:
    queue = Queue()
    holder = await queue.enter()
    waiting = [asyncio.create_task(queue.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    assert queue.waiting == 3
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    assert queue.waiting == 2
    waiting[1].cancel()
    holder.leave()
    last = await asyncio.wait_for(waiting[2], 30)
    assert waiting[1].cancelled()
    last.leave()
    last.leave()
    assert not queue.busy


async def test_one_that_is_cancelled_with_its_turn_passes_it_on() -> None:
    queue = Queue()
    holder = await queue.enter()
    unlucky, next_one = (asyncio.create_task(queue.enter()) for _ in range(2))
    await asyncio.sleep(0)
    holder.leave()
    unlucky.cancel()
    ticket: Ticket = await asyncio.wait_for(next_one, 30)
    ticket.leave()
    await asyncio.gather(unlucky, return_exceptions=True)
    assert not queue.busy
