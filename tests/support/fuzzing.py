"""What the fuzz tests share: how many cases they run, how these are counted, and odd values.

In the suite each property runs a few dozen cases, the same at every run. ``make fuzz`` sets
``FUZZ_CASES`` to thousands, which differ from run to run; a failure prints how to repeat it.
"""

from __future__ import annotations

import functools
import json
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from pydantic_core import from_json

CASES = int(os.environ.get("FUZZ_CASES", "0"))
"""Cases of each property; 0 for the short run of the suite."""

SHORT = 50

ran: Counter[str] = Counter()
"""How many cases each property has run in this process."""

_UNHEALTHY = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


def fuzz(share: float = 1.0, **strategies: st.SearchStrategy[Any]) -> Callable[[Any], Any]:
    """Run a test with many values.

    Args:
        share: How many cases it gets in comparison to the others: what is slow gets fewer.
        strategies: Where its arguments come from; the others are fixtures.
    """
    cases = max(1, round((CASES or SHORT) * share))
    profile = settings(
        max_examples=cases,
        deadline=None,
        derandomize=not CASES,
        database=DirectoryBasedExampleDatabase(".cache/hypothesis") if CASES else None,
        suppress_health_check=_UNHEALTHY,
        print_blob=bool(CASES),
    )

    def decorate(test: Callable[..., None]) -> Any:
        @functools.wraps(test)
        def counted(*args: Any, **kwargs: Any) -> None:
            ran[test.__name__] += 1
            test(*args, **kwargs)

        return profile(given(**strategies)(counted))

    return decorate


AWKWARD = st.sampled_from(
    [
        "",
        " ",
        "\x00",
        "..",
        "../" * 20 + "etc/passwd",
        "/etc/passwd",
        "a\\..\\b",
        "%2e%2e%2f",
        "nb.ipynb",
        "a/b/../c.ipynb",
        "name\nwith: header",
        "${secret:NAME}",
        "{{7*7}}",
        "\u202e\u200b\U000e0041",
        "\ud83d",
        "NaN",
        "1e999",
        "9" * 400,
        "-0",
        "true",
        "null",
        "__proto__",
        "__class__",
        "a" * 5000,
        "*",
        "[",
        "**/*",
    ]
)
TEXT = st.text(max_size=40) | AWKWARD
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**30), max_value=10**30)
    | st.floats()
    | TEXT
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
HEADER = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60
)
"""What Tornado lets through as the value of a header."""


def arrived(value: Any) -> Any:
    """Return what a door makes of a JSON value; a case whose value it refuses does not count."""
    try:
        return from_json(json.dumps(value))
    except ValueError:
        reject()


@st.composite
def mutated(draw: st.DrawFn, originals: st.SearchStrategy[Any]) -> Any:
    """Draw a valid value and spoil one to three places of it."""
    value = json.loads(json.dumps(draw(originals)))
    for _ in range(draw(st.integers(1, 3))):
        value = _spoil(draw, value)
    return value


def _spoil(draw: st.DrawFn, value: Any) -> Any:
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 9)) == 0:
        return draw(JSON)
    key = draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
    spoilt: Any = dict(value) if isinstance(value, dict) else list(value)
    match draw(st.sampled_from(["deeper", "deeper", "deeper", "drop", "replace", "add"])):
        case "deeper":
            spoilt[key] = _spoil(draw, value[key])
        case "drop":
            del spoilt[key]
        case "replace":
            spoilt[key] = draw(JSON)
        case _ if isinstance(spoilt, dict):
            spoilt[draw(TEXT)] = draw(JSON)
        case _:
            spoilt.append(draw(JSON))
    return spoilt
