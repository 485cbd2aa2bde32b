"""How the agent gets into a sandbox: a few words in argv, the program itself over the channel.

So neither argv nor what an engine remembers of a command holds more than a loader, and no limit on
the length of an argument (128 KiB on Linux) is ever met.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_LOADER = (
    "import os,sys\n"
    "n=int(sys.argv[1]);b=b''\n"
    "while len(b)<n:\n"
    " d=os.read(0,n-len(b));d or sys.exit(3);b+=d\n"
    "c=compile(b,'agent','exec')\n"
    "exec(c,{'__name__':'__main__','CODE':c})"
)


@cache
def agent_source() -> bytes:
    """Return the program, which the link sends first."""
    return files(__package__).joinpath("resident.py").read_bytes()


def agent_argv(python: str = "python3") -> tuple[str, ...]:
    """Return the command that waits for the program on its stdin and becomes the agent.

    Args:
        python: The interpreter inside, 3.8 or newer.
    """
    return (python, "-I", "-S", "-c", _LOADER, str(len(agent_source())))
