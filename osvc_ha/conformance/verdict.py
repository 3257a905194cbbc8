"""What a case comes to, and how a case says so."""

from __future__ import annotations

from dataclasses import dataclass

PASS, FAIL, SKIP, NEVER = "pass", "fail", "skip", "n/a"


@dataclass(frozen=True)
class Verdict:
    """One case on one system. text: what a user would notice. expected, seen: of a failure. why: of one that was not tried.

    SKIP: it cannot be tried this way. NEVER: it makes no sense for this system.
    """

    case: str
    text: str
    result: str
    seconds: float
    expected: str = ""
    seen: str = ""
    why: str = ""

    def public(self) -> dict[str, object]:
        """What ``--format json`` prints."""
        return {
            "case": self.case,
            "text": self.text,
            "result": self.result,
            "seconds": round(self.seconds, 2),
            "expected": self.expected,
            "seen": self.seen,
            "why": self.why,
        }


class Failed(Exception):
    """The driver broke the contract."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected {expected}; seen: {seen}")
        self.expected = expected
        self.seen = seen


class NotTried(Exception):
    """SKIP or NEVER, and why."""

    def __init__(self, result: str, why: str) -> None:
        super().__init__(why)
        self.result = result
        self.why = why
