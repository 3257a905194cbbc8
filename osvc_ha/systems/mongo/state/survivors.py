"""What is left of a replica set that has lost its majority, and the configuration that a person may force on it. Pure.

Only `osvc-ha mongo force-reconfig` uses this: a forced configuration keeps none of the promises that plan/__init__.py is built on.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Optional, Tuple

from osvc_ha.planner.errors import UnsafePlan

from .documents import Document, parse_config
from .setconfig import Member, SetConfig, same_host

HAS_DATA = frozenset({"PRIMARY", "SECONDARY"})


@dataclass(frozen=True)
class Report:
    """One member by its own words. trouble: why there are none. there: something answers all the same, and so it votes.

    denied: it does not let us in, by login or certificate.
    optime: (term, seconds, counter) of its last operation: the higher, the more it has. document: its configuration.
    """

    host: str
    trouble: str = ""
    there: bool = True
    state: str = ""
    optime: Tuple[int, int, int] = (-1, 0, 0)
    document: Optional[Mapping[str, Any]] = None
    denied: bool = False

    @property
    def config(self) -> Optional[SetConfig]:
        """The same, read. ObserveError when it is none."""
        return parse_config(self.document) if self.document else None


@dataclass(frozen=True)
class Remains:
    """The members that a person says are all that is left, and what each member says. ``survivors``: host:port."""

    survivors: Tuple[str, ...]
    reports: Tuple[Report, ...]

    @property
    def named(self) -> Tuple[Report, ...]:
        """The survivors' reports."""
        return tuple(one for one in self.reports if self.survives(one.host))

    @property
    def base(self) -> Report:
        """The survivor with the newest configuration."""
        return max((one for one in self.named if one.config), key=lambda one: one.config.stamp if one.config else (-1, -1))

    def survives(self, host: str) -> bool:
        """Is it named?"""
        return any(same_host(host, one) for one in self.survivors)

    def report(self, host: str) -> Optional[Report]:
        """What that member says."""
        return next((one for one in self.reports if same_host(one.host, host)), None)


def refusal(remains: Remains) -> str:
    """Why nothing may be forced on these survivors, as a sentence; or ""."""
    return next(filter(None, _refusals(remains)), "")


def _refusals(remains: Remains) -> Iterator[str]:
    for host in remains.survivors:
        found = remains.report(host)
        if found is not None and found.denied:
            yield f"{found.trouble}; name the right username and password_file, and with tls the right certificates"
        if found is None or found.trouble or found.config is None:
            words = found.trouble if found is not None else ""
            yield f"{host} does not answer as a member ({words or 'it is in no replica set'}), so it is no survivor"
    ids = {one.config.id for one in remains.named if one.config}
    if len(ids) > 1:
        yield f"the survivors are of {len(ids)} replica sets ({', '.join(sorted(ids))}); name those of one"
    config = remains.base.config
    assert config is not None
    for host in remains.survivors:
        if config.at(host) is None:
            yield f"{host} is no member of {config.name}; its members are {' '.join(one.host for one in config.members)}"
    yield _no_need(config, remains)
    yield _not_freshest(config, remains)


def _no_need(config: SetConfig, remains: Remains) -> str:
    head = next((one.host for one in remains.reports if one.state == "PRIMARY"), "")
    if head:
        return f"{head} is the primary, so the set has its majority; what is to go is removed by unprovisioning its instance"
    there = [member.host for member in config.voters if (one := remains.report(member.host)) and one.there]
    if len(there) >= config.majority:
        return (
            f"{len(there)} of {len(config.voters)} voting members answer ({' '.join(there)}), and {config.majority} are a majority: they "
            "elect a primary by themselves; see `osvc-ha resource mongo status` for what keeps them from it"
        )
    return ""


def _not_freshest(config: SetConfig, remains: Remains) -> str:
    """A member votes for nobody who has less than itself, and what only it has would be rolled back: so the freshest has to lead."""
    newest = max(one.optime for one in remains.reports)
    holders = [one for one in remains.reports if one.optime == newest]
    if not any(remains.survives(one.host) for one in holders):
        return f"{holders[0].host} has newer data than every survivor, and is not named: name it too, or stop it if its data is to go"
    if not _leader(config, remains):
        told = ", ".join(f"{one.host} ({one.state or 'unknown'})" for one in holders)
        return f"none of the survivors with the newest data could be primary: {told}"
    return ""


def _leader(config: SetConfig, remains: Remains) -> str:
    newest = max(one.optime for one in remains.reports)
    fit = [one for one in remains.named if one.optime == newest and one.state in HAS_DATA and _may_lead(config.at(one.host))]
    # Of equals the one that would be primary anyway.
    return max(fit, key=lambda one: _priority(config.at(one.host))).host if fit else ""


def _may_lead(member: Optional[Member]) -> bool:
    return member is not None and (member.electable or _gets_vote(member))


def _gets_vote(member: Member) -> bool:
    """It was without a vote only because the number was odd without it, or because it had just come."""
    return member.ours and not member.votes


def _priority(member: Optional[Member]) -> float:
    return member.priority if member is not None else 0.0


def leader(remains: Remains) -> str:
    """The survivor to force the configuration on: host:port of one with the newest data that may be primary. UnsafePlan with the reason."""
    words = refusal(remains)
    if words:
        raise UnsafePlan(f"{words}; nothing was changed")
    config = remains.base.config
    assert config is not None
    return _leader(config, remains)


def forced(remains: Remains) -> Document:
    """The configuration of the survivors alone, each as it was; the one that leads has a vote. For replSetReconfig with force."""
    head, base = leader(remains), remains.base
    made: Document = copy.deepcopy(dict(base.document or {}))
    made["members"] = [entry for entry in made["members"] if remains.survives(entry["host"])]
    for entry in made["members"]:
        member = parse_config(made).at(entry["host"])
        if same_host(entry["host"], head) and member is not None and _gets_vote(member):
            entry["votes"], entry["priority"] = 1, 1
    made["version"] = int(made["version"]) + 1
    # The server refuses a term that is not its own; a forced configuration has none.
    made.pop("term", None)
    return made


def dropped(remains: Remains) -> Tuple[str, ...]:
    """The members that would no longer be in the set."""
    config = remains.base.config
    return tuple(one.host for one in config.members if not remains.survives(one.host)) if config is not None else ()
