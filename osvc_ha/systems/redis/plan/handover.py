"""STOP: a master hands over before it goes. Pure. The order below is the whole point.

    fence       the master takes writes only while all its replicas are there   (a killed run leaves this)
    pause       writes wait, for at most handover_timeout                       (ends by itself)
    drain       every replica that may be chosen has every byte
    failover    one Sentinel is asked; it decides                               (never Redis' own FAILOVER: the two hang, Bitnami PR#14133)
    promoted    a replica says master; from here on the fence holds without us
    demote      the old master follows it, before the pause ends: waiting writes get -READONLY, not +OK (redis#6062)
    door        HAProxy on this node is told                                    (its own checks would find out)
    disconnect  the old master's clients reconnect, to the new one              (redis#1083)
    release     the pause ends and the fence goes, unless that would let an old master take writes
    settle      a majority of the Sentinels names the new master

Killed before ``failover`` was heard: the pause ends, the master goes on, and the next look takes the fence
back. Killed after: Sentinel goes on, the fence stops the old master's writes at the promotion, pause or no
pause, and Sentinel turns it into a replica within seconds; a next STOP ends the switch at ``demote``.

Valkey 9's ``SENTINEL FAILOVER ... COORDINATED`` does the same from the inside, and is used with coordinated=true only: it loses as little
(9.1.2: nothing), but holds an election first, pauses writes for all of failover-timeout when it gets stuck, needs
the right to FAILOVER on the servers (valkey#2779), and killed Sentinels of 9.1.0 (valkey#4066).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Tuple

from osvc_ha.planner.types import Plan, Step
from osvc_ha.systems.redis.state import Actual, Desired, Health, Seen, Sentinel

from .readiness import named_master, tilted
from .steps import Args, at_sentinel, at_server, group_args, resolve, strangers

OVERRIDE = "allow_stop_without_handover=true"
URGENT = "1"
# Of handover_timeout, for all HAProxies together. drain and promoted have 0.8 of it: none of the three outlasts the pause.
DOOR_SHARE = 0.2


def stop(actual: Actual, desired: Desired) -> Plan:
    """Hand over if this node is the master and others stay, then end the processes (launch only), Sentinel last.

    Not those of a stranger on our port: a service that was made by mistake must not take another's Redis with it.
    """
    moved = () if "server" in strangers(actual, desired) else _hand_over(actual, desired)
    if moved and moved[0].do == "resolve":
        return moved
    return (*moved, *_end(actual, desired))


def _hand_over(actual: Actual, desired: Desired) -> Plan:
    here = actual.here
    deposed = named_master(actual, desired) not in ("", actual.local)
    if here.role != "master" or not here.answers or (deposed and not _risen(actual)):
        return ()
    if not desired.staying and not _risen(actual):
        return ()
    plan = handover_plan(actual, desired)
    return () if plan[0].do == "resolve" and desired.config.allow_stop_without_handover else plan


def handover_plan(actual: Actual, desired: Desired, to: str = "") -> Plan:
    """Move the master away from this node, to ``to`` if given, while its processes keep running.

    Also ends a switch that an earlier run left half done. A plan of one ``resolve`` step when nobody can take over.
    """
    if _risen(actual):
        return tuple(_finish(actual, desired, _risen(actual)))
    refusal = _refusal(actual, desired, to)
    if refusal:
        return (resolve(desired, refusal, OVERRIDE),)
    heirs = takers(actual, desired)
    heir = to or heirs[0]
    switch = (*_switch(heir, heirs, actual, desired), *_finish(actual, desired, heir))
    return (*_prefer(to, heirs, desired), *switch, *_restore(to, heirs, desired))


def takers(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """Replicas that Sentinel could promote now, in its order: lowest priority first (sentinelSelectSlave)."""
    fit = [actual.servers[node] for node in desired.staying if not _unfit(actual, node)]
    return tuple(server.node for server in sorted(fit, key=lambda server: (server.priority, -server.offset, server.node)))


def _risen(actual: Actual) -> str:
    """The other node that already says master: a switch is under way, or done."""
    return next((node for node in actual.masters() if node != actual.local), "")


def _refusal(actual: Actual, desired: Desired, to: str) -> str:
    here = f"{actual.local} is the master"
    if actual.here.handover:
        return f"{here} and another run is handing it over now; wait for that one"
    heirs = takers(actual, desired)
    if not heirs or (to and to not in heirs):
        reasons = [_unfit(actual, node) for node in ([to] if to in actual.servers else desired.staying)]
        return f"{here} and {to or 'no replica'} can{'not' if to else ''} take over: {'; '.join(filter(None, reasons)) or 'there is none'}"
    if named_master(actual, desired) != actual.local:
        return f"{here}, but a majority of the Sentinels does not say so, and without them nobody can take over"
    if not _asked(actual, desired):
        unusable = next((s.unusable for s in actual.sentinels.values() if s.unusable), "")
        said = unusable or " and ".join(tilted(actual)) or "none of those that stay knows the group"
        return f"{here} and no Sentinel can run the handover: {said}"
    return ""


def _unfit(actual: Actual, node: str) -> str:
    """Why this node's server cannot be promoted, or "". Also by the cached reading of the Sentinels, which decides (no-good-slave)."""
    server = actual.servers[node]
    if not server.answers:
        return f"{node} is {server.health.value}"
    if server.role != "slave" or server.master != actual.local:
        return f"{node} does not follow it"
    if not server.link_up:
        return f"{node} is not in sync"
    if server.priority == 0:
        return f"{node} has priority 0"
    seen = [_seen(sentinel, node) for sentinel in actual.sentinels.values() if sentinel.speaks]
    if not any(item.well and item.link_up and item.priority for item in seen):
        return f"{node} is not in sync as the Sentinels know it, from INFO every 10 s; try again in 10 s"
    return ""


def _seen(sentinel: Sentinel, node: str) -> Seen:
    return next((seen for seen in sentinel.replicas if seen.where == node), Seen(node, link_up=False))


def _asked(actual: Actual, desired: Desired) -> str:
    """The Sentinel to ask: one that stays, since ours ends with this node; any as a last resort; none that would sit on it."""
    for node in (*desired.staying, actual.local):
        sentinel = actual.sentinels[node]
        heirs_known = any(_seen(sentinel, heir).well and _seen(sentinel, heir).link_up for heir in takers(actual, desired))
        if (
            sentinel.health is Health.ANSWERS
            and sentinel.master == actual.local
            and not sentinel.unusable
            and heirs_known
            and not sentinel.tilt
        ):
            return node
    return ""


def _prefer(to: str, heirs: Tuple[str, ...], desired: Desired) -> Iterator[Step]:
    if to and heirs[0] != to:
        yield Step("set-server", to, f"{to} is to be chosen before the others", (*at_server(desired, to), ("replica-priority", URGENT)))
        yield Step(
            "wait-preferred",
            to,
            f"wait until the Sentinels know that {to} comes first, from INFO every 10 s",
            (*group_args(desired), ("priority", URGENT)),
        )


def _restore(to: str, heirs: Tuple[str, ...], desired: Desired) -> Iterator[Step]:
    if to and heirs[0] != to:
        usual = str(desired.priority(to))
        yield Step(
            "set-server", to, f"{to} gets its usual priority back", (*at_server(desired, to), ("replica-priority", usual)), always=True
        )


def _switch(heir: str, heirs: Tuple[str, ...], actual: Actual, desired: Desired) -> Iterator[Step]:
    node = actual.local
    args = (*at_server(desired, node), *_peers(heirs, desired))
    sentinel = _asked(actual, desired)
    if not desired.config.coordinated:
        yield from _hold(heir, heirs, actual, desired)
    how = "COORDINATED" if desired.config.coordinated else ""
    yield Step(
        "failover",
        sentinel,
        f"ask the Sentinel on {sentinel} to make {heir} the master",
        (*at_sentinel(desired, sentinel), ("how", how), ("old", desired.server_at(node))),
    )
    yield Step("promoted", heir, f"wait until {heir} says it is the master", args)


def _hold(heir: str, heirs: Tuple[str, ...], actual: Actual, desired: Desired) -> Iterator[Step]:
    """Fence, pause and drain: what COORDINATED does from the inside."""
    node, budget = actual.local, desired.config.handover_timeout
    args = (*at_server(desired, node), *_peers(heirs, desired))
    fence = str(max(1, actual.here.good))
    yield Step(
        "fence",
        node,
        f"{node} takes writes only while its {fence} replicas are there, until {heir} has taken over",
        (*at_server(desired, node), ("min-replicas-to-write", fence)),
    )
    yield Step("pause", node, f"writes on {node} wait for at most {budget:g} s", (*at_server(desired, node), ("seconds", f"{budget:g}")))
    yield Step("drain", node, f"wait until {' and '.join(heirs)} have every byte of {node}", args)


def _finish(actual: Actual, desired: Desired, heir: str) -> Iterator[Step]:
    node = actual.local
    group = group_args(desired)
    yield Step("demote", node, f"{node} is to follow the new master, {heir}", group)
    seconds = f"{desired.config.handover_timeout * DOOR_SHARE / max(1, len(actual.doors)):g}"
    for door in actual.doors:
        yield Step(
            "door",
            door.socket,
            f"tell HAProxy that {heir} may be written to, and {node} no longer",
            (*group, ("backends", " ".join(door.backends)), ("seconds", seconds)),
        )
    yield Step("disconnect", node, f"the clients of {node} are to reconnect to {heir}", at_server(desired, node))
    yield Step(
        "release",
        node,
        f"end the pause and the fence on {node}, if it can no longer take writes or is still the only master",
        (*group, ("min-replicas-to-write", str(desired.min_replicas))),
        always=True,
    )
    yield Step("settle", desired.config.group, f"wait until a majority of the Sentinels names {heir}", group)


def _peers(heirs: Tuple[str, ...], desired: Desired) -> Args:
    return (("peers", " ".join(f"{node}={desired.addresses[node]}" for node in heirs)),)


def _end(actual: Actual, desired: Desired) -> Iterator[Step]:
    if not desired.config.launch:
        return
    node, strange = actual.local, strangers(actual, desired)
    for what, process, at in (
        ("server", actual.here, at_server(desired, node)),
        ("sentinel", actual.watcher, at_sentinel(desired, node)),
    ):
        if process.health is not Health.ABSENT and what not in strange:
            program = "redis-server" if what == "server" else "Sentinel"
            yield Step(f"end-{what}", node, f"{program} runs on {node}", at)
