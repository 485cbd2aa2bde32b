"""Words of questions that say nothing of what is looked for."""

from __future__ import annotations

_WORDS = """
a about an and any are as at be been being but by can could did do does doing for from had has
have having how i in into is it its itself me my of on or our shall should so some such than
that the their them then there these they this those to was we were what when where which while
who whose why will with would you your
"""

STOP_WORDS = frozenset(_WORDS.split())

LANGUAGES = frozenset(
    [
        "csharp",
        "golang",
        "java",
        "javascript",
        "julia",
        "kotlin",
        "perl",
        "php",
        "py",
        "python",
        "python2",
        "python3",
        "ruby",
        "rust",
        "scala",
        "typescript",
    ]
)
"""Names of languages: people add theirs to what they ask, and programs seldom say their own."""
