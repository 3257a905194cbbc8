"""What Cloudflare said no to, and what a person can do about it. Cloudflare publishes no list of its codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Optional

from osvc_ha.planner.errors import HaError

# As users reported them: 6003 (6111, 6103) and 9106 for what is no token, 9109 and 1000 for one that Cloudflare does not know.
MALFORMED = frozenset({6003, 6103, 6111, 9106})
UNKNOWN_TOKEN = "invalid access token"
# A zone that is not there, or that the token may not see: 1001, 7003, 9109.
NO_SUCH_ZONE = frozenset({1001, 7003, 9109})
NO_SUCH_RECORD = 81044
VALIDATION = 1004
# "Batch request exceeds the maximum of 200 operations": neither code nor words are documented.
TOO_MANY = re.compile(r"exceed|limit|maximum|at most|too many|no more than", re.IGNORECASE)
OF_A_BATCH = re.compile(r"batch|operation|action|changes|at once", re.IGNORECASE)
WAY_OUT = "dash.cloudflare.com/profile/api-tokens"


class NoAnswer(HaError):
    """It was sent, and nobody can tell from here whether it was done."""


class NoToken(HaError):
    """There is nothing to call with."""


class Throttled(HaError):
    """429: it was not done. ``wait``: seconds that Cloudflare asks for."""

    def __init__(self, words: str, wait: float) -> None:
        super().__init__(words)
        self.wait = wait


class Refusal(HaError):
    """Cloudflare's no, which another try would not change. codes: all it gave, the general one first."""

    def __init__(self, words: str, status: int = 0, codes: tuple[int, ...] = (), said: str = "") -> None:
        super().__init__(words)
        self.status = status
        self.codes = codes
        self.said = said

    @classmethod
    def of(cls, what: str, status: int, told: object, ray: str) -> Refusal:
        """From the answer's body. A proxy on the way may have sent something else than Cloudflare's JSON."""
        codes, words = _errors(told)
        said = "; ".join(words) or "no reason given"
        request = f", request {ray}" if ray else ""
        shown = "/".join(str(code) for code in codes)
        return cls(f"{what}: {said} (HTTP {status}{', code ' + shown if shown else ''}{request})", status, codes, said)

    @property
    def about_access(self) -> bool:
        """Is it the token, and not what was asked for?"""
        return self.status in (401, 403) or bool(MALFORMED & set(self.codes))

    @property
    def about_the_zone(self) -> bool:
        """The zone may be gone, or have another id. 9109 comes for an unknown token, too."""
        return (self.status == 404 or bool(NO_SUCH_ZONE & set(self.codes))) and UNKNOWN_TOKEN not in self.said.lower()

    @property
    def about_a_record(self) -> bool:
        """One record is at fault: a smaller batch meets it again."""
        return VALIDATION in self.codes or any(81000 <= code < 82000 for code in self.codes)

    def most(self, size: int) -> Optional[int]:
        """The number of changes that a batch may have, when the words of the refusal of one of ``size`` tell it."""
        if self.about_a_record or not (TOO_MANY.search(self.said) and OF_A_BATCH.search(self.said)):
            return None
        numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", self.said)]
        return max((number for number in numbers if 0 < number < size), default=None)


def _errors(told: object) -> tuple[tuple[int, ...], list[str]]:
    if not isinstance(told, Mapping) or not isinstance(told.get("errors"), list):
        return (), [str(told)[:200]] if told else []
    codes: list[int] = []
    words: list[str] = []
    for error in told["errors"]:
        # The general words, "DNS Validation Error", say nothing; the reason is in the chain.
        chain = error.get("error_chain") or []
        codes += [int(one.get("code") or 0) for one in [error, *chain]]
        words += [str(one.get("message") or "") for one in chain or [error]]
    return tuple(codes), words


def explained(refusal: Refusal, right: str, where: str, verified: Callable[[], Optional[str]]) -> Refusal:
    """The same with the way out. verified: asks Cloudflare about the token itself; one call, and only after a failure."""
    way = _way_out(refusal, right, where, verified)
    return Refusal(f"{refusal}: {way}", refusal.status, refusal.codes, refusal.said) if way else refusal


def _way_out(refusal: Refusal, right: str, where: str, verified: Callable[[], Optional[str]]) -> str:
    if not refusal.about_access:
        return ""
    if MALFORMED & set(refusal.codes):
        return f"what is in {where} is no API token; make one with Zone.DNS:Edit and Zone:Read at {WAY_OUT} (a Global API Key is none)"
    if UNKNOWN_TOKEN in refusal.said.lower():
        return f"Cloudflare does not know the token in {where}; it was mistyped, rolled or deleted: put the present one there"
    status = verified()
    if status == "active":
        return f"the token in {where} is good and lacks the right {right}; add it at {WAY_OUT}"
    if status is not None:
        return f"the token in {where} is {status}; renew it at {WAY_OUT}"
    return f"the token in {where} has expired, or lacks the right {right}; see {WAY_OUT}"
