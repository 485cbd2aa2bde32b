"""Variables, as a client meets them: seen without a cell, without history, without a trace."""

from __future__ import annotations

import json
from typing import Any

import pytest
import pytest_asyncio

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.variables import steps
from support.workshops import Workshop

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETUP = """
import numpy as np, os, pandas as pd
df = pd.DataFrame({"city": ["Oslo", "Rome", None], "people": [0.7, 2.8, 0.1]})
wide = pd.DataFrame(np.zeros((2, 200)))
prices = pd.Series([1.0, 2.0, 4.0], name="price")
grid = np.arange(12).reshape(3, 4)
nested = {"a": [1, {"deep": "found"}]}
long = "x" * 100_000
many = list(range(1_000_000))
huge = 10 ** 6000
class Bad:
    def __repr__(self):
        raise RuntimeError("no repr")
bad = Bad()
def greet(name: str, times=2):
    "Say hello."
    return name * times
len = list = dict = type = repr = getattr = globals = exec = __import__ = print = "shadowed"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kernel(shop: Workshop) -> str:
    kernel_id: str = (await shop.do("kernel_start"))["kernel_id"]
    await shop.do("kernel_execute", kernel_id=kernel_id, code=SETUP)
    return kernel_id


async def test_the_list(shop: Workshop, kernel: str) -> None:
    listed = await shop.do("variables_list", kernel_id=kernel)
    found = {each["name"]: (each["type"], each["summary"]) for each in listed["variables"]}
    assert found["df"] == ("pandas.DataFrame", "3 rows x 2 columns")
    assert found["grid"] == ("numpy.ndarray", "int64 3x4")
    assert found["nested"] == ("dict", "1 items")
    assert found["greet"] == ("function", "greet(name: str, times=2)")
    assert found["huge"] == ("int", "a very large number")
    assert found["len"] == ("str", "'shadowed'")
    assert not {"In", "Out", "np", "os", "exit", "get_ipython", "_"} & set(found)
    assert len(json.dumps(listed)) < 5000


async def test_a_list_of_some_says_how_many_more_there_are(shop: Workshop, kernel: str) -> None:
    whole = await shop.do("variables_list", kernel_id=kernel)
    some = await shop.do("variables_list", kernel_id=kernel, limit=3)
    count = len(whole["variables"]) - 3
    assert (whole["left_out"], some["left_out"]) == (0, count)
    assert [each["name"] for each in some["variables"][3:]] == ["…"]
    assert some["variables"][3]["summary"].startswith(f"{count} more;")


async def test_a_data_frame(shop: Workshop, kernel: str) -> None:
    seen = await shop.do("variable_inspect", kernel_id=kernel, name="df")
    assert (seen["kind"], seen["details"]["shape"]) == ("dataframe", [3, 2])
    city, people = seen["details"]["columns"]
    assert (city["name"], city["nulls"], city["unique"]) == ("city", 1, 2)
    assert (people["dtype"], people["min"], people["max"]) == ("float64", 0.1, 2.8)
    assert seen["details"]["head"][0] == ["Oslo", "0.7"]
    wide = await shop.do("variable_inspect", kernel_id=kernel, name="wide")
    assert (len(wide["details"]["columns"]), wide["details"]["columns_left_out"]) == (60, 140)


async def test_other_kinds(shop: Workshop, kernel: str) -> None:
    async def details(name: str) -> dict[str, Any]:
        seen = await shop.do("variable_inspect", kernel_id=kernel, name=name)
        found: dict[str, Any] = seen["details"]
        return found

    assert (await details("grid"))["max"] == 11
    assert (await details("prices"))["mean"] == pytest.approx(7 / 3)
    assert (await details("nested['a'][1]"))["items"] == [["'deep'", "'found'"]]
    assert (await details("df.shape"))["items"] == ["3", "2"]
    assert len((await details("long"))["repr"]) <= 4000
    assert (await details("many"))["length"] == 1_000_000
    assert "bits" in (await details("huge"))["repr"]
    assert (await details("bad"))["repr"] == "<its repr failed: RuntimeError>"
    assert (await details("greet"))["doc"] == "Say hello."


async def test_nothing_is_left_behind(shop: Workshop, kernel: str) -> None:
    probe = "a, b, c = _i, In[-2], [n for n in vars() if 'mcp' in n]\na, b, c, Out"
    first = await shop.do("kernel_execute", kernel_id=kernel, code="'mark'")
    for _ in range(3):
        await shop.do("variables_list", kernel_id=kernel)
        await shop.do("variable_inspect", kernel_id=kernel, name="df")
    after = await shop.do("kernel_execute", kernel_id=kernel, code=probe)
    assert after["execution_count"] == first["execution_count"] + 1
    assert after["text"].startswith("(\"'mark'\", \"'mark'\", [], {")


async def test_figures_that_are_open_stay_open(shop: Workshop, kernel: str) -> None:
    """Matplotlib shows figures after each execution; a look at variables must not do that."""
    code = (
        "import matplotlib.pyplot as plt\n%matplotlib inline\nplt.plot([1]); n = plt.get_fignums()"
    )
    await shop.do("kernel_execute", kernel_id=kernel, code=code)
    await shop.do("variables_list", kernel_id=kernel)
    shown = await shop.ask("kernel_execute", kernel_id=kernel, code="plt.plot([2]);")
    assert (shown.structured or {})["images"] == 1


async def test_missing_and_bad_names(shop: Workshop, kernel: str) -> None:
    for name, code in [
        ("nothing", "not_found"),
        ("df.nothing", "not_found"),
        ("nested['z']", "not_found"),
        ("DF", "not_found"),
        ("df; 1", "invalid_arguments"),
        ("os.system('true')", "invalid_arguments"),
        ("__import__('os')", "invalid_arguments"),
        ("nested[f'{1}']", "invalid_arguments"),
        ("(lambda: 1)", "invalid_arguments"),
        ("", "invalid_arguments"),
    ]:
        error = await shop.refused("variable_inspect", kernel_id=kernel, name=name)
        assert error.code == code, name
    assert (
        "Did you mean df?"
        in (await shop.refused("variable_inspect", kernel_id=kernel, name="DF")).message
    )


async def test_a_notebook_without_a_kernel(shop: Workshop) -> None:
    shop.notebook(name="quiet.ipynb")
    error = await shop.refused("variables_list", path="quiet.ipynb")
    assert (error.code, "cell_run" in error.remedy) == ("not_found", True)


async def test_a_slow_repr_is_interrupted(shop: Workshop, kernel: str) -> None:
    slow = (
        "import time\nclass Slow:\n    def __repr__(self):\n        time.sleep(25)\nslow = Slow()"
    )
    await shop.do("kernel_execute", kernel_id=kernel, code=slow)
    error = await shop.refused("variable_inspect", kernel_id=kernel, name="slow", timeout=0.5)
    assert error.code == "timeout"
    assert (await shop.do("kernel_execute", kernel_id=kernel, code="1", timeout=30))["text"] == "1"


async def test_the_resource(shop: Workshop, kernel: str) -> None:
    text = await shop.read("kernel://{kernel_id}/variables", kernel_id=kernel)
    assert "df" in [each["name"] for each in json.loads(text)["variables"]]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("df", ["df"]),
        ("a.b.c", ["a", ("attribute", "b"), ("attribute", "c")]),
        ("rows[-1]['x']", ["rows", ("index", -1), ("index", "x")]),
        (" df ", ["df"]),
    ],
)
async def test_paths(name: str, path: list[Any]) -> None:
    assert steps(name) == path


@pytest.mark.parametrize(
    "name", ["1", "a + b", "a()", "a[b]", "a[1:2]", "a[(1, 2)]", "x" * 9000 + "("]
)
async def test_no_paths(name: str) -> None:
    with pytest.raises(ToolError):
        steps(name)


async def test_a_crowd_of_variables_is_cut_and_said_to_be(shop: Workshop) -> None:
    kernel_id = (await shop.do("kernel_start"))["kernel_id"]
    code = "for n in range(1000): globals()[f'v{n:04}'] = n"
    await shop.do("kernel_execute", kernel_id=kernel_id, code=code)
    variables = (await shop.do("variables_list", kernel_id=kernel_id))["variables"]
    assert len(variables) == 301
    assert "701 more" in variables[-1]["summary"]
    await shop.do("kernel_stop", kernel_id=kernel_id)
