"""START: this node's instance joins the group. Pure. plan.py has the theory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Tuple

from osvc_ha.planner.types import Plan, Step
from osvc_ha.systems.redis.state import Actual, Desired, Health, Sentinel, Server

from .readiness import disagreement, missing, named_master, unready
from .steps import PARKED, at_sentinel, at_server, group_args, resolve, sentinel_settings, server_settings, strangers


class Move(Enum):
    """What a server is to do about its role."""

    LEAD = "lead"
    FOLLOW = "follow"
    WAIT = "wait"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Part:
    """The part of this node's server: whom to follow (or ""), and why, as a sentence."""

    move: Move
    why: str
    master: str = ""


def part(actual: Actual, desired: Desired) -> Part:
    """Which role the server of this node is to take now.

    The Sentinels' word comes first. Without it, a lone master is followed. Without that, the group is
    bootstrapped: the member with most data leads, and among equals the first of the scope, but only when
    every member's server has shown what it holds.
    """
    alien = foreign(actual, desired)
    if alien:
        return Part(Move.REFUSE, alien)
    name = named_master(actual, desired)
    if name == actual.local:
        return _lead(actual)
    if name:
        return _follow(name, actual, desired, f"the Sentinels name {name}")
    masters = tuple(node for node in actual.masters() if node != actual.local)
    if masters:
        return _beside(masters, actual, desired)
    if actual.disk.remembers and actual.watcher.health is Health.ABSENT and desired.config.launch:
        return Part(Move.WAIT, f"the Sentinel on {actual.local} is to tell who was the master")
    if any(sentinel.speaks for sentinel in actual.sentinels.values()):
        return Part(Move.WAIT, disagreement(actual))
    return _bootstrap(actual, desired)


def foreign(actual: Actual, desired: Desired) -> str:
    """A Sentinel of ours that monitors somebody else's master under our name (spotahome/redis-operator#550)."""
    for node in desired.scope:
        sentinel = actual.sentinels[node]
        if sentinel.speaks and ":" in sentinel.master:
            return (
                f"the Sentinel on {node} monitors {sentinel.master} as {desired.config.group}, which is no node of "
                f"{desired.config.path} (here it is {desired.server_at(actual.local)}); give one of the two groups another name"
            )
    return ""


def _lead(actual: Actual) -> Part:
    here = actual.here
    richer = tuple(node for node, server in sorted(actual.servers.items()) if server.answers and server.keys > 0)
    if here.answers and here.keys == 0 and richer:
        if here.role == "master":
            return Part(
                Move.REFUSE,
                f"{here.node} runs as an empty master while {' '.join(richer)} hold data; stop redis-server on "
                f"{here.node}, so that the Sentinels move the master to one of them",
            )
        return Part(Move.WAIT, f"{here.node} came back empty; the Sentinels are to move the master to {' or '.join(richer)}")
    return Part(Move.LEAD, f"the Sentinels name {here.node}")


def _follow(master: str, actual: Actual, desired: Desired, why: str) -> Part:
    head, here = actual.servers[master], actual.here
    # A master that has been empty for longer than the grace period was emptied by its clients. One that
    # has only just started empty was reborn without its disk, and would wipe every replica (kubeblocks#10753).
    reborn = head.answers and head.role == "master" and head.keys == 0 and head.uptime <= desired.config.grace
    if reborn and here.answers and here.keys > 0:
        return Part(
            Move.REFUSE,
            f"{master} is an empty master since {head.uptime} s while {here.node} holds {here.keys} keys; stop "
            f"redis-server on {master}, or, if the data is to go, move {desired.config.directory} on {here.node} away",
        )
    return Part(Move.FOLLOW, why, master)


def _beside(masters: Tuple[str, ...], actual: Actual, desired: Desired) -> Part:
    voted = {sentinel.master for sentinel in actual.sentinels.values() if sentinel.speaks}
    here = actual.here
    if len(masters) > 1 or not voted <= {*masters, here.node}:
        return Part(Move.WAIT, f"{' and '.join(masters)} say master; {disagreement(actual)}")
    other = masters[0]
    if here.role != "master":
        return _follow(other, actual, desired, f"{other} is the only master")
    # Two nodes bootstrapped at once, each unaware of the other: whoever has no data yields, then the later of the scope.
    first = min((here.node, other), key=desired.scope.index)
    if here.keys and actual.servers[other].keys:
        return Part(
            Move.REFUSE,
            f"{here.node} and {other} are both masters and both hold data ({here.keys} and "
            f"{actual.servers[other].keys} keys); stop redis-server on the one whose data is to go",
        )
    yields = here.keys == 0 and (actual.servers[other].keys > 0 or first == other)
    return Part(Move.FOLLOW, f"{other} is the master, and {here.node} is empty", other) if yields else Part(Move.LEAD, f"{other} yields")


def _bootstrap(actual: Actual, desired: Desired) -> Part:
    if not desired.majority:
        return Part(Move.REFUSE, "a new group needs a majority of the cluster's nodes; bring back the others first")
    silent = tuple(node for node in desired.members if not actual.servers[node].answers)
    if silent:
        return Part(Move.WAIT, f"{' '.join(silent)} must show first what data it holds, for the one with most becomes master")
    order = desired.scope.index
    candidates = sorted((node for node, server in actual.servers.items() if server.answers), key=order)
    best = max(candidates, key=lambda node: (actual.servers[node].keys > 0, actual.servers[node].offset, -order(node)))
    if best == actual.local:
        return Part(Move.LEAD, f"{best} is the first of a new group")
    return Part(Move.WAIT, f"{best} is to become the first master of the group")


def start(actual: Actual, desired: Desired) -> Plan:
    """The steps by which this node's instance joins and gets ready; empty when a failover would work now."""
    alien = _taken(actual, desired)
    if alien:
        return (resolve(desired, alien),)
    role = part(actual, desired)
    if role.move is Move.REFUSE:
        return (resolve(desired, role.why),)
    # The address a replica announces has to be right before it meets its master.
    settings = server_drift(actual.here, desired)
    steps = (*_processes(actual, desired), *settings, *_join(role, actual, desired), *_sentinel_settings(actual, desired))
    if not steps and not unready(actual, desired):
        return ()
    lacking = missing(actual, desired)
    why = "wait until a failover would work" + (f": {lacking[0]}" if lacking else "")
    return (*steps, Step("wait-ready", desired.config.group, why, group_args(desired)))


def _taken(actual: Actual, desired: Desired) -> str:
    config, strange = desired.config, strangers(actual, desired)
    for what, program, port in (("server", "redis-server", config.port), ("sentinel", "Sentinel", config.sentinel_port)):
        if what in strange:
            return (
                f"port {port} on {actual.local} is held by a {program} that is not of {config.path}: it was started with {strange[what]}, "
                f"not from {config.directory}; choose another port, stop that one, or set launch=false if somebody else is to run it"
            )
    return ""


def provision(actual: Actual, desired: Desired) -> Plan:
    """First configurations, where there are none and nothing runs."""
    node, disk = actual.local, actual.disk
    here = (("host", desired.addresses[node]),)
    steps: list[Step] = []
    if not disk.sentinel_config and actual.watcher.health is Health.ABSENT:
        steps.append(Step("write-sentinel-config", node, f"{node} has no configuration for its Sentinel yet", here))
    if not disk.server_config and actual.here.health is Health.ABSENT:
        settings = (*here, *server_settings(desired, node))
        steps.append(Step("write-server-config", node, f"{node} has no configuration for redis-server yet", settings))
    return tuple(steps)


def _processes(actual: Actual, desired: Desired) -> Iterator[Step]:
    node = actual.local
    yield from provision(actual, desired)
    if actual.watcher.health is Health.ABSENT:
        yield _run("sentinel", actual, desired)
    if actual.here.health is Health.ABSENT:
        if _reborn(actual, desired):
            yield Step("wait-deposed", node, f"{node} has lost its data; the Sentinels are to move the master first", group_args(desired))
        yield _run("server", actual, desired)


def _run(what: str, actual: Actual, desired: Desired) -> Step:
    node = actual.local
    at = at_server(desired, node) if what == "server" else at_sentinel(desired, node)
    program = "redis-server" if what == "server" else "Sentinel"
    if desired.config.launch:
        return Step(f"launch-{what}", node, f"{program} is not running on {node}" + (PARKED if what == "server" else ""), at)
    return Step(f"wait-{what}", node, f"wait for {program} on {node}, which OpenSVC or its container runs", at)


def _reborn(actual: Actual, desired: Desired) -> bool:
    """Named master, nothing on disk, and a peer holds data: launching now would keep the Sentinels from failing over."""
    holders = [server for server in actual.servers.values() if server.answers and server.keys > 0]
    return bool(holders) and not actual.disk.has_data and named_master(actual, desired) == actual.local


def _join(role: Part, actual: Actual, desired: Desired) -> Iterator[Step]:
    here = actual.here
    right = here.answers and (here.role == "master" if role.move is Move.LEAD else here.master == role.master)
    if role.move is Move.WAIT and here.answers and here.role == "slave":
        right = here.master in actual.masters()
    if not right:
        yield Step("join", actual.local, f"{actual.local} is to take its role: {role.why}", group_args(desired))
    yield from _watch(role, actual, desired)


def _watch(role: Part, actual: Actual, desired: Desired) -> Iterator[Step]:
    sentinel = actual.watcher
    master = actual.local if role.move is Move.LEAD else role.master
    if not sentinel.monitors and not (sentinel.health is Health.ABSENT and actual.disk.remembers):
        yield monitor_step(sentinel, desired, f"the Sentinel on {actual.local} does not monitor {desired.config.group}")
    elif master and sentinel.speaks and sentinel.master != master:
        yield monitor_step(sentinel, desired, f"the Sentinel on {actual.local} names {sentinel.master}, not {master}")


def monitor_step(sentinel: Sentinel, desired: Desired, why: str, master: str = "") -> Step:
    """(RE)MONITOR, with all settings. Without ``master``: the one that the Sentinel's own redis-server follows by then."""
    node = sentinel.node
    settings = sentinel_settings(desired, desired.most_quorum)
    known = desired.addresses[master] if master else ""
    return Step("monitor", node, why, (*at_sentinel(desired, node), ("server", desired.server_at(node)), ("master", known), *settings))


def _sentinel_settings(actual: Actual, desired: Desired) -> Iterator[Step]:
    if actual.watcher.speaks:
        yield from sentinel_drift(actual.watcher, desired, _quorum(actual.watcher, desired))


def _quorum(sentinel: Sentinel, desired: Desired) -> int:
    """START only mends a quorum that is out of bounds; which one it is within them, FOLLOW decides."""
    least = desired.config.quorum or len(desired.members) // 2 + 1
    return sentinel.quorum if least <= sentinel.quorum <= desired.most_quorum else desired.most_quorum


def server_drift(server: Server, desired: Desired) -> Iterator[Step]:
    """CONFIG SET where it differs; always for a server that is about to run with an old configuration."""
    wanted = server_settings(desired, server.node)
    actual = (str(server.min_replicas), str(server.max_lag), str(server.priority), server.announce)
    if server.handover:
        return
    if server.answers:
        wanted = tuple(pair for pair, have in zip(wanted, actual) if pair[1] != have)
    if wanted:
        told = ", ".join(" ".join(pair) for pair in wanted)
        yield Step("set-server", server.node, f"{server.node} should have {told}", (*at_server(desired, server.node), *wanted))


def sentinel_drift(sentinel: Sentinel, desired: Desired, quorum: int) -> Iterator[Step]:
    """SENTINEL SET where it differs."""
    have = (str(sentinel.quorum), str(sentinel.down_after), str(sentinel.failover_timeout))
    wanted = tuple(pair for pair, value in zip(sentinel_settings(desired, quorum), have) if pair[1] != value)
    if wanted:
        told = ", ".join(" ".join(pair) for pair in wanted)
        yield Step(
            "set-sentinel",
            sentinel.node,
            f"the Sentinel on {sentinel.node} should have {told}",
            (*at_sentinel(desired, sentinel.node), *wanted),
        )
