"""What the follower is (Actual) and what it should be (Desired). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Tuple

from osvc_ha.seen import Seen


@dataclass(frozen=True)
class Actual:
    """The process and what it saw last. pid: 0 when it does not run. argv: the command that runs. age: seconds since its last look."""

    pid: int = 0
    argv: Tuple[str, ...] = ()
    age: float = 0.0
    seen: Seen = field(default_factory=Seen)

    @property
    def looked(self) -> bool:
        """Has the process that runs now looked at least once?"""
        return bool(self.pid) and self.seen.pid == self.pid and self.seen.looked_at > 0


@dataclass(frozen=True)
class Desired:
    """Whether it should run (None: it may do either), with which command, and after how many seconds without a look it hangs."""

    running: Optional[bool]
    argv: Tuple[str, ...]
    stale: float
