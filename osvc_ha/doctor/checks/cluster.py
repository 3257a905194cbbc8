"""What the agents do when nodes lose each other."""

from __future__ import annotations

import math
from typing import Tuple

from osvc_ha.agents.words import spelled
from osvc_ha.doctor.facts import AgentFacts, Facts, Finding, fail, ok, unknown, warn

# 2.1 sleeps so long before it crashes its own node (daemon/shared.py, NODE.suicide(delay=2)).
SUICIDE_2 = 2.0
# 3: a third of a constant 5 s, whatever node.ready_period says; as much again for arbitrators, at most (daemon/nmon/main.go).
SUICIDE_3 = 5.0 / 3
# Beats that may get lost before a peer counts as gone: three by both agents' defaults (15 s / 5 s).
LEAST_BEATS = 3
# Both agents let the newest word win by its time stamp; a second is what their own loops take.
SLIGHT, GREAT = 1.0, 5.0


def version(facts: Facts) -> Finding:
    """One cluster runs one version of one agent; the drivers were run on 2.1 and 3.0 (docs/agents.md)."""
    if facts.agent is None:
        return fail(facts.silence, "om daemon start  # on a node with an agent")
    told = {name: node.version for name, node in facts.agent.nodes.items() if node.version}
    if len(set(told.values())) > 1:
        return warn(", ".join(f"{name} {said}" for name, said in sorted(told.items())), "upgrade the agents to one version, node by node")
    silent = sorted(set(facts.agent.nodes) - set(told))
    if silent:
        said = f"agent {facts.agent.kind}, of an unknown version on {', '.join(silent)}"
        return warn(said, "install a released agent: this one was built without its version")
    return ok(f"agent {facts.agent.kind}, version {next(iter(told.values()))}, on {', '.join(sorted(told))}")


def quorum(facts: Facts) -> Finding:
    """Off by default on both, and both sides of a split start the service (measured on 2.1; om3 core/object/node_keywords.go:680)."""
    agent = facts.agent
    if agent is None:
        return unknown(facts.silence)
    if len(agent.members) < 2:
        return ok("one node")
    if not agent.quorum:
        return fail(
            "cluster.quorum is off: after a split both sides run every service", spelled(agent.kind, "cluster_set", "cluster.quorum=true")
        )
    if len(agent.members) % 2 == 0 and not agent.arbitrators:
        return warn(
            f"{len(agent.members)} nodes and no arbitrator: when they part in halves, no side has a majority and all crash",
            spelled(agent.kind, "cluster_set", f"arbitrator#1.{'name' if agent.kind == '2.1' else 'uri'}=<a third place>"),
        )
    return ok(f"on, {len(agent.members)} nodes, {len(agent.arbitrators)} arbitrators")


def ready_period(facts: Facts) -> Finding:
    """The side with quorum may start only when the other is surely dead: its suicide delay after it noticed too.

    The two sides notice at most one heartbeat interval apart: each counts from the last beat it heard. Measured on 2.1 with
    ready_period 1 s: the start was decided 0.5 s before the crash.
    """
    agent = facts.agent
    if agent is None:
        return unknown(facts.silence)
    if not agent.quorum or len(agent.members) < 2:
        return ok("not asked for: without quorum no node crashes itself")
    told = {name: node.ready for name, node in agent.nodes.items() if node.ready is not None}
    if not told:
        return unknown("node.ready_period is not told")
    delay = _suicide(agent)
    least = delay + max((beat.interval for beat in agent.heartbeats.values()), default=5.0)
    name, ready = min(told.items(), key=lambda one: one[1])
    said = f"{ready:g} s on {name}; a side without quorum crashes {delay:.3g} s after it noticed"
    fix = spelled(agent.kind, "node_set", f"node.ready_period={math.ceil(least)}s") + f"  # on {name}"
    if ready <= delay:
        return fail(f"{said}: both sides run for a while", fix)
    if ready < least:
        return warn(f"{said}, and may notice up to a heartbeat interval later: {least:.3g} s is safe", fix)
    return ok(f"{ready:g} s, {least:.3g} s needed")


def split_action(facts: Facts) -> Finding:
    """3 has `disabled`: the minority then keeps running what the majority starts. 2.1 knows crash and reboot only (nodedict.py)."""
    agent = facts.agent
    if agent is None:
        return unknown(facts.silence)
    disabled = [name for name, node in agent.nodes.items() if node.split == "disabled"]
    if disabled and agent.quorum:
        fix = spelled(agent.kind, "node_set", "node.split_action=crash") + f"  # on {', '.join(disabled)}"
        return fail(f"disabled on {', '.join(disabled)}: without quorum these run on", fix)
    told = sorted({node.split for node in agent.nodes.values() if node.split})
    return ok(", ".join(told)) if told else unknown("not told")


def stonith(facts: Facts) -> Finding:
    """Both agents start the service although the fencing command failed (2.1: measured, 7.14 s; om3 orchestration_started.go:295)."""
    agent = facts.agent
    if agent is None:
        return unknown(facts.silence)
    if not agent.stonith and not agent.fenced:
        return ok("none, as it would be no guard: both agents go on when it fails")
    who = ", ".join((*agent.fenced, *(f"[stonith#{name}]" for name in agent.stonith)))
    if not agent.quorum:
        return warn(f"{who}: no guard, both agents go on when it fails", spelled(agent.kind, "cluster_set", "cluster.quorum=true"))
    return warn(f"{who}: no guard, both agents go on when it fails; quorum is on", "test each: om node stonith --node <node>")


def heartbeat(facts: Facts) -> Finding:
    """Default 15 s / 5 s on both: three beats may get lost. One lost beat must not look like a dead node."""
    agent = facts.agent
    if agent is None:
        return unknown(facts.silence)
    if not agent.heartbeats:
        return (
            ok("none: one node")
            if len(agent.members) < 2
            else fail("none configured", spelled(agent.kind, "cluster_set", "hb#1.type=unicast"))
        )
    for name, beat in sorted(agent.heartbeats.items()):
        fix = spelled(agent.kind, "cluster_set", f"{name}.timeout={max(LEAST_BEATS * beat.interval, 1):g}s")
        said = f"{name}: timeout {beat.timeout:g} s, interval {beat.interval:g} s"
        if beat.timeout <= beat.interval:
            return fail(f"{said}: a healthy peer is taken for dead", fix)
        if beat.timeout < LEAST_BEATS * beat.interval:
            return warn(f"{said}: fewer than {LEAST_BEATS} beats may get lost", fix)
    return ok(", ".join(f"{name} {beat.timeout:g} s / {beat.interval:g} s" for name, beat in sorted(agent.heartbeats.items())))


def frozen(facts: Facts) -> Finding:
    """A frozen node neither starts nor takes over anything, and does not crash itself without quorum (2.1 daemon/shared.py:929)."""
    if facts.agent is None:
        return unknown(facts.silence)
    found = sorted(name for name, node in facts.agent.nodes.items() if node.frozen)
    if found:
        return warn(
            f"{', '.join(found)} frozen: nothing fails over to it", spelled(facts.agent.kind, "thaw_node") + f"  # on {', '.join(found)}"
        )
    return ok("none")


def clocks(facts: Facts) -> Finding:
    """Both agents let the newest time stamp win (configs, orders). Bounds are what a peer's own answer allows, no more."""
    if facts.agent is None:
        return unknown(facts.silence)
    peers = {name: node.clock for name, node in facts.agent.nodes.items() if name != facts.agent.local}
    for name, bounds in sorted(peers.items()):
        if bounds is not None and _surely(bounds) > SLIGHT:
            low, high = bounds
            said = f"{name} is {f'at least {low:.1f} s ahead' if low > 0 else f'at least {-high:.1f} s behind'}"
            return (fail if _surely(bounds) > GREAT else warn)(said, "chronyc makestep  # there, and here")
    vague = sorted(name for name, bounds in peers.items() if bounds is None or max(-bounds[0], bounds[1]) > GREAT)
    if vague:
        return unknown(f"{', '.join(vague)} did not tell the time soon enough", "chronyc tracking  # on each node")
    return ok(f"{', '.join(sorted(peers))} within {GREAT:g} s of ours" if peers else "one node")


def _surely(bounds: Tuple[float, float]) -> float:
    return max(bounds[0], -bounds[1], 0.0)


def _suicide(agent: AgentFacts) -> float:
    if agent.kind == "2.1":
        return SUICIDE_2 + sum(agent.arbitrators.values())
    return SUICIDE_3 * (2 if agent.arbitrators else 1)
