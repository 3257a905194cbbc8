"""FOLLOW: members come and go, settings drift. Pure. Never a role.

Only the first placed node acts, and only while it sees a majority of the cluster (one writer). Who is
gone is forgotten by SENTINEL RESET on one Sentinel, when everything else is well, and not again within
30 s: the procedure of Sentinel's own documentation. RESET keeps the config epoch, which REMOVE + MONITOR
does not; done on all at once or in every loop it leaves a group without a master for hours
(OT-CONTAINER-KIT/redis-operator#1883), hence the conditions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Tuple

from osvc_ha.planner.types import Follows, Plan, Step
from osvc_ha.systems.redis.state import Actual, Desired, Health, Seen, Sentinel

from .joining import foreign, monitor_step, sentinel_drift, server_drift
from .readiness import disagreement, named_master
from .steps import at_sentinel, resolve

APART = 30_000
"""Milliseconds between two resets, and after any change of roles."""


def follow(actual: Actual, desired: Desired) -> Plan:
    """Settings put right everywhere, then at most one Sentinel told whom it should watch, or to forget who is gone."""
    if not (desired.first and desired.majority):
        return ()
    if _busy(actual):
        return ()
    unclear = foreign(actual, desired) or _unclear(actual, desired)
    if unclear:
        return (resolve(desired, unclear),)
    drift = (*_servers(actual, desired), *_sentinels(actual, desired))
    return tuple(replace(step, needs=Follows.MEMBERSHIP) for step in (*drift, *_one(actual, desired, bool(drift))))


def _busy(actual: Actual) -> bool:
    """A failover or a handover is running: it has the floor."""
    return any(s.failing_over for s in actual.sentinels.values()) or any(s.handover for s in actual.servers.values())


def _unclear(actual: Actual, desired: Desired) -> str:
    """Zero or two writable masters, or one that the Sentinels do not name: what is seen, for a person to judge."""
    masters, name = actual.masters(), named_master(actual, desired)
    if not name:
        return f"{' and '.join(masters) or 'nobody'} says master, and {disagreement(actual)}; nothing is changed until they agree"
    if masters != (name,):
        return f"the Sentinels name {name}, and {' and '.join(masters) or 'nobody'} says master; nothing is changed until that is one"
    return ""


def _servers(actual: Actual, desired: Desired) -> Iterator[Step]:
    for node in desired.members:
        if actual.servers[node].answers:
            yield from server_drift(actual.servers[node], desired)


def _sentinels(actual: Actual, desired: Desired) -> Iterator[Step]:
    quorum = wanted_quorum(actual, desired)
    for node in desired.members:
        if actual.sentinels[node].speaks:
            yield from sentinel_drift(actual.sentinels[node], desired, quorum or actual.sentinels[node].quorum)


def wanted_quorum(actual: Actual, desired: Desired) -> int:
    """A majority of the Sentinels there are: of the scope, less those that are down and forgotten by all. 0: leave it for now."""
    if desired.config.quorum:
        return desired.config.quorum
    speaking = tuple(s for s in actual.sentinels.values() if s.speaks)
    if 2 * len(speaking) <= len(desired.scope) or any(s.settled_for < APART for s in speaking):
        return 0
    known = {seen.where for sentinel in speaking for seen in sentinel.sentinels} | {sentinel.node for sentinel in speaking}
    return len([node for node in desired.scope if node in known or node in desired.members]) // 2 + 1


def _one(actual: Actual, desired: Desired, drifts: bool) -> Iterator[Step]:
    """At most one Sentinel at a time, and none while there is anything else to mend."""
    lost = [s for s in _present(actual, desired) if s.master != named_master(actual, desired)]
    if lost:
        what = f"names {lost[0].master}" if lost[0].monitors else f"does not monitor {desired.config.group}"
        master = named_master(actual, desired)
        yield monitor_step(lost[0], desired, f"the Sentinel on {lost[0].node} {what}, while the others name {master}", master)
    elif not drifts:
        yield from _forget(actual, desired)


def _present(actual: Actual, desired: Desired) -> Tuple[Sentinel, ...]:
    return tuple(actual.sentinels[node] for node in desired.members if actual.sentinels[node].health is Health.ANSWERS)


def _forget(actual: Actual, desired: Desired) -> Iterator[Step]:
    present = _present(actual, desired)
    healthy = all(s.flags == {"master"} and s.settled_for >= APART for s in present)
    # The one being reset knows nobody for a moment: the others must be enough without it to decide, unless it is all there is.
    if not healthy or 2 * len(present) <= len(desired.scope) or len(present) < max(s.quorum for s in present):
        return
    for sentinel in present:
        gone = sorted(set(_gone((*sentinel.replicas, *sentinel.sentinels), desired)))
        if gone:
            told = f"forget {' and '.join(gone)}, down for longer than {desired.config.grace:g} s"
            yield Step("reset", sentinel.node, f"the Sentinel on {sentinel.node} is to {told}", at_sentinel(desired, sentinel.node))
            return


def _gone(seen: Iterable[Seen], desired: Desired) -> Iterator[str]:
    for item in seen:
        if item.where not in desired.members and not item.well and item.down_for >= desired.config.grace * 1000:
            yield item.where
