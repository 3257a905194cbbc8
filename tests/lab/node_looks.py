"""What this machine sees of a lab node's insides without a process there: its files, sockets and processes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent_lab import Lab
from ha_lab import PID_FILE

from osvc_ha.agents import raw, rest
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.seen import Seen, parse_seen

LSNR = {"2.1": "/var/lib/opensvc/lsnr/lsnr.sock", "3": "/var/lib/opensvc/lsnr/http.sock"}
HAPROXY = "/run/osvc_ha/haproxy/haproxy.sock"


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


def runtime_dir(service: str) -> str:
    """Of a service's follower, by its path."""
    namespace, _, name = service.split("/")
    return f"/run/osvc_ha/{namespace}.{name}"


def follower_of(lab: Lab, name: str, service: str = "") -> int:
    """The pid of a node's follower, as the node counts. service: whose, where there are several."""
    of = f" --runtime-dir {runtime_dir(service)} " if service else ""
    done = lab.machines.run(name, ["pgrep", "-f", f"osvc-ha watch{of}"])
    if done.code:
        raise ApplyError(f"{name}: no follower runs")
    return int(done.out.split()[0])


def seen_by(lab: Lab, name: str, service: str) -> Seen:
    """The last look of a service's follower on a node."""
    return parse_seen(inside(lab, name, f"{runtime_dir(service)}/watch.json").read_text(encoding="utf-8"))


def look_now(lab: Lab, name: str, service: str) -> Seen:
    """Have a service's follower look, without any event, and wait until it has; what it saw."""
    pid = follower_of(lab, name, service)
    # Twice: the first to end may have begun before it was asked for.
    for _ in range(2):
        before = seen_by(lab, name, service).looked_at
        done = lab.machines.run(name, ["kill", "-HUP", str(pid)])
        assert done.code == 0, f"{name}: {done.words}"
        lab.wait(f"a look of the follower of {service} on {name}", lambda before=before: seen_by(lab, name, service).looked_at > before)
    return seen_by(lab, name, service)


def daemon_of(lab: Lab, name: str) -> int:
    """The same of its agent 2.1's daemon."""
    return int(inside(lab, name, PID_FILE).read_text(encoding="utf-8"))


def cpu_seconds(lab: Lab, name: str, pid: int) -> float:
    """What a process of a node has taken so far, in steps of 0.01 s."""
    words = inside(lab, name, f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def resources_told(lab: Lab, seen_from: str, path: str, node: str) -> Mapping[str, Mapping[str, Any]]:
    """rid -> what the agent of one node shows of an instance on another, by its socket: nothing is evaluated for that."""
    socket = inside(lab, seen_from, LSNR[lab.agent.version])
    if lab.agent.version == "3":
        return rest.instance_resources(Host(), socket, path, node)
    told = raw.ask(Host(), socket, "object_status", {"path": path})["nodes"]
    found: Mapping[str, Mapping[str, Any]] = told.get(node, {}).get("status", {}).get("resources", {})
    return found
