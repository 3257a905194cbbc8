"""Whether the set is led: it is, it is about to be, or why it cannot be, as sentences. Pure."""

from __future__ import annotations

from typing import Optional

from osvc_ha.systems.mongo.state import Actual, Desired, Health, Member, SetConfig

from .standing import Presence, configuration, keeps_majority, named, newest, presence, primary, where

RUNBOOK = 'docs/operations.md, "MongoDB: majority lost"'


def led(actual: Actual, desired: Desired) -> bool:
    """Is there a primary, by its own words or by a member's?"""
    return bool(primary(actual, desired) or any(named(actual, desired)))


def leaderless(actual: Actual, desired: Desired) -> str:
    """Why there is no primary and none can be elected now, as one sentence; "" when there is one, or that cannot be told."""
    return lost(actual, desired) or unready(actual, desired)


def lost(actual: Actual, desired: Desired) -> str:
    """That so many voters are gone that the others elect nobody, as one sentence with the way out; or "".

    Those that only do not answer may go on without this node: it may be the one that is cut off.
    """
    config = _without_primary(actual, desired)
    if config is None:
        return ""
    found = {where(member, actual, desired): presence(member, actual, desired) for member in config.voters}
    away = [place for place, how in found.items() if how in (Presence.GONE, Presence.SILENT)]
    there, silent = len(found) - len(away), [place for place in away if found[place] is Presence.SILENT]
    if there >= config.majority:
        return ""
    words = "so nothing can be written"
    if len(silent) >= config.majority:
        words += f" here; if it is {desired.local} that is cut off, the others go on without it"
    return (
        f"majority lost{f', as {desired.local} sees it' if silent else ''}: {there} of {len(found)} voting members of "
        f"{desired.config.replica_set} are there and {config.majority} are needed ({' '.join(away)} missing), {words}; bring them back, "
        f"or if they are gone for good go on without them by `osvc-ha mongo force-reconfig`: {RUNBOOK}"
    )


def unready(actual: Actual, desired: Desired) -> str:
    """That a majority of the voters is there, and too many of them cannot serve yet, as one sentence; or "". Forcing helps nobody then."""
    config = _without_primary(actual, desired)
    if config is None or lost(actual, desired):
        return ""
    there = [presence(member, actual, desired) is Presence.THERE for member in config.voters]
    told = ", ".join(_how(member, actual, desired) for member, ready in zip(config.voters, there) if not ready)
    return (
        f"{desired.config.replica_set} has no primary yet: {sum(there)} of {len(config.voters)} voting members are ready and "
        f"{config.majority} are needed ({told})"
    )


def _without_primary(actual: Actual, desired: Desired) -> Optional[SetConfig]:
    """The newest configuration, of a set that nobody leads nor is about to; None else."""
    config = newest(actual, desired)
    return None if led(actual, desired) or config is None or keeps_majority(config, actual, desired) else config


def _how(member: Member, actual: Actual, desired: Desired) -> str:
    place = where(member, actual, desired)
    view = actual.views.get(place)
    if view is None or view.health in (Health.ABSENT, Health.SILENT):
        return f"{place} {presence(member, actual, desired).value}"
    if view.health is Health.DENIED:
        return f"{place} refuses our login"
    return f"{place} {view.state or 'in no replica set'}"


def electing(actual: Actual, desired: Desired) -> bool:
    """No primary, but enough voters to elect one: that is the set's to do, within election_timeout."""
    config = configuration(actual, desired)
    return config is not None and not led(actual, desired) and keeps_majority(config, actual, desired)


def unread(actual: Actual, desired: Desired) -> str:
    """That the primary cannot be asked from here, as a sentence; or ""."""
    teller, head = named(actual, desired)
    view = actual.views.get(head)
    return f"{teller} names {head} the primary, which {desired.local} cannot ask ({view.trouble or view.health.value})" if view else ""
