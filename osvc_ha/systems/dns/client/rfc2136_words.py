"""What a server of dynamic updates says, as one sentence each: what it means, and the way out."""

from __future__ import annotations

import time
from typing import Optional

from osvc_ha.planner.errors import ObserveError

WAYS_OUT = {
    "REFUSED": "refuses to {do}: allow it for {key} (Knot: an acl with that key and action: [update, transfer]; "
    "BIND: allow-transfer, and allow-update or update-policy)",
    "NOTAUTH": "is not the primary of the zone, or does not allow {key} to {do}: set server to the primary; check zone and the acl",
    "NOTZONE": "says that a name is outside the zone: set zone to the zone as the server has it, and domain to a name below it",
    "SERVFAIL": "failed to {do}: its own log says why (often a zone that did not load, or a directory where it may not write its journal)",
    "NOTIMP": "does not take dynamic updates: set server to one that does (RFC 2136: Knot, BIND, PowerDNS with dnsupdate=yes)",
    "FORMERR": "did not understand how to {do}: its own log says why",
    "NXDOMAIN": "says that there is no such zone: set zone to the zone as the server has it",
}
PREREQUISITES = frozenset(("YXDOMAIN", "YXRRSET", "NXRRSET"))
MEANWHILE = "says again and again that somebody else wrote it meanwhile; the next look shows what is there, and is planned anew"
BAD_KEY = (
    "does not know {key}, or does not allow it to {do}: name and algorithm must be the same on both sides, and its acl must name the key"
)
BAD_SIGNATURE = "has another secret for {key}: copy the key from the server once more"
BAD_CLOCK = (
    "refuses {key} because the clocks are {apart} apart, where {fudge} s are allowed: {ours} here, {theirs} there; "
    "set them right (timedatectl, chronyc tracking)"
)
UNSIGNED = "answered without signature, though {key} signed the question: somebody else may be answering; check server"


class Silent(ObserveError):
    """Nothing was sent, for nobody could be reached."""


class Unanswered(ObserveError):
    """It was sent, and no answer came: done or not, nobody here knows."""


class Answered(ObserveError):
    """The server said no. code: its rcode, or the TSIG error."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code

    @property
    def somebody_wrote(self) -> bool:
        """Was a prerequisite not met?"""
        return self.code in PREREQUISITES


def refusal(code: str, where: str, do: str, key: str) -> Answered:
    """The sentence for an rcode. where: the server and zone. do: what it was asked, as in "transfer example.com"."""
    way = WAYS_OUT.get(code, MEANWHILE if code in PREREQUISITES else "answered {code} when asked to {do}: its own log says why")
    return Answered(code, f"{where} {way.format(do=do, key=key, code=code)} [{code}]")


def bad_clock(where: str, key: str, ours: float, theirs: Optional[float], fudge: int) -> Answered:
    """Both clocks, and how far apart they are."""
    apart = "an unknown time" if theirs is None else f"{abs(ours - theirs):.0f} s"
    there = "unknown" if theirs is None else _clock(theirs)
    return Answered("BADTIME", f"{where} {BAD_CLOCK.format(key=key, apart=apart, fudge=fudge, ours=_clock(ours), theirs=there)} [BADTIME]")


def _clock(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
