"""A cluster that is well, to be spoilt by a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from osvc_ha.doctor import examine
from osvc_ha.doctor.facts import AgentFacts, Facts, Finding, Heartbeat, NodeFacts, Program, Socket, Watcher
from osvc_ha.install.state import EVENTS

NODE = NodeFacts(version="v3.0.0", label="1.0", ready=10.0, split="crash", clock=(-0.5, 0.5))
AGENT = AgentFacts(
    kind="3",
    local="n1",
    members=("n1", "n2", "n3"),
    nodes={name: NODE for name in ("n1", "n2", "n3")},
    quorum=True,
    heartbeats={"hb#1": Heartbeat()},
    hook={"events": EVENTS["3"], "command": "/usr/share/osvc-ha/hooks/placement"},
    ports={"hb#1": 10000, "listener": 1215},
    listeners={"prod/svc/redis:main": 6379},
    systems=("follow", "haproxy", "redis"),
)
WELL = Facts(
    agent=AGENT,
    version="1.0",
    now=1000.0,
    sockets=(Socket("*", 10000, "om"), Socket("*", 1215, "om"), Socket("*", 6379, "haproxy")),
    files=65536,
    programs={
        "haproxy": (Program("haproxy", "HAProxy version 2.6.12-1", True),),
        "redis-server": (Program("redis-server", "Redis server v=7.0.15", True),),
        "redis-sentinel": (Program("redis-sentinel", "Redis server v=7.0.15", True),),
    },
    watchers=(Watcher("/run/osvc_ha/x/watch.json", 7, True, 990.0),),
    sysctls={"net/core/somaxconn": "4096", "vm/overcommit_memory": "1", "transparent_hugepage": "always [madvise] never"},
)


@pytest.fixture
def well() -> Facts:
    """Nothing to complain of, on agent 3."""
    return WELL


@pytest.fixture
def spoilt() -> Callable[..., Facts]:
    """The same with other facts; ``agent`` holds those of the agent, ``node`` those of n2."""

    def change(agent: Mapping[str, Any] | None = None, node: Mapping[str, Any] | None = None, **other: Any) -> Facts:
        found = replace(AGENT, nodes={**AGENT.nodes, "n2": replace(NODE, **(node or {}))})
        return replace(WELL, agent=replace(found, **(agent or {})), **other)

    return change


@pytest.fixture
def finding() -> Callable[[str, Facts], Finding]:
    """What one check finds."""
    return lambda name, facts: dict(examine(facts))[name]
