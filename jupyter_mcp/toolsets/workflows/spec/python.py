"""Whether the code of a node is Python: it is compiled and never run.

The kernel or the sandbox in which it will run may have a newer Python than this process. What only
this one does not understand is therefore not held against it: the run tells then.
"""

from __future__ import annotations

import re
import sys

from jupyter_mcp.toolsets.workflows.spec.quiet import quiet

LONGEST = 10_000
"""Characters of code that are looked at: meanwhile the process does nothing else."""

_NEWER = re.compile(
    r"""\b(?:def|class)\s+\w+\s*\[     # 3.12: parameters of types,
    | (?:^|;)\s*type\s+\w             # and their names,
    | \bexcept\b[^:(\n]*,              # 3.14: exceptions without brackets,
    | \b(?i:t|tr|rt)['"]               # and texts as templates;
    | (?:^|;)\s*lazy\s                # 3.15: imports that wait""",
    re.VERBOSE | re.MULTILINE,
)
_UNPACKS = "unpacking cannot be used in"
"""What is said of comprehensions that unpack, which 3.15 takes."""

_TEXT = re.compile(r"""\b(?i:f|fr|rf)['"]""")
_LONG_TEXT = re.compile(r"""\b(?i:f|fr|rf)(?:\'{3}|"{3})""")
_LINE = re.compile(r"\r\n|\r|\n")


def syntax_error(code: str) -> str:
    """Return why code cannot be run by any Python, as far as that can be known; else nothing."""
    if len(code) > LONGEST:
        return ""
    try:
        with quiet():  # what is only doubtful runs
            compile(code, "<node>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return "" if _may_be_newer(code, error) else _told(error)
    except ValueError as error:  # null bytes
        return str(error)
    except (RecursionError, MemoryError):  # what is too deep here may not be elsewhere
        return ""
    return ""


def _told(error: SyntaxError) -> str:
    where = f" (line {error.lineno} of it)" if error.lineno else ""
    return f"{error.msg}{where}"


def _may_be_newer(code: str, error: SyntaxError) -> bool:
    """Return whether what is wrong may be right for a newer Python."""
    first = error.lineno or 1
    wrong = "\n".join(_LINE.split(code)[first - 1 : error.end_lineno or first])
    if sys.version_info < (3, 12) and _is_of_text(code, wrong, error.msg):
        return True
    return _UNPACKS in error.msg or _NEWER.search(wrong) is not None


def _is_of_text(code: str, wrong: str, message: str) -> bool:
    """Return whether it is about a formatted text, which since 3.12 may hold anything.

    The lines of what is wrong in one of several lines are not told rightly before that.
    """
    is_told = message.startswith("f-string") or _TEXT.search(wrong) is not None
    return is_told or _LONG_TEXT.search(code) is not None
