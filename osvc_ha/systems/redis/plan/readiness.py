"""Would a failover work now? And what is to be said about the group? Pure.

A Sentinel whose port answers is not ready: it has to have found the replicas (by INFO, every 10 s)
and the other Sentinels (by hello, every 2 s). A master killed before that has no heir: "no-good-slave",
and the next try comes after twice failover-timeout (helm/charts#2780, OT-CONTAINER-KIT/redis-operator#1883).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Tuple

from osvc_ha.authority import named
from osvc_ha.planner.types import Facts
from osvc_ha.systems.redis.state import Actual, Desired, Health, Sentinel, Server

# After a switch Sentinel may wait a whole ping period, 1 s, before it reconnects (sentinelReconnectInstance,
# last_reconn_time), while sentinelCheckSubjectivelyDown already counts: seen as a second failover, in one run of a few, at 1000.
SAFE_DOWN_AFTER = 1500


def named_master(actual: Actual, desired: Desired) -> str:
    """The master by a majority of the configured Sentinels; "" when unclear.

    With fewer members than a majority of the scope (a first instance started alone) that can never be:
    then all members' Sentinels must agree, and OpenSVC must see a majority of its own.
    """
    master = named(actual.view())
    if master or not desired.majority or 2 * len(desired.members) > len(desired.scope):
        return master
    heard = {s.master for s in actual.sentinels.values() if s.speaks}
    complete = all(actual.sentinels[node].speaks for node in desired.members)
    return next(iter(heard)) if complete and len(heard) == 1 else ""


def missing(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """What keeps a failover from working now, a sentence each. Empty: the group is ready.

    A member whose processes do not answer holds up nobody else, as long as a majority of the scope is there.
    """
    present = _present(actual, desired)
    absent = tuple(node for node in desired.members if node not in present)
    if desired.local in absent:
        return tuple(_absence(actual, desired.local))
    if absent and 2 * len(present) <= len(desired.scope):
        return (f"{len(present)} of {len(desired.scope)} nodes answer, no majority: {' '.join(absent)} missing",)
    master = named_master(actual, desired)
    if not master:
        return (disagreement(actual),)
    if actual.servers.get(master, Server(master, Health.SILENT)).role != "master":
        return (f"the Sentinels name {master}, which does not say it is a master",)
    found = [line for node in present for line in _blind_spots(actual.sentinels[node], master, present)]
    return (*found, *(line for node in present if node != master for line in _loose_ends(actual.servers[node], master)))


def _present(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    return tuple(node for node in desired.members if actual.servers[node].answers and actual.sentinels[node].speaks)


def unready(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """What keeps a failover from working for this member, a sentence each; a part of ``missing``.

    A member that serves stays up while another joins, leaves or is mended, as long as its Sentinel sees a majority of
    the Sentinels and a replica in sync: an agent that sees all members fall to warn starts all of them anew.
    """
    lines = missing(actual, desired)
    here, watcher = actual.servers[desired.local], actual.sentinels[desired.local]
    master = named_master(actual, desired)
    if not lines or not (here.answers and watcher.speaks and master) or actual.servers[master].role != "master":
        return lines
    present = _present(actual, desired)
    if 2 * len(present) <= len(desired.scope) and len(present) < len(desired.members):
        return lines
    own = [] if here.node == master else list(_loose_ends(here, master))
    if watcher.master != master or watcher.flags != {"master"} or not _would_work(watcher, desired):
        own += _blind_spots(watcher, master, present)
    return tuple(own)


def _would_work(watcher: Sentinel, desired: Desired) -> bool:
    """Could a failover begin now, and find an heir?"""
    if len(desired.members) == 1:
        return True
    others = len({seen.where for seen in watcher.sentinels if seen.well} & set(desired.members) - {watcher.node})
    # Where the members are no majority of the scope, none can be asked for: see named_master.
    decides = 2 * (1 + others) > len(desired.scope) or 2 * len(desired.members) <= len(desired.scope)
    return decides and any(seen.well and seen.link_up and seen.priority for seen in watcher.replicas)


def _absence(actual: Actual, node: str) -> Iterator[str]:
    if not actual.servers[node].answers:
        yield f"redis-server on {node} is {actual.servers[node].health.value}{_because(actual.servers[node].trouble)}"
    if actual.sentinels[node].health is not Health.ANSWERS:
        yield f"the Sentinel on {node} is {actual.sentinels[node].health.value}{_because(actual.sentinels[node].trouble)}"
    elif not actual.sentinels[node].monitors:
        yield f"the Sentinel on {node} does not monitor the group"


def _because(words: str) -> str:
    return f" ({words})" if words else ""


def disagreement(actual: Actual) -> str:
    """Whom each Sentinel names, in one sentence."""
    said = []
    for node in sorted(actual.sentinels):
        sentinel = actual.sentinels[node]
        said.append(f"{node} names {sentinel.master} (epoch {sentinel.epoch})" if sentinel.speaks else f"{node} names nobody")
    return "no majority of the Sentinels names one master: " + ", ".join(said)


def _blind_spots(sentinel: Sentinel, master: str, present: Tuple[str, ...]) -> Iterator[str]:
    who = f"the Sentinel on {sentinel.node}"
    if sentinel.master != master:
        yield f"{who} names {sentinel.master}, not {master}"
        return
    if sentinel.flags != {"master"}:
        yield f"{who} sees the master as {','.join(sorted(sentinel.flags))}"
    others = {seen.where for seen in sentinel.sentinels if seen.well}
    replicas = {seen.where for seen in sentinel.replicas if seen.well and seen.link_up}
    unheard = [node for node in present if node not in others and node != sentinel.node]
    unseen = [node for node in present if node not in replicas and node != master]
    if unheard:
        yield f"{who} sees {len(present) - 1 - len(unheard)} of {len(present) - 1} other Sentinels: {' '.join(unheard)} missing"
    if unseen:
        yield f"{who} sees {len(present) - 1 - len(unseen)} of {len(present) - 1} replicas in sync: {' '.join(unseen)} missing"


def _loose_ends(server: Server, master: str) -> Iterator[str]:
    if server.role != "slave":
        yield f"{server.node} says it is a {server.role} beside {master}"
    elif server.master != master:
        yield f"{server.node} follows {server.master or 'nobody'}, not {master}"
    elif not server.link_up:
        yield f"{server.node} is not in sync with {master}"


def tilted(actual: Actual) -> Tuple[str, ...]:
    """The Sentinels that would sit on a failover for now, a sentence each."""
    return tuple(
        f"the Sentinel on {node} is in TILT: its clock jumped or it stood still for 2 s, and it takes part in no failover for 30 s"
        for node in sorted(actual.sentinels)
        if actual.sentinels[node].tilt
    )


def notes(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """What an operator should know although nothing is to be done: disagreements, and settings that are asking for trouble."""
    lines = [] if named_master(actual, desired) else [disagreement(actual)]
    if desired.config.down_after < SAFE_DOWN_AFTER:
        lines.append(f"down_after={desired.config.down_after} is short: a master just promoted may look down; use {SAFE_DOWN_AFTER}")
    return (*lines, *tilted(actual), *(line for line in missing(actual, desired) if line not in lines))


def facts(actual: Actual, desired: Desired) -> Facts:
    """Who is master, each server's role and lag in bytes, and what each Sentinel sees."""
    master = named_master(actual, desired)
    head = actual.servers[master].offset if master in actual.servers else 0
    found = [("master", master or "nobody")]
    for node in desired.scope:
        found.append((node, _server_fact(actual.servers[node], head)))
        found.append((f"{node} Sentinel", _sentinel_fact(actual.sentinels[node], len(desired.members))))
    return tuple(found)


def _server_fact(server: Server, head: int) -> str:
    if not server.answers:
        return f"redis-server {server.health.value}{_because(server.trouble)}"
    if server.role == "master":
        return f"master at offset {server.offset}, {server.good} replicas in sync, {server.min_replicas} needed to write"
    state = f"{max(0, head - server.offset)} bytes behind" if server.link_up else "not in sync"
    return f"replica of {server.master or 'nobody'}, {state}, priority {server.priority}"


def _sentinel_fact(sentinel: Sentinel, members: int) -> str:
    if not sentinel.speaks:
        return "monitors nothing" if sentinel.health is Health.ANSWERS else sentinel.health.value + _because(sentinel.trouble)
    others = sum(seen.well for seen in sentinel.sentinels)
    replicas = sum(seen.well for seen in sentinel.replicas)
    wanted = max(0, members - 1)
    return f"sees {replicas} of {wanted} replicas and {others} of {wanted} Sentinels, quorum {sentinel.quorum}"
