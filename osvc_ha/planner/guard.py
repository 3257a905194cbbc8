"""Refusals: each one a small named function, raising UnsafePlan with the way out.

The thresholds are octoDNS' (MAX_SAFE_DELETE_PCENT 0.3, MIN_EXISTING_RECORDS 10): below
ten things a share means nothing, above it a plan that removes a third is a broken source.
"""

from __future__ import annotations

from collections.abc import Sequence

from .errors import UnsafePlan
from .types import Follows, Plan, Verb

MOST_REMOVED = 0.3
FEWEST_TO_JUDGE = 10


def refuse_unresolved(system: str, plan: Plan) -> None:
    """A step ``resolve`` is whatever only a person can do; its sentence says what."""
    for step in plan:
        if step.do == "resolve":
            raise UnsafePlan(f"{system} {step.on}: {step.why}")


def refuse_empty_source(what: str, wanted: int, existing: int, override: str = "") -> None:
    """An empty source is a broken reader until an operator says otherwise (external-dns#1238)."""
    if wanted == 0 and existing > 0:
        raise UnsafePlan(f"{what}: the source lists nothing while {existing} exist; the last good set stays{_way(override)}")


def refuse_mass_removal(what: str, removed: int, existing: int, override: str = "") -> None:
    """More than 30 % of ten or more at once is refused."""
    if existing >= FEWEST_TO_JUDGE and removed > MOST_REMOVED * existing:
        raise UnsafePlan(f"{what}: would remove {removed} of {existing} (over {MOST_REMOVED:.0%}){_way(override)}")


def refuse_last(what: str, left: int, removed: Sequence[str], override: str = "") -> None:
    """The last member, backend or address is never taken away."""
    if removed and left == 0:
        raise UnsafePlan(f"{what}: {', '.join(removed)} would leave nothing{_way(override)}")


def refuse_without_majority(what: str, present: int, total: int) -> None:
    """Shared state is written only by a side that sees a majority."""
    if 2 * present <= total:
        raise UnsafePlan(f"{what}: only {present} of {total} present, no majority; bring back the others first")


def refuse_beyond(follows: Follows, verb: Verb, plan: Plan) -> None:
    """An event can never do what only START and STOP may: the one place that checks it."""
    if verb is not Verb.FOLLOW:
        return
    for step in plan:
        if step.needs > follows:
            raise UnsafePlan(f"{step.do} {step.on}: only OpenSVC's start or stop may do this, not an event")


def _way(override: str) -> str:
    return f"; set {override} to do it anyway" if override else ""
