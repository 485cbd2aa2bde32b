"""Leaves alone for a while what fails again and again, so that nobody waits for it in vain.

There is one circuit for each tool, or one for all tools of another server. It opens after so many
failures in a row that say that the thing itself is broken: an unforeseen exception (``internal``),
a failing upstream (``upstream``), or an upstream that did not answer in the time that this server
grants. What the caller did wrong, a cell that raises, and a client that lost its patience count
neither as a failure nor as a success. After a while one call is let through; if it succeeds, the
circuit closes. A success forgets the failures before it, so what works leaves nothing behind.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from jupyter_mcp.calls.call import Asked, Call
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result
from jupyter_mcp.errors import ToolError

State = Literal["closed", "open", "half_open"]

BROKEN = frozenset({"internal", "upstream"})
"""The codes that say that the thing is broken."""


@dataclass(slots=True)
class Circuit:
    """What failed lately.

    Args:
        name: The tool or the upstream.
        failures: How often in a row.
        opened: When it was last opened, by the breaker's clock; None while it is closed.
        probing: Whether the one call that tries is on its way.
    """

    name: str
    failures: int = 0
    opened: float | None = None
    probing: bool = False


class Breaker:
    """The policy.

    Args:
        failures: After how many failures in a row a circuit opens.
        seconds: For how long.
        clock: Tells the time in seconds.
        tell: Called with the name of a circuit and the state that it went to.
    """

    def __init__(
        self,
        failures: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str, State], None] | None = None,
    ) -> None:
        self._tell = tell or _nobody
        self._most = failures
        self._seconds = seconds
        self._clock = clock
        self._circuits: dict[tuple[str, str], Circuit] = {}

    async def __call__(self, call: Call, following: Following) -> Result:
        """Let a call pass, or refuse it with ``unavailable`` while its circuit is open."""
        key = _key(call.operation)
        circuit = self._circuits.get(key)
        probes = circuit is not None and self._admit(circuit)
        try:
            result = await following(call)
        except Exception as error:
            if _is_broken(error, call.operation):
                self._failed(key)
            raise
        except SystemExit:  # a library that ends everybody's server is as broken
            self._failed(key)
            raise
        else:
            if key in self._circuits and result.error is None:
                self._succeeded(key)
            return result
        finally:
            if probes and circuit is not None:
                circuit.probing = False

    def breakers(self) -> list[dict[str, Any]]:
        """Return the circuits in which something failed lately, for metrics and people."""
        return [
            {
                "name": circuit.name,
                "state": self._state(circuit),
                "failures": circuit.failures,
                "retry_after": self._left(circuit),
            }
            for circuit in self._circuits.values()
        ]

    def problems(self) -> list[tuple[str, str]]:
        """Return the name of each circuit that is not closed and one line about it."""
        return [
            (
                circuit.name,
                f"Left alone after {circuit.failures} failures for {self._left(circuit)} s more.",
            )
            for circuit in self._circuits.values()
            if circuit.opened is not None
        ]

    def _admit(self, circuit: Circuit) -> bool:
        """Return whether the call is the one that tries; refuse it when it may not pass."""
        if circuit.opened is None:
            return False
        if circuit.probing or self._state(circuit) == "open":
            seconds = max(1, self._left(circuit))
            raise ToolError(
                "unavailable",
                f"'{circuit.name}' failed {circuit.failures} times in a row and is left alone.",
                f"Try again in {seconds} s; its earlier errors say what is wrong.",
                data={"retry_after": seconds},
            )
        circuit.probing = True
        self._tell(circuit.name, "half_open")
        return True

    def _failed(self, key: tuple[str, str]) -> None:
        circuit = self._circuits.get(key)
        if circuit is None:
            circuit = self._circuits[key] = Circuit(key[1])
        circuit.failures += 1
        if circuit.probing or (circuit.opened is None and circuit.failures >= self._most):
            circuit.opened = self._clock()
            self._tell(circuit.name, "open")

    def _succeeded(self, key: tuple[str, str]) -> None:
        circuit = self._circuits[key]
        if circuit.opened is None or circuit.probing:
            del self._circuits[key]
            if circuit.opened is not None:
                self._tell(circuit.name, "closed")

    def _state(self, circuit: Circuit) -> State:
        if circuit.opened is None:
            return "closed"
        return "open" if self._clock() - circuit.opened < self._seconds else "half_open"

    def _left(self, circuit: Circuit) -> int:
        if circuit.opened is None:
            return 0
        return max(0, math.ceil(circuit.opened + self._seconds - self._clock()))


def _key(operation: Asked) -> tuple[str, str]:
    if operation.upstream:
        return ("upstream", operation.upstream)
    return (operation.kind, operation.name)


def _is_broken(error: Exception, operation: Asked) -> bool:
    if not isinstance(error, ToolError):
        return True
    if error.code == "timeout":
        return bool(operation.upstream) and error.data.get("granted_by") != "client"
    return error.code in BROKEN


def _nobody(name: str, state: State) -> None:
    del name, state
