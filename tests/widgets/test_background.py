from __future__ import annotations

import threading

from jupyter_mcp.widgets.background import Background, Inputs


def test_stop_ends_the_threads() -> None:
    background, begun = Background(), threading.Event()

    def work() -> None:
        begun.set()
        background.stopped.wait(60)

    background.start("a test", work)
    assert begun.wait(30)
    background.stop()
    assert not [t for t in threading.enumerate() if t.name == "jupyter-mcp a test"]


def test_what_came_before_the_end_is_still_handed_out() -> None:
    inputs = Inputs()
    inputs.put({"n": 1})
    inputs.put({"n": 2})
    inputs.end()
    assert inputs.batch() == [{"n": 1}, {"n": 2}]
    assert inputs.batch() is None
    assert inputs.batch() is None


def test_a_batch_waits_for_the_first_message() -> None:
    inputs = Inputs()
    found: list[object] = []
    reader = threading.Thread(target=lambda: found.append(inputs.batch()))
    reader.start()
    inputs.put({"n": 1})
    reader.join(30)
    assert found == [[{"n": 1}]]
