"""What can go wrong on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

# status: answer this instead. lost: do it, and never answer. reset: cut the connection; reset_after: do it first.
# trickle: do it, and answer a byte at a time. garbage: do it, and answer what is no JSON.
KINDS = frozenset({"status", "lost", "reset", "reset_after", "trickle", "garbage"})


@dataclass
class Fault:
    """One fault: for calls whose method and path match, ``times`` times. ``status``, ``retry_after``: of the answer."""

    kind: str
    method: str = ""
    path: str = ""
    times: int = 1
    status: int = 500
    retry_after: Optional[str] = None

    def hits(self, method: str, path: str) -> bool:
        """Does it strike this call?"""
        return self.times > 0 and self.method in ("", method) and self.path in path


class Faults:
    """The faults that wait, and actions before a call of a given number."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._actions: dict[int, Callable[[], None]] = {}

    def add(self, fault: Fault) -> None:
        """Wait for a call that it strikes."""
        assert fault.kind in KINDS, fault.kind
        self._waiting.append(fault)

    def before_call(self, number: int, act: Callable[[], None]) -> None:
        """Act right before the call of this number, counted from 1 since the double began."""
        self._actions[number] = act

    def strike(self, number: int, method: str, path: str) -> Optional[Fault]:
        """The fault of this call, if any."""
        if number in self._actions:
            self._actions.pop(number)()
        for fault in self._waiting:
            if fault.hits(method, path):
                fault.times -= 1
                return fault
        return None
