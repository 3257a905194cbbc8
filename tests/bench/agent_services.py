"""What one event costs a node whose cluster has 10, 50 or 200 services, of which five are listeners; and what it costs to wait for one.

An event is one instance that went down, or came up: its node's own agent is told so (`POST object_status`, as a push does), so that
no command of the agent's runs beside it, and it has ended when the HAProxy of each of the three nodes has it. The CPU is that of
/proc/<pid>/stat over all events, less what the same process takes in the same time when nothing happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Tuple

import storm
from agent_lab import Blueprint, Lab
from agent_stage import INGRESS, LSNR, Agent, agents, cpu_seconds, daemon_of, follower_of, inside, server_states
from stage import Say

from osvc_ha.agents import raw
from osvc_ha.drill.report import Case
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.planner.types import Status

LEAST_RUNS = 20
COUNTS = (10, 50, 200)
LISTENERS = 5
FLIPPED = "prod/svc/s001"
BACKEND = "l4:prod:svc:s001:main"
TEMPLATE = "/usr/share/osvc-ha/service_templates/2.1/l4-ingress.conf"
# Between two events: for 200 services the agent is asked twice a second.
SPACING = 2.0
IDLE_SECONDS = 30.0
SECONDS = 30.0
# 200 services on three nodes are 600 processes of the agent's before it is at rest.
BOOT_SECONDS = 400.0
# The agent would evaluate 600 instances every ten minutes, in a process each: more than this machine has to give.
AT_NIGHT = "03:00-03:10@10"
CONF = f"""[DEFAULT]
nodes = n1 n2 n3
topology = flex
flex_min = 3
flex_max = 3
orchestrate = no
status_schedule = {AT_NIGHT}
resinfo_schedule = {AT_NIGHT}
comp_schedule = {AT_NIGHT}

[app#1]
type = forking
start = /bin/true
check = /bin/true
stop = /bin/true
"""
LABELS = "\n[env]\nosvc.l4.enable = true\nosvc.l4.port = {port}\n"
FLAT = 1.3
WORDS = (
    ("follower's CPU for an event", "ms"),
    ("idle follower, share of a core", "%"),
    ("daemon's CPU for an event", "ms"),
    ("daemon with an idle follower, share of a core", "%"),
)
LIMITS = {("follower's CPU for an event", count): FLAT for count in COUNTS[1:]}
LIMITS.update({("idle follower, share of a core", count): 0.5 for count in COUNTS})
CASES = {
    (count, words): Case(f"agent 2.1, {count} services: {words}", unit, (), LIMITS.get((words, count)))
    for count in COUNTS
    for words, unit in WORDS
}
FIGURES = tuple(CASES.values())


def measure(runs: int, say: Say) -> list[Case]:
    """A cluster for each number of services; ``runs`` events in each. The runs of a figure are its nodes."""
    for agent in agents(say):
        if agent.version == "2.1":
            found = {count: _of(agent, count, runs, say) for count in COUNTS}
            return [_case(found, count, number) for count in COUNTS for number in range(len(WORDS))]
    return []


def _case(found: dict[int, list[Tuple[float, ...]]], count: int, number: int) -> Case:
    words = WORDS[number][0]
    bounded = number == 0 and count != COUNTS[0]
    return replace(CASES[(count, words)], runs=found[count][number], baseline=found[COUNTS[0]][number] if bounded else ())


@dataclass(frozen=True)
class Process:
    """One that is watched: on which node, and its pid as the node counts."""

    node: str
    pid: int


def _of(agent: Agent, count: int, runs: int, say: Say) -> list[Tuple[float, ...]]:
    """The figures of WORDS, each with a run for each node."""
    with _cluster(agent, count) as lab:
        followers = [Process(name, follower_of(lab, name)) for name in lab.names]
        daemons = [Process(name, daemon_of(lab, name)) for name in lab.names]
        everyone = (*followers, *daemons)
        idle = _shares(lab, everyone, IDLE_SECONDS)
        before, began = _spent(lab, everyone), time.monotonic()
        for number in range(runs):
            _event(lab, number)
        span = time.monotonic() - began
        after = _spent(lab, everyone)
    costs = {one: 1000 * (after[one] - before[one] - idle[one] * span) / runs for one in everyone}
    figures = [
        tuple(costs[one] for one in followers),
        tuple(100 * idle[one] for one in followers),
        tuple(costs[one] for one in daemons),
        tuple(100 * idle[one] for one in daemons),
    ]
    for (words, unit), values in zip(WORDS, figures):
        say(f"{count} services: {words}: {', '.join(f'{value:.2f}' for value in values)} {unit}")
    return figures


def _spent(lab: Lab, processes: Tuple[Process, ...]) -> dict[Process, float]:
    return {one: cpu_seconds(lab, one.node, one.pid) for one in processes}


def _shares(lab: Lab, processes: Tuple[Process, ...], seconds: float) -> dict[Process, float]:
    """Of a core, while nothing happens."""
    before, began = _spent(lab, processes), time.monotonic()
    # The figure is per time: there is no condition to wait for.
    time.sleep(seconds)
    span = time.monotonic() - began
    return {one: (spent - before[one]) / span for one, spent in _spent(lab, processes).items()}


def _event(lab: Lab, number: int) -> None:
    """One instance goes down, or comes up again; until every HAProxy has it, and then until the next is due."""
    began, node = time.monotonic(), lab.names[number // 2 % len(lab.names)]
    status, state = (Status.DOWN, "maint") if number % 2 == 0 else (Status.UP, "ready")
    storm.say(lab, node, FLIPPED, status)
    _until(lambda: all(server_states(lab, name, BACKEND).get(node) == state for name in lab.names), f"{state} for {node}", SECONDS)
    time.sleep(max(0.0, SPACING - (time.monotonic() - began)))


def _until(condition: Callable[[], bool], what: str, seconds: float, every: float = 0.02) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            raise ApplyError(f"not within {seconds:g} s: {what}")
        time.sleep(every)


@contextmanager
def _cluster(agent: Agent, count: int) -> Iterator[Lab]:
    """Three nodes that have the services from their first start, and the ingress service with its followers."""
    objects = {
        f"/etc/opensvc/namespaces/prod/svc/s{number:03d}.conf": CONF + (LABELS.format(port=18080 + number) if number <= LISTENERS else "")
        for number in range(1, count + 1)
    }
    try:
        lab = Lab(agent, Blueprint(objects=objects, labelled=True))
    except AssertionError as error:
        raise ApplyError(f"agent {agent.version}: {error}") from error
    try:
        _bring_up(lab, count)
        yield lab
    except AssertionError as error:
        raise ApplyError(f"agent {agent.version}: {error}") from error
    finally:
        lab.close()


def _bring_up(lab: Lab, count: int) -> None:
    with ThreadPoolExecutor() as pool:
        for done in pool.map(lambda name: lab.osvc_ha(name, "install", seconds=200.0), lab.names):
            if done.code:
                raise ApplyError(f"osvc-ha install: {done.words}")
    _until(lambda: _at_rest(lab, count), f"{count} services up on every node", BOOT_SECONDS, 2.0)
    lab.order("n1", "create", seconds=200.0, path=INGRESS, file=TEMPLATE, values="")
    _until(lambda: _at_rest(lab, count, INGRESS), f"{INGRESS} on every node", BOOT_SECONDS, 2.0)
    lab.order("n1", "provision", seconds=200.0, path=INGRESS)
    # A listener may be there before the last follower is.
    ready = dict.fromkeys(lab.names, "ready")
    _until(lambda: all(server_states(lab, name, BACKEND) == ready for name in lab.names), "all HAProxies ready", BOOT_SECONDS, 1.0)
    _until(lambda: _at_rest(lab, count + 1), "the ingress service up", BOOT_SECONDS, 2.0)


def _at_rest(lab: Lab, up: int, known: str = "") -> bool:
    """As n1 tells: are so many services up on every node, this one known to it, and no node busy with anything of its own?"""
    try:
        nodes = raw.status(Host(), inside(lab, "n1", LSNR["2.1"]))["monitor"]["nodes"]
    except ObserveError:
        # With 600 processes to start it may not get to us in time.
        return False
    if len(nodes) < len(lab.names) or any(node.get("monitor", {}).get("status") != "idle" for node in nodes.values()):
        return False
    told = [node.get("services", {}) for node in nodes.values()]
    enough = all(sum(one.get("avail") == "up" for one in services.get("status", {}).values()) >= up for services in told)
    return enough and all(not known or known in services.get("config", {}) for services in told)
