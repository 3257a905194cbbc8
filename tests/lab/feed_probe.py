"""Run on a lab node: what the feeds do there, one line of JSON each. ``feed_probe.py follow|change|push|by_om|evaluated PATH ...``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from osvc_ha.agents import feed
from osvc_ha.agents.follow import follow_agent
from osvc_ha.agents.push import push
from osvc_ha.agents.sight import Sight
from osvc_ha.agents.sockets import Door, find_door
from osvc_ha.cluster.snapshot import snapshot_of
from osvc_ha.cluster.types import Instance
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError, ObserveError
from osvc_ha.planner.reconcile import Health
from osvc_ha.planner.types import Status

# An order takes a second, and on a busy machine ten.
SECONDS = 90.0
SPACING = 1.7
# Until the agent has done what it was told.
PATIENCE = 15.0
HOST = Host()
# There once a follower has looked.
LOOKED = Path("/run/feed_probe")


def tell(**words: object) -> None:
    """One line."""
    print(json.dumps({"at": time.time(), **words}), flush=True)


def follow(path: str, node: str, count: str) -> None:
    """Tell each avail of the instance on a node at the wake-up by which it became known, until it changed ``count`` times; then the CPU."""
    LOOKED.unlink(missing_ok=True)
    last: list[str] = []
    enough = threading.Event()

    def woken() -> None:
        at = time.time()
        try:
            found = feed.Feed(HOST).read().object(path).instances.get(node)
        except (HaError, KeyError):
            return
        # A daemon that has just started does not know yet.
        if found is not None and last[-1:] != [found.avail]:
            last.append(found.avail)
            tell(woken=at, avail=found.avail)
            LOOKED.touch()
        if len(last) > int(count):
            enough.set()

    began, used = time.monotonic(), time.process_time()
    with follow_agent(HOST, woken):
        enough.wait(SECONDS)
    tell(share=(time.process_time() - used) / (time.monotonic() - began))


def change(path: str, count: str) -> None:
    """Stop and start this node's instance, in turn; tell when its agent knows."""
    with follow_agent(HOST, lambda: None):
        # As on a node with a follower of its own, which has looked before anything happens.
        time.sleep(1)
        for _ in range(int(count)):
            door = find_door()
            was = instance_here(door, path).avail
            verb = "stop" if was == "up" else "start"
            # On a busy machine an agent may not do what it was told, or not see that it did: who asks again is heard.
            if not changed(door, path, was, verb):
                assert changed(door, path, was, verb), f"{path} stays {was}"
            # Two changes within a heartbeat may arrive as one.
            time.sleep(SPACING)


def changed(door: Door, path: str, was: str, verb: str) -> bool:
    """Order it, and tell when the agent's view of the instance is another; else what the agent said to the order."""
    argv = ["om", path, verb, "--local"] if door.agent == "2.1" else ["om", path, "instance", verb]
    assert HOST.wait(lambda: instance_here(door, path).state == "idle", PATIENCE), f"{path} is never idle"
    with tempfile.TemporaryFile("w+") as said, subprocess.Popen(argv, stdout=said, stderr=said) as om:
        if HOST.wait(lambda: instance_here(door, path).avail != was, PATIENCE, every=0.004):
            tell(changed=time.time(), avail=instance_here(door, path).avail)
            return True
        said.seek(0)
        print(f"{' '.join(argv)}: {path} stays {was}; exit code {om.poll()}: {said.read()}", file=sys.stderr)
    return False


def instance_here(door: Door, path: str) -> Instance:
    """This node's, as the local agent has it."""
    cluster = feed.Glancer(Sight(HOST)).glance(door)[0]
    return cluster.object(path).instances[cluster.local]


def push_one(path: str, rid: str, status: str, *lines: str) -> None:
    """Tell the agent."""
    tell(pushed=push(HOST, path, {rid: Health(Status(status), lines)}))


def by_om() -> None:
    """Is the cluster the same by ``om``?"""

    def no_door() -> Door:
        raise ObserveError("no socket, for this test")

    by_socket = snapshot_of(feed.Feed(HOST).read())
    feed.find_door = no_door  # type: ignore[attr-defined]
    tell(same=snapshot_of(feed.Feed(HOST).read()) == by_socket)


def evaluated(path: str, section: str) -> None:
    """A section with its references resolved."""
    tell(found=dict(feed.Feed(HOST).evaluated(path, section)))


COMMANDS: dict[str, Callable[..., None]] = {"follow": follow, "change": change, "push": push_one, "by_om": by_om, "evaluated": evaluated}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
