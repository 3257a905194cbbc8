"""An instance stops or starts on one node: how long until every node's HAProxy has its server in the new state.

From the moment when the agent on that node itself tells the new status, asked every 10 ms, to the last of the three
HAProxies, asked every 5 ms. The way between is the agents' own heartbeat, the followers, and HAProxy's runtime API.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from agent_stage import LSNR, Agent, HaLab, agents, inside, server_states, serving
from stage import Say

from osvc_ha.agents import raw, rest
from osvc_ha.cluster.types import full_path
from osvc_ha.drill.report import Case
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError

LEAST_RUNS = 10
SECONDS = 20.0
FLIP = "prod/svc/flip"
BACKEND = "l4:prod:svc:flip:main"
CONF = """[DEFAULT]
nodes = n1 n2 n3
topology = flex
flex_min = 3
flex_max = 3
orchestrate = no

[app#1]
type = simple
start = /bin/sleep 1000000

[env]
osvc.l4.enable = true
osvc.l4.port = 18080
"""
V2 = Case("agent 2.1: an instance's change to every HAProxy", "s", (), 0.45, 0.9)
V3 = Case("agent 3: an instance's change to every HAProxy", "s", (), None, 0.4)
CASES = {"2.1": V2, "3": V3}
FIGURES = (V2, V3)


def measure(runs: int, say: Say) -> list[Case]:
    """Each run is one stop and one start, on each node in turn."""
    return [replace(CASES[agent.version], runs=tuple(_of(agent, runs, say))) for agent in agents(say)]


def _of(agent: Agent, runs: int, say: Say) -> list[float]:
    found: list[float] = []
    with serving(agent, say) as lab:
        _create(lab)
        for number in range(1, runs + 1):
            name = lab.names[number % len(lab.names)]
            for what, state in (("stop", "maint"), ("start", "ready")):
                found.append(_flip(lab, name, what, state))
                say(f"agent {agent.version}, run {number}/{runs}: {what} on {name}: {found[-1]:.3f} s")
    return found


def _create(lab: HaLab) -> None:
    done = lab.machines.run("n1", ["sh", "-c", f"cat > /tmp/flip.conf <<'END'\n{CONF}{_no_sync(lab)}END\n"])
    if done.code:
        raise ApplyError(f"n1: /tmp/flip.conf: {done.words}")
    lab.order("n1", "create", path=FLIP, file="/tmp/flip.conf", values="")
    for name in lab.names:
        lab.wait(f"the config on {name}", lambda name=name: FLIP in lab.cluster(name).objects)
        lab.order(name, "start", path=FLIP)
    for name in lab.names:
        lab.wait(f"{name}: all ready", lambda name=name: server_states(lab, name, BACKEND) == dict.fromkeys(lab.names, "ready"))


def _no_sync(lab: HaLab) -> str:
    return "\n[sync#i0]\ndisable = true\n" if lab.agent.version == "2.1" else ""


def _flip(lab: HaLab, name: str, what: str, state: str) -> float:
    """Seconds from the agent's own word to the last HAProxy."""
    told, seen = 0.0, {}
    words = lab.agent.words[what].format(path=FLIP).split()
    done = lab.machines.spawn(name, words)
    give_up, asked = time.monotonic() + SECONDS, 0.0
    try:
        while not told or len(seen) < len(lab.names):
            now = time.monotonic()
            if now > give_up:
                raise ApplyError(f"{what} on {name}: told {bool(told)}, seen by {sorted(seen)} after {SECONDS:g} s")
            if not told and done.poll():
                # Agent 3 looks before its own `om exec` has become the program, now and then, and calls the start failed.
                done = lab.machines.spawn(name, words)
            if not told and now - asked > 0.01:
                asked = now
                told = now if _up(lab, name) == (state == "ready") else 0.0
            for node in lab.names:
                if node not in seen and server_states(lab, node, BACKEND).get(name) == state:
                    seen[node] = time.monotonic()
            time.sleep(0.005)
    finally:
        done.wait(timeout=SECONDS)
    # Its own follower may be quicker than our question.
    return max(0.0, max(seen.values()) - told)


def _up(lab: HaLab, name: str) -> bool:
    socket, version = inside(lab, name, LSNR[lab.agent.version]), lab.agent.version
    ask: Callable[[], object] = (lambda: _up_v2(socket, name)) if version == "2.1" else (lambda: _up_v3(socket, name))
    return bool(ask())


def _up_v2(socket: object, name: str) -> bool:
    told = raw.ask(Host(), socket, "object_status", {"path": FLIP})  # type: ignore[arg-type]
    return bool(told["nodes"][name]["status"]["avail"] == "up")


def _up_v3(socket: object, name: str) -> bool:
    told = rest.instance_resources(Host(), socket, full_path(FLIP), name)  # type: ignore[arg-type]
    return told.get("app#1", {}).get("status") == "up"
