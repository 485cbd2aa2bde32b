"""Changes are told once for a burst, and never after the end."""

from __future__ import annotations

import asyncio

from jupyter_mcp.toolsets.notebooks.announcements import Announcer


class Heard:
    def __init__(self) -> None:
        self.changed: list[str] = []
        self.appeared = 0
        self.told = asyncio.Event()
        self.announcer = Announcer(self.publish, self.appear)

    def publish(self, path: str) -> None:
        self.changed.append(path)
        self.told.set()

    def appear(self) -> None:
        self.appeared += 1


async def test_a_burst_of_changes_is_told_once_for_each_notebook() -> None:
    heard = Heard()
    heard.announcer.start()
    for _ in range(50):
        heard.announcer.changed("a.ipynb")
        heard.announcer.changed("b.ipynb")
    async with asyncio.timeout(30):
        await heard.told.wait()
    assert sorted(heard.changed) == ["a.ipynb", "b.ipynb"]
    heard.told.clear()
    heard.announcer.changed("a.ipynb")
    async with asyncio.timeout(30):
        await heard.told.wait()
    assert heard.changed.count("a.ipynb") == 2


async def test_a_notebook_that_was_not_known_appears_once() -> None:
    heard = Heard()
    heard.announcer.start()
    heard.announcer.know("old.ipynb")
    for path in ("old.ipynb", "new.ipynb", "new.ipynb"):
        await asyncio.get_running_loop().run_in_executor(None, heard.announcer.saved, path)
    async with asyncio.timeout(30):
        await heard.told.wait()
    assert heard.appeared == 1


async def test_nothing_is_told_before_the_start_or_after_the_end() -> None:
    heard = Heard()
    heard.announcer.changed("a.ipynb")
    heard.announcer.saved("a.ipynb")
    heard.announcer.start()
    heard.announcer.changed("a.ipynb")
    heard.announcer.stop()
    heard.announcer.changed("a.ipynb")
    await asyncio.sleep(0.15)  # longer than changes are gathered: nothing may happen
    assert heard.changed == []
