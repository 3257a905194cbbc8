"""A cluster of one of OpenSVC's agents on three lab nodes, with two services and a secret.

What differs between the agents is a record, ``Agent``: opensvc2.py and opensvc3.py have one each.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Tuple

from namespaces import Contents, Machines

from osvc_ha.cluster.snapshot import cluster_from_snapshot
from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Completed

SECONDS = 60.0
OSVC_HA = str(Path(sys.executable).with_name("osvc-ha"))
SECRET = "hunter2-in-a-sec-object"
PASSWORD = "hunter2-in-an-env-key"
CLUSTER_ID = "aaaaaaaa-0000-0000-0000-000000000001"
FLEX = "prod/svc/redis"

CLUSTER_CONF = f"""[cluster]
id = {CLUSTER_ID}
name = lab
secret = {"1" * 32}
nodes = {{nodes}}

[hb#1]
type = unicast
timeout = 6s
interval = 1s
"""
FLEX_CONF = f"""[DEFAULT]
id = 11111111-0000-0000-0000-000000000001
nodes = n1 n2 n3
topology = flex
flex_min = 3
flex_max = 3
orchestrate = ha

[app#1]
type = simple
start = /bin/sleep 1000000

[env]
osvc.l4.enable = true
osvc.l4.port = 6379
osvc.l4.check = redis
color = blue
db_password = {PASSWORD}
"""
FAILOVER_CONF = """[DEFAULT]
id = 11111111-0000-0000-0000-000000000002
nodes = n2 n1 n3
topology = failover
orchestrate = ha

[app#1]
type = simple
start = /bin/sleep 1000000

[env]
osvc.l4.enable = true
osvc.l4.port = 8080
"""
CONFIGS = {"/etc/opensvc/namespaces/prod/svc/redis.conf": FLEX_CONF, "/etc/opensvc/web.conf": FAILOVER_CONF}


@dataclass(frozen=True)
class Agent:
    """What one agent needs on a node, and its words for what the tests ask of it (``{path}`` and the like are filled in)."""

    version: str
    contents: Callable[[Tuple[str, ...]], Contents]
    words: Mapping[str, str]


class Lab:
    """Three nodes under one agent."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.machines = Machines()
        self._seen = ""
        self.names = self.machines.names
        try:
            self.settle()
            self.order("n1", "create_secret")
            self.order("n1", "add_secret", value=SECRET)
        except BaseException:
            self.machines.close()
            raise

    def settle(self) -> None:
        """Power on what is off, and wait until everything is in its place.

        On a busy machine an agent that starts late may freeze its node or give a service up, for an operator to look
        at: then all is powered off and on again, once.
        """
        try:
            self._power_on()
        except AssertionError:
            for name in self.names:
                self.machines.kill(name)
            self._power_on()

    def _power_on(self) -> None:
        for name in self.names:
            if not self.machines.running(name):
                self.boot(name)
        self.wait("every instance where it belongs", self.settled)

    def boot(self, name: str) -> None:
        """Power a node on, and its agent."""
        self.machines.boot(name, self.agent.contents(self.names))
        self.order(name, "run")

    def order(self, name: str, what: str, **values: str) -> str:
        """Have a node's agent do something; its output."""
        done = self.machines.run(name, shlex.split(self.agent.words[what].format(**values)))
        assert done.code == 0, f"{name}: {what}: {done.words}"
        return done.out

    def osvc_ha(self, name: str, *words: str) -> Completed:
        """Run osvc-ha on a node."""
        return self.machines.run(name, [OSVC_HA, *words])

    def snapshot(self, name: str) -> dict[str, Any]:
        """``osvc-ha snapshot`` on a node."""
        done = self.osvc_ha(name, "snapshot")
        assert done.code == 0, f"{name}: osvc-ha snapshot: {done.words}"
        document: dict[str, Any] = json.loads(done.out)
        return document

    def cluster(self, name: str) -> Cluster:
        """The cluster as a node sees it."""
        cluster = cluster_from_snapshot(self.snapshot(name))
        self._seen = f"from {name}: {cluster.nodes}, {[(path, *found.instances.values()) for path, found in cluster.objects.items()]}"
        return cluster

    def settled(self) -> bool:
        """Do all nodes see each other, and the services where their configs want them?"""
        return all(self._well(name) for name in self.names)

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Until it is so; else an AssertionError that names ``what`` and what was seen last."""
        give_up = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < give_up, f"not within {SECONDS:g} s: {what}; seen last: {self._seen}"
            # A look costs an osvc-ha process, and the agents need the processor more.
            time.sleep(0.3)

    def close(self) -> None:
        """Power everything off."""
        self.machines.close()

    def _well(self, name: str) -> bool:
        try:
            cluster = self.cluster(name)
        except AssertionError as error:
            # It does not answer yet.
            self._seen = str(error)
            return False
        placed = {path: found.placed() for path, found in cluster.objects.items()}
        instances = [one for found in cluster.objects.values() for one in found.instances.values()]
        idle = len(instances) == 2 * len(self.names) and all(one.state == "idle" for one in instances)
        return cluster.alive() == self.names and idle and placed == {FLEX: self.names, "root/svc/web": ("n2",)}
