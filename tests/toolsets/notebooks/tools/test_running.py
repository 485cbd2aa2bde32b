"""Running code and cells, as a client meets it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
from pathlib import Path
from typing import Any

import pytest

from support.kernels import until, write_parrot
from support.notebooks import code, markdown, on_disk
from support.workshops import Client, Workshop, images, links, notebooks, texts, workshop

pytestmark = pytest.mark.asyncio(loop_scope="module")

GO = "goes-on"

PICTURE = """
import base64, io
from IPython.display import display
from PIL import Image
buffer = io.BytesIO()
Image.effect_noise(({width}, {height}), 50).save(buffer, "PNG")
display({{"image/png": buffer.getvalue()}}, raw=True)
"""


def _held(shop: Workshop) -> str:
    """Return code that prints and ends when there is a file `GO`."""
    go = shop.root / GO
    go.unlink(missing_ok=True)
    return (
        "import pathlib, time\nprint('kept', flush=True)\n"
        f"while not pathlib.Path({str(go)!r}).exists():\n    time.sleep(0.01)"
    )


def _id(started: dict[str, Any]) -> dict[str, str]:
    return {"kernel_id": started["kernel_id"]}


class TestCells:
    async def test_all_cells_run_and_are_saved(self, shop: Workshop) -> None:
        file = shop.notebook(
            markdown("# Sums", "m"), code("a = 20", "a"), code("print(a)\na + 1", "b")
        )
        result = await shop.ask("cell_run", path="nb.ipynb")
        value = result.structured or {}
        assert (value["status"], result.is_error) == ("ok", False)
        assert [(cell["cell_id"], cell["status"], cell["text"]) for cell in value["cells"]] == [
            ("a", "ok", ""),
            ("b", "ok", "20\n21"),
        ]
        assert [output["output_type"] for output in shop.outputs("b")] == [
            "stream",
            "execute_result",
        ]
        assert [cell.get("execution_count") for cell in on_disk(file)["cells"]] == [None, 1, 2]

    async def test_the_first_error_stops_the_rest(self, shop: Workshop) -> None:
        shop.notebook(code("1", "a"), code("1 / 0", "b"), code("3", "c"), name="e.ipynb")
        result = await shop.ask("cell_run", path="e.ipynb")
        value = result.structured or {}
        assert (result.is_error, value["status"], value["not_run"]) == (True, "error", ["c"])
        error = value["cells"][1]["error"]
        assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")
        assert "\x1b" not in error["traceback"]
        assert "1 / 0" in error["traceback"]
        assert "ZeroDivisionError" in texts(result)
        assert "Not run: c" in texts(result)
        assert shop.outputs("b", "e.ipynb")[0]["output_type"] == "error"

    async def test_some_cells_and_from_a_cell_on(self, shop: Workshop) -> None:
        shop.notebook(code("1", "a"), code("2", "b"), code("3", "c"), name="s.ipynb")
        some = await shop.do("cell_run", path="s.ipynb", cell_ids=["c", "a"])
        assert [cell["cell_id"] for cell in some["cells"]] == ["c", "a"]
        rest = await shop.do("cell_run", path="s.ipynb", start="b")
        assert [cell["cell_id"] for cell in rest["cells"]] == ["b", "c"]

    async def test_private_cells_are_not_there(self, shop: Workshop) -> None:
        shop.notebook(code("1", "a"), code("hid = 1", "p", tags=["private"]), name="p.ipynb")
        ran = await shop.do("cell_run", path="p.ipynb")
        assert [cell["cell_id"] for cell in ran["cells"]] == ["a"]
        error = await shop.refused("cell_run", path="p.ipynb", cell_ids=["p"])
        assert error.code == "not_found"

    async def test_bad_wishes(self, shop: Workshop) -> None:
        shop.notebook(markdown("text", "m"), code("1", "a"), name="w.ipynb")
        for wish, error in [
            ({"path": "none.ipynb"}, "not_found"),
            ({"path": "../out.ipynb"}, "forbidden"),
            ({"path": "w.ipynb", "cell_ids": ["nope"]}, "not_found"),
            ({"path": "w.ipynb", "cell_ids": ["m"]}, "invalid_arguments"),
            ({"path": "w.ipynb", "cell_ids": ["a"], "start": "a"}, "invalid_arguments"),
            ({"path": "w.ipynb", "timeout": -1}, "invalid_arguments"),
        ]:
            assert (await shop.refused("cell_run", **wish)).code == error

    async def test_the_kernel_of_the_open_session_is_used(self, shop: Workshop) -> None:
        shop.notebook(code("mark", "a"), name="o.ipynb")
        session = await shop.app.session_manager.create_session(
            path="o.ipynb", name="o.ipynb", type="notebook", kernel_name="python3"
        )
        kernel_id = session["kernel"]["id"]
        await shop.do("kernel_execute", code="mark = 'theirs'", kernel_id=kernel_id)
        ran = await shop.do("cell_run", path="o.ipynb")
        assert (ran["kernel_id"], ran["cells"][0]["text"]) == (kernel_id, "'theirs'")

    async def test_a_new_kernel_is_one_session_that_jupyterlab_shows(self, shop: Workshop) -> None:
        shop.notebook(code("1", "a"), name="n.ipynb")
        ran = await asyncio.gather(*(shop.do("cell_run", path="n.ipynb") for _ in range(3)))
        assert len({each["kernel_id"] for each in ran}) == 1
        sessions = await shop.app.session_manager.list_sessions()
        mine = [session for session in sessions if session["path"] == "n.ipynb"]
        assert [session["kernel"]["id"] for session in mine] == [ran[0]["kernel_id"]]

    async def test_a_kernel_of_its_own_is_stopped_and_no_other(self, shop: Workshop) -> None:
        shop.notebook(code("1", "a"), name="own.ipynb")
        ran = await shop.do("cell_run", path="own.ipynb", stop_kernel=True)
        assert ran["kernel_id"] not in shop.app.kernel_manager
        kernel = (await shop.do("kernel_start", path="own.ipynb"))["kernel_id"]
        await shop.do("cell_run", path="own.ipynb", stop_kernel=True)
        assert kernel in shop.app.kernel_manager

    async def test_a_cancelled_run_stops_a_kernel_of_its_own(self, shop: Workshop) -> None:
        client = Client()
        slow = "import time\nprint('begun', flush=True)\ntime.sleep(25)"
        shop.notebook(code(slow, "a"), name="stopped.ipynb")
        run = shop.ask("cell_run", client, path="stopped.ipynb", stop_kernel=True)
        task = asyncio.create_task(run)
        await until(lambda: "begun" in client.text)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        sessions = await shop.app.session_manager.list_sessions()
        assert "stopped.ipynb" not in [session["path"] for session in sessions]

    async def test_progress_carries_the_output(self, shop: Workshop) -> None:
        client = Client()
        slow = (
            "import time\nfor i in range(3):\n    print('step', i, flush=True)\n    time.sleep(0.4)"
        )
        shop.notebook(code(slow, "a"), name="g.ipynb")
        await shop.ask("cell_run", client, path="g.ipynb")
        assert "step 0" in client.text
        assert "step 2" in client.text
        assert [done for done, _ in client.told] == sorted({done for done, _ in client.told})

    async def test_a_cancel_saves_what_there_is(self, shop: Workshop) -> None:
        client = Client()
        slow = "import time\nprint('begun', flush=True)\ntime.sleep(25)"
        shop.notebook(code(slow, "a"), code("2", "b"), name="c.ipynb")
        kernel = (await shop.do("kernel_start", path="c.ipynb"))["kernel_id"]
        task = asyncio.create_task(shop.ask("cell_run", client, path="c.ipynb"))
        await until(lambda: "begun" in client.text)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert shop.outputs("a", "c.ipynb")[0]["text"] in ("begun\n", ["begun\n"])
        # A second signal may hit IPython while it prints the traceback of the first; what a busy
        # machine ends later than a cancelled call waits is saved when it comes.
        await until(lambda: _ename(shop, "a", "c.ipynb") == "KeyboardInterrupt")
        done = await shop.do("kernel_execute", code="1 + 1", kernel_id=kernel, timeout=20)
        assert done["text"] == "2"

    async def test_a_timeout_over_several_cells(self, shop: Workshop) -> None:
        shop.notebook(
            code("1", "a"), code("import time; time.sleep(25)", "b"), code("3", "c"), name="t.ipynb"
        )
        await shop.do("kernel_start", path="t.ipynb")
        result = await shop.ask("cell_run", path="t.ipynb", timeout=1)
        value = result.structured or {}
        assert (value["status"], value["not_run"]) == ("timeout", ["c"])
        assert "Interrupted after 1 seconds" in texts(result)

    async def test_in_the_background(self, shop: Workshop) -> None:
        shop.notebook(code("import time; time.sleep(0.5)\nprint('late')", "a"), name="b.ipynb")
        begun = await shop.do("cell_run", path="b.ipynb", background=True)
        assert begun["status"] == "running"
        job = await shop.do("job_get", job_id=begun["job_id"], wait=20)
        assert job["status"] == "succeeded"
        assert job["result"]["cells"][0]["text"] == "late"
        assert shop.outputs("a", "b.ipynb")

    async def test_a_job_is_cancelled(self, shop: Workshop) -> None:
        shop.notebook(code("import time; time.sleep(25)", "a"), name="j.ipynb")
        kernel = (await shop.do("kernel_start", path="j.ipynb"))["kernel_id"]
        begun = await shop.do("cell_run", path="j.ipynb", background=True)
        await until(lambda: notebooks(shop).engine.state(kernel).running)
        await shop.do("job_cancel", job_id=begun["job_id"])
        done = await shop.do("kernel_execute", code="1 + 1", kernel_id=kernel, timeout=20)
        assert done["text"] == "2"

    async def test_a_cell_that_goes_meanwhile_hides_nothing(self, shop: Workshop) -> None:
        shop.notebook(
            code(_held(shop), "a"),
            code("2", "b"),
            code("3", "c"),
            name="gone.ipynb",
        )
        client = Client()
        running = asyncio.ensure_future(shop.ask("cell_run", client, path="gone.ipynb"))
        await until(lambda: "kept" in client.text)
        await shop.do("cell_delete", path="gone.ipynb", cell_id="b")
        (shop.root / GO).touch()
        result = await running
        value = result.structured or {}
        assert (result.is_error, value["status"], value["not_run"]) == (True, "aborted", ["c"])
        assert [cell["status"] for cell in value["cells"]] == ["ok", "aborted"]
        assert "kept" in texts(result)
        assert "no cell 'b'" in texts(result)

    async def test_a_notebook_that_goes_meanwhile_hides_nothing(self, shop: Workshop) -> None:
        file = shop.notebook(code(_held(shop), "a"), name="gone2.ipynb")
        client = Client()
        running = asyncio.ensure_future(shop.ask("cell_run", client, path="gone2.ipynb"))
        await until(lambda: "kept" in client.text)
        file.unlink()
        (shop.root / GO).touch()
        result = await running
        value = result.structured or {}
        assert (result.is_error, value["cells"][0]["text"]) == (True, "kept")
        assert "not saved" in value["cells"][0]["error"]["evalue"]
        assert "not saved" in texts(result)
        assert not file.exists()

    async def test_a_display_that_another_call_updates(self, shop: Workshop) -> None:
        file = shop.notebook(
            code("shown = display('one', display_id=True)", "a"), name="display.ipynb"
        )
        ran = await shop.do("cell_run", path="display.ipynb")
        code_ = "shown.update('two')"
        await shop.do("kernel_execute", code=code_, kernel_id=ran["kernel_id"])
        await until(lambda: "'two'" in file.read_text())

    async def test_a_kernel_that_dies(self, shop: Workshop) -> None:
        shop.notebook(code("import os; os._exit(1)", "a"), code("2", "b"), name="d.ipynb")
        result = await shop.ask("cell_run", path="d.ipynb")
        value = result.structured or {}
        assert (value["status"], value["not_run"]) == ("dead", ["b"])
        assert "its variables are lost" in texts(result)


class TestCode:
    async def test_pictures_are_scaled_and_the_whole_is_linked(self, shop: Workshop) -> None:
        kernel = (await shop.do("kernel_start"))["kernel_id"]
        big = await shop.ask(
            "kernel_execute", code=PICTURE.format(width=3000, height=1500), kernel_id=kernel
        )
        (image,), (link,) = images(big), links(big)
        assert _size(image.data) == (1024, 512)
        assert (big.structured or {})["images"] == 1
        whole = await shop.read("output://{id}", id=link.uri.removeprefix("output://"))
        assert _size(whole.data) == (3000, 1500)
        assert link.mime == whole.mime == "image/png"
        small = await shop.ask(
            "kernel_execute", code=PICTURE.format(width=300, height=150), kernel_id=kernel
        )
        assert _size(images(small)[0].data) == (300, 150)
        assert links(small) == []
        await shop.do("kernel_stop", kernel_id=kernel)

    async def test_nothing_binary_is_in_the_text(self, shop: Workshop) -> None:
        kernel = (await shop.do("kernel_start"))["kernel_id"]
        pdf = 'display({"application/pdf": b"%PDF" * 999}, raw=True)'
        result = await shop.ask("kernel_execute", code=pdf, kernel_id=kernel)
        assert (result.structured or {})["text"] == "[application/pdf, 3996 bytes]"
        encoded = base64.b64encode(b"%PDF" * 3).decode()
        assert encoded not in str(result.structured) + texts(result)
        (link,) = links(result)
        assert (await shop.read("output://{id}", id=link.uri[9:])).data == b"%PDF" * 999
        await shop.do("kernel_stop", kernel_id=kernel)

    async def test_long_text_is_cut_and_the_whole_is_linked(self, shop: Workshop) -> None:
        kernel = (await shop.do("kernel_start"))["kernel_id"]
        lines = "for i in range(5000):\n    print('line', i)"
        result = await shop.ask("kernel_execute", code=lines, kernel_id=kernel)
        text = (result.structured or {})["text"]
        assert len(text) < 10_200
        assert text.startswith("line 0\n")
        assert text.endswith("line 4999")
        (link,) = links(result)
        whole = (await shop.read("output://{id}", id=link.uri[9:])).data
        assert whole.count("\n") == 5000
        flood = await shop.ask(
            "kernel_execute", code="for i in range(50000):\n    print('line', i)", kernel_id=kernel
        )
        full = next(link for link in links(flood) if link.name == "all text of this run")
        assert (await shop.read("output://{id}", id=full.uri[9:])).data.count("\n") == 50000
        await shop.do("kernel_stop", kernel_id=kernel)

    async def test_input_is_asked_of_the_person(self, shop: Workshop) -> None:
        kernel = (await shop.do("kernel_start"))["kernel_id"]
        seen: list[Any] = []

        def answer(request: Any) -> dict[str, Any]:
            seen.append(request.params)
            return {"action": "accept", "content": {"value": "Ada"}}

        name = "print('Hello', input('Your name? '))"
        result = await shop.ask("kernel_execute", Client(answer), code=name, kernel_id=kernel)
        assert (result.structured or {})["text"].endswith("Hello Ada")
        assert seen[0]["message"] == "Your name?"
        declined = await shop.ask(
            "kernel_execute", Client(lambda _: {"action": "decline"}), code=name, kernel_id=kernel
        )
        assert (declined.structured or {})["error"]["ename"] == "EOFError"
        assert "The person gave no input." in texts(declined)
        mute = await shop.ask("kernel_execute", code=name, kernel_id=kernel)
        assert (mute.structured or {})["error"]["ename"] == "StdinNotImplementedError"
        assert "this client cannot be asked" in (mute.structured or {})["error"]["evalue"]
        seen.clear()
        secret = "import getpass; getpass.getpass('word? ')"
        refused = await shop.ask("kernel_execute", Client(answer), code=secret, kernel_id=kernel)
        assert (refused.structured or {})["error"]["ename"] == "EOFError"
        assert "Run it in JupyterLab." in texts(refused)
        assert seen == []
        await shop.do("kernel_stop", kernel_id=kernel)

    async def test_where_nobody_can_be_asked_the_remedy_is_told(self, shop: Workshop) -> None:
        shop.notebook(code("input('Name? ')", "a"), name="stdin.ipynb")
        result = await shop.ask("cell_run", path="stdin.ipynb")
        assert result.is_error
        assert "Give the value in the code" in texts(result)
        assert "self._input_request" not in texts(result)

    async def test_a_display_without_text_of_its_own(self, shop: Workshop) -> None:
        started = await shop.do("kernel_start")
        source = "from IPython.display import HTML, JSON, SVG\ndisplay(%s)"
        for made, shown in [
            ("HTML('<b>bold</b>')", "<b>bold</b>"),
            ("JSON({'a': [1, None]})", '{"a": [1, null]}'),
        ]:
            ran = await shop.do("kernel_execute", code=source % made, **_id(started))
            assert ran["text"] == shown
        svg = "SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')"
        result = await shop.ask("kernel_execute", code=source % svg, **_id(started))
        (link,) = links(result)
        assert link.mime == "image/svg+xml"
        await shop.do("kernel_stop", **_id(started))

    async def test_a_kernel_that_stays_busy(self, shop: Workshop) -> None:
        started = await shop.do("kernel_start")
        client = Client()
        slow = "print('begun', flush=True); import time; time.sleep(25)"
        running = asyncio.ensure_future(
            shop.ask("kernel_execute", client, code=slow, **_id(started))
        )
        await until(lambda: "begun" in client.text)
        late = await shop.ask("kernel_execute", code="1", timeout=0.3, **_id(started))
        assert "end what runs with kernel_interrupt" in texts(late)
        await shop.do("kernel_stop", **_id(started))
        assert (await running).is_error

    async def test_which_kernel_has_to_be_said(self, shop: Workshop) -> None:
        assert (await shop.refused("kernel_execute", code="1")).code == "invalid_arguments"
        both = {"kernel_id": "x", "path": "y.ipynb"}
        assert (await shop.refused("kernel_execute", code="1", **both)).code == "invalid_arguments"
        assert (await shop.refused("kernel_execute", code="1", kernel_id="x")).code == "not_found"

    async def test_in_the_background(self, shop: Workshop) -> None:
        kernel = (await shop.do("kernel_start"))["kernel_id"]
        begun = await shop.do("kernel_execute", code="6 * 7", kernel_id=kernel, background=True)
        job = await shop.do("job_get", job_id=begun["job_id"], wait=20)
        assert job["result"]["text"] == "42"
        await shop.do("kernel_stop", kernel_id=kernel)


async def test_cells_run_in_the_live_document(tmp_path: Path) -> None:
    async with workshop(tmp_path, live=True) as shop:
        shop.notebook(code("print('live')\n1 + 1", "a"))
        ran = await shop.do("cell_run", path="nb.ipynb")
        assert ran["cells"][0]["text"] == "live\n2"
        read = await shop.ask("cell_read", path="nb.ipynb", cell_id="a")
        assert "live" in texts(read)
        await until(lambda: len(shop.outputs("a")) == 2)


async def test_a_notebook_in_another_language(tmp_path: Path, monkeypatch: Any) -> None:
    write_parrot(tmp_path)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    async with workshop(tmp_path) as shop:
        shop.notebook(code("polly", "a"))
        started = await shop.do("kernel_start", name="parrot", path="nb.ipynb")
        assert started["name"] == "parrot"
        ran = await shop.do("cell_run", path="nb.ipynb")
        assert (ran["cells"][0]["text"], ran["kernel_id"]) == ("polly", started["kernel_id"])
        error = await shop.refused("variables_list", path="nb.ipynb")
        assert error.code == "unsupported"
        assert "parrot" in error.message


async def test_without_sessions(tmp_path: Path) -> None:
    async with workshop(tmp_path, sessions=False) as shop:
        shop.notebook(code("x = 1", "a"), code("x + 1", "b"))
        first = await shop.do("cell_run", path="nb.ipynb", cell_ids=["a"])
        second = await shop.do("cell_run", path="nb.ipynb", cell_ids=["b"])
        assert (first["kernel_id"], second["cells"][0]["text"]) == (second["kernel_id"], "2")


def _ename(shop: Workshop, cell: str, name: str) -> str:
    """Return the error that a cell ended with, by its file; nothing while that is written."""
    with contextlib.suppress(ValueError):
        return str(shop.outputs(cell, name)[-1].get("ename", ""))
    return ""


def _size(data: bytes) -> tuple[int, int]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return image.size
