"""Tell the agent the new status of resources at once: it evaluates them itself only every ten minutes, or as status_schedule says.

2.1 is told the status of the whole instance, recomputed as it would (algebra.py). Only its daemon knows then; what `om print status`
shows on this node is a file of its own evaluation, so that is asked for too, a little later: it costs half a second of CPU. 3 cannot be
told: it is asked to evaluate.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Callable, Dict, Optional, Tuple

from osvc_ha.agents import raw, rest
from osvc_ha.agents.algebra import recomputed, standby
from osvc_ha.agents.sockets import Door, find_door, local_name
from osvc_ha.cluster.reading import some
from osvc_ha.cluster.types import full_path
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, HaError, ObserveError
from osvc_ha.planner.reconcile import Health

LOG = logging.getLogger("osvc_ha.push")
OM_SECONDS = 20.0
# Until agent 2.1 is asked to evaluate by itself after it was told, and at least between two of these.
EVALUATE_AFTER, EVALUATE_EVERY = 2.0, 30.0
Resources = Mapping[str, Health]
Push = Callable[[str, Resources], None]


@contextlib.contextmanager
def pushing(host: Host) -> Iterator[Push]:
    """A function that pushes in a thread of its own, and returns at once: the path of the service, and its resources by rid.

    What is told while a push is under way replaces what waits. A failure is one line in the log.
    """
    pusher = _Pusher(host)
    thread = threading.Thread(target=pusher.run, name="push status", daemon=True)
    thread.start()
    try:
        yield pusher.tell
    finally:
        pusher.end()
        thread.join()


def push(host: Host, path: str, resources: Resources, seen_at: Optional[float] = None) -> bool:
    """Make the agent know the status of these resources (rid -> Health) of this node's instance. False when there is nothing to do.

    seen_at: when they were looked at, in seconds since the epoch; what the agent has evaluated itself after that stays. Nothing
    is pushed into a running action, whose end evaluates all anyway. An HaError when the agent cannot be told.
    """
    door = find_door()
    if door.agent == "3":
        return _ask_to_evaluate(host, door, path, resources)
    return _tell(host, door, path, resources, host.now() if seen_at is None else seen_at)


def _tell(host: Host, door: Door, path: str, resources: Resources, seen_at: float) -> bool:
    told = raw.ask(host, door.socket, "object_status", {"path": raw.short(path)})
    node = some(some(told, f"agent 2.1 status of {path}: ", "nodes"), f"agent 2.1 status of {path}: nodes", local_name())
    instance = some(node, f"agent 2.1 status of {path}: nodes.{local_name()}", "status")
    if not instance.get("resources") or some(instance, f"agent 2.1 status of {path}: status", "monitor").get("status") != "idle":
        return False
    if float(instance.get("updated") or 0.0) > seen_at:
        return False
    changed = with_healths(instance, resources)
    if changed is None:
        return False
    raw.ask(host, door.socket, "object_status", {"path": raw.short(path), "data": {**changed, "updated": host.now()}}, "POST")
    return True


def with_healths(instance: Mapping[str, Any], resources: Resources) -> Optional[Dict[str, Any]]:
    """The status of an instance of agent 2.1 with these resources in it; None when it says so already, other facts aside.

    Facts change all the time (how far a replica is), and each push wakes every node.
    """
    before = instance["resources"]
    now = {rid: _resource(told, resources[rid]) if rid in resources else told for rid, told in before.items()}
    if all(_verdict(now[rid]) == _verdict(before[rid]) for rid in before):
        return None
    # The monitor adds its own part (daemon/handlers/object/status/post.py).
    changed: Dict[str, Any] = {key: value for key, value in instance.items() if key not in ("monitor", "csum")}
    changed["resources"] = now
    changed.update(recomputed(changed))
    # Any other value will do: the agent's collector thread looks for a difference.
    timeless = {key: value for key, value in changed.items() if key != "updated"}
    changed["csum"] = hashlib.md5(json.dumps(timeless, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    return changed


def _verdict(told: Mapping[str, Any]) -> Tuple[object, ...]:
    return told.get("status"), [line for line in told.get("log") or () if not str(line).startswith("info:")]


def _resource(told: Mapping[str, Any], health: Health) -> Mapping[str, Any]:
    """As our driver base (v2.py) has the agent tell it."""
    if told.get("disable") or "nostatus" in (told.get("tags") or ()):
        return told
    log = [f"info: {name}: {value}" for name, value in health.facts] + [f"warn: {line}" for line in health.lines]
    now = {key: value for key, value in told.items() if key not in ("log", "info")}
    now["status"] = standby(health.status.value, bool(told.get("standby")))
    return {**now, **({"log": log} if log else {}), **({"info": dict(health.facts)} if health.facts else {})}


def _ask_to_evaluate(host: Host, door: Door, path: str, resources: Resources) -> bool:
    """Only where the agent's own status differs: it runs all checks of the instance, in processes of their own."""
    told = rest.instance_resources(host, door.socket, path, local_name())
    if all(_says(told[rid], health) for rid, health in resources.items() if rid in told):
        return False
    try:
        rest.refresh(host, door.socket, path)
    except ObserveError as error:
        done = host.run(("om", full_path(path), "instance", "status", "-r"), seconds=OM_SECONDS)
        if done.code != 0:
            raise ObserveError(f"{error}; nor by om: {done.words}") from error
    return True


def _says(told: Mapping[str, Any], health: Health) -> bool:
    """Does agent 3 say the same of the resource? Its log holds our warnings, each a line, and other lines."""
    if told.get("disable"):
        return True
    if told.get("status") != standby(health.status.value, bool(told.get("standby"))):
        return False
    entries = [one for one in told.get("log") or () if isinstance(one, Mapping)]
    warned = {" ".join(str(one.get("message")).split()) for one in entries if one.get("level") == "warn"}
    return warned == {" ".join(line.split()) for line in health.lines}


class _Pusher:
    def __init__(self, host: Host) -> None:
        self._host = host
        self._waiting: Dict[str, Tuple[Resources, float]] = {}
        # What agent 3 was last asked to evaluate for: if it then words it otherwise, it is not asked again and again.
        self._asked: Dict[str, Resources] = {}
        # When agent 2.1 is to evaluate (time.monotonic), and when it was last asked to.
        self._due: Dict[str, float] = {}
        self._evaluated: Dict[str, float] = {}
        self._ready = threading.Condition()
        self._ended = False
        self._failed = False

    def tell(self, path: str, resources: Resources) -> None:
        with self._ready:
            self._waiting[path] = dict(resources), self._host.now()
            self._ready.notify()

    def end(self) -> None:
        with self._ready:
            self._ended = True
            self._ready.notify()

    def run(self) -> None:
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._waiting or self._ended, self._left())
                if self._ended:
                    return
                todo, self._waiting = self._waiting, {}
            for path, (resources, seen_at) in todo.items():
                self._push(path, resources, seen_at)
            for path in [path for path, due in self._due.items() if time.monotonic() >= due]:
                self._evaluate(path)

    def _left(self) -> Optional[float]:
        """Seconds until the next evaluation is due, None when none is."""
        return max(0.0, min(self._due.values()) - time.monotonic()) if self._due else None

    def _evaluate(self, path: str) -> None:
        self._due.pop(path)
        self._evaluated[path] = time.monotonic()
        try:
            done = self._host.run(("om", path, "print", "status", "--refresh"), seconds=OM_SECONDS)
        except ApplyError as error:
            LOG.debug("%s", error)
            return
        LOG.debug("agent 2.1 has evaluated %s: exit code %d", path, done.code)

    def _push(self, path: str, resources: Resources, seen_at: float) -> None:
        try:
            self._push_once(path, resources, seen_at)
        except HaError as error:
            if not self._failed:
                LOG.warning("the agent cannot be told the status of %s: %s", path, error)
            self._failed = True
        else:
            self._failed = False

    def _push_once(self, path: str, resources: Resources, seen_at: float) -> None:
        door = find_door()
        if door.agent == "2.1":
            told = _tell(self._host, door, path, resources, seen_at)
            if told:
                self._due[path] = max(time.monotonic() + EVALUATE_AFTER, self._evaluated.get(path, 0.0) + EVALUATE_EVERY)
        else:
            told = self._asked.get(path) != resources and _ask_to_evaluate(self._host, door, path, resources)
            self._asked[path] = resources
        if told:
            LOG.debug("told the agent the status of %s", path)
