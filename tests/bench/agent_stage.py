"""What the benches on real agents share: which agents are here, a cluster of one of them, and its nodes' files from outside."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from stage import Say

from osvc_ha.planner.errors import ApplyError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

import opensvc2
import opensvc3
from agent_lab import Agent
from agreement import agree
from ha_lab import INGRESS, HaLab
from node_looks import HAPROXY, LSNR, cpu_seconds, daemon_of, follower_of, inside, server_states
from writers import Writers

__all__ = [
    "AGENTS",
    "HAPROXY",
    "INGRESS",
    "LSNR",
    "Agent",
    "HaLab",
    "Writers",
    "agents",
    "agree",
    "cpu_seconds",
    "daemon_of",
    "follower_of",
    "inside",
    "server_states",
    "serving",
]

AGENTS = {"2.1": ("OSVC2_AGENT", opensvc2.agent), "3": ("OSVC3_OM", opensvc3.agent)}


def agents(say: Say) -> list[Agent]:
    """Those that can run here; why each other cannot is said."""
    found = []
    for version, (variable, make) in AGENTS.items():
        where = os.environ.get(variable)
        if os.geteuid() != 0 or not where:
            say(f"agent {version}: {variable} not set, or not root: not measured")
        else:
            found.append(make(where))
    return found


@contextlib.contextmanager
def serving(agent: Agent, say: Say) -> Iterator[HaLab]:
    """Three nodes with osvc_ha installed and both services up. ApplyError when they do not come up."""
    try:
        lab = HaLab(agent)
    except AssertionError as error:
        raise ApplyError(f"agent {agent.version}: {error}") from error
    try:
        lab.bring_up()
        agree(lab)
        say(f"agent {agent.version}: cluster up, master {lab.master()}")
        yield lab
    except AssertionError as error:
        raise ApplyError(f"agent {agent.version}: {error}") from error
    finally:
        lab.close()
