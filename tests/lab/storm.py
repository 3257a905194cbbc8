"""Services whose instances go down and come up all the while, by the word of their agents alone: a storm of events, and no work."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from itertools import cycle
from pathlib import Path
from typing import Any

from agent_lab import Lab
from node_looks import HAPROXY, LSNR, inside, server_states

from osvc_ha.agents import raw, rest
from osvc_ha.agents.push import with_healths
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import Health
from osvc_ha.planner.types import Status

COUNT = 10
PATHS = tuple(f"prod/svc/flap{number}" for number in range(COUNT))
ALL = "prod/svc/flap*"
# Evaluated by the agent itself, they would be up again.
AT_NIGHT = "03:00-03:10@10"
CONF = f"""[DEFAULT]
id = 22222222-0000-0000-0000-00000000000{{number}}
nodes = n1 n2 n3
topology = flex
flex_min = 3
flex_max = 3
orchestrate = no
status_schedule = {AT_NIGHT}

[app#1]
type = forking
start = /bin/true
check = /bin/true
stop = /bin/true

[sync#i0]
disable = true

[env]
osvc.l4.enable = true
osvc.l4.port = {{port}}
"""
FIRST_PORT = 18080
# Between two flips of the whole storm: each instance turns every COUNT * 3 / 10 = 3 seconds.
SPACING = 0.1


def make(lab: Lab) -> None:
    """The services, on all nodes, up everywhere, and in every HAProxy."""
    began = time.time()
    for number, path in enumerate(PATHS):
        for name in lab.names:
            # The same on each, its time included: then no agent fetches it from another, which takes seconds for each.
            file = inside(lab, name, f"/etc/opensvc/namespaces/{path}.conf")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(CONF.format(number=number, port=FIRST_PORT + number), encoding="utf-8")
            os.utime(file, (began, began))
    lab.wait("all of them on every node", lambda: all(set(PATHS) <= set(lab.cluster(name).objects) for name in lab.names))
    # Else 2.1 waits for the schedule.
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: lab.order(name, "look", seconds=90.0, path=ALL), lab.names))
    lab.wait("all of them up on every node, as every agent tells", lambda: all(_at_rest(lab, name) for name in lab.names))
    lab.wait("all of them in every HAProxy", lambda: is_all(lab, {}))


def remove(lab: Lab) -> None:
    """Their configs, on all nodes at once: a purge of each takes the agents half a minute."""
    for name in lab.names:
        lab.machines.run(name, ["sh", "-c", f"rm -f /etc/opensvc/namespaces/{ALL}.conf"])
    lab.wait("none of them left", lambda: not any(set(PATHS) & set(lab.cluster(name).objects) for name in lab.names))


def _at_rest(lab: Lab, name: str) -> bool:
    told = [lab.cluster(name).objects.get(path) for path in PATHS]
    instances = [[one for one in found.instances.values() if one.avail == "up" and one.state == "idle"] for found in told if found]
    return len(instances) == COUNT and all(len(ready) == len(lab.names) for ready in instances)


def flap(lab: Lab, seconds: float) -> int:
    """For so long, one instance after the other turns; then all are up. How often one turned."""
    turns = 0
    give_up = time.monotonic() + seconds
    down: set[tuple[str, str]] = set()
    for path, name in cycle([(path, name) for path in PATHS for name in lab.names]):
        if time.monotonic() >= give_up:
            break
        began = time.monotonic()
        say(lab, name, path, Status.UP if (path, name) in down else Status.DOWN)
        down ^= {(path, name)}
        turns += 1
        time.sleep(max(0.0, SPACING - (time.monotonic() - began)))
    for path, name in sorted(down):
        say(lab, name, path, Status.UP)
    return turns


def is_all(lab: Lab, down: Mapping[str, str]) -> bool:
    """Has every HAProxy every instance ready, and in maint on the one node that ``down`` names for a service?"""
    for path in PATHS:
        want = {name: "maint" if down.get(path) == name else "ready" for name in lab.names}
        found = {name: server_states(lab, name, f"l4:{path.replace('/', ':')}:main") for name in lab.names}
        lab.seen = f"{path}: {found}"
        if any(states != want for states in found.values()):
            return False
    return True


def ask_haproxy(lab: Lab, name: str, command: str) -> str:
    """By the runtime API of a node's HAProxy."""
    return Host().exchange(str(inside(lab, name, HAPROXY)), command)


def say(lab: Lab, name: str, path: str, status: Status) -> None:
    """Tell a node's agent of its instance, as the agent's own command does at the end of an action."""
    socket = inside(lab, name, LSNR[lab.agent.version])
    if lab.agent.version == "3":
        _say_to_3(socket, name, path, status)
    else:
        _say_to_2(socket, name, path, status)


def _say_to_2(socket: Path, name: str, path: str, status: Status) -> None:
    instance = raw.ask(Host(), socket, "object_status", {"path": path})["nodes"][name]["status"]
    changed = with_healths(instance, {"app#1": Health(status)})
    assert changed is not None, f"{name}: {path} is {status.value} already"
    raw.ask(Host(), socket, "object_status", {"path": path, "data": {**changed, "updated": time.time()}}, "POST")


def _say_to_3(socket: Path, name: str, path: str, status: Status) -> None:
    (item,) = rest.get(Host(), socket, f"/api/instance?path={path}&node={name}")["items"]
    told: dict[str, Any] = item["data"]["status"]
    told.update(avail=status.value, overall=status.value, updated_at=datetime.now(timezone.utc).isoformat())
    told["resources"]["app#1"]["status"] = status.value
    body = json.dumps(told)
    head = f"POST /api/instance/path/{path}/status HTTP/1.0\r\nHost: localhost\r\n"
    about = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    answer = Host().exchange(str(socket), f"{head}{about}\r\n{body}", 5.0)
    assert " 200 " in answer.partition("\r\n")[0], answer
