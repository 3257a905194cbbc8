"""What the benches on real agents share: which agents are here, a cluster of one of them, and its nodes' files from outside."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from stage import Say

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

import opensvc2
import opensvc3
from agent_lab import Agent, Lab
from agreement import agree
from ha_lab import INGRESS, PID_FILE, HaLab
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
LSNR = {"2.1": "/var/lib/opensvc/lsnr/lsnr.sock", "3": "/var/lib/opensvc/lsnr/http.sock"}
HAPROXY = "/run/osvc_ha/haproxy/haproxy.sock"


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


def inside(lab: Lab, name: str, path: str) -> Path:
    """Where this machine finds a node's file, sockets included."""
    return Path(f"/proc/{lab.machines.process(name)}/root{path}")


def server_states(lab: Lab, node: str, backend: str) -> dict[str, str]:
    """Server -> ready, drain or maint, by the word of a node's HAProxy; empty while it says nothing."""
    try:
        answer = Host().exchange(str(inside(lab, node, HAPROXY)), f"show servers state {backend}\n")
    except ObserveError:
        return {}
    rows = [line.split() for line in answer.splitlines() if line[:1].isdigit() and len(line.split()) > 6]
    return {row[3]: {0: "ready", 1: "maint", 8: "drain"}.get(int(row[6]) & 0x09, "?") for row in rows}


def follower_of(lab: Lab, name: str) -> int:
    """The pid of a node's follower, as the node counts."""
    done = lab.machines.run(name, ["pgrep", "-f", "osvc-ha watch"])
    if done.code:
        raise ApplyError(f"{name}: no follower runs")
    return int(done.out.split()[0])


def daemon_of(lab: Lab, name: str) -> int:
    """The same of its agent 2.1's daemon."""
    return int(inside(lab, name, PID_FILE).read_text(encoding="utf-8"))


def cpu_seconds(lab: Lab, name: str, pid: int) -> float:
    """What a process of a node has taken so far, in steps of 0.01 s."""
    words = inside(lab, name, f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
