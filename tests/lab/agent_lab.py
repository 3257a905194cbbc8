"""A cluster of one of OpenSVC's agents on lab nodes.

What differs between the agents is a record, ``Agent``: opensvc2.py and opensvc3.py have one each. What differs between
the clusters that tests want is another, ``Blueprint``.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Tuple

from namespaces import Contents, Machines, address_of

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
# The agents crash a node that has lost its quorum by /proc/sysrq-trigger, which not every kernel has. node_init.py
# takes a file of ours for the same; both agents wait two seconds, too.
CRASH_FILE = "/etc/crash-node"
CRASH = "sleep 2\necho c > /run/sysrq-trigger\n"
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


@dataclass(frozen=True)
class Blueprint:
    """What a cluster is made of before its first start.

    nodes: its members; spare: machines beside them, each under an agent that is a cluster of its own.
    objects: config file -> text. placed: object -> nodes on which it is up once everything is in its place.
    labelled: has each node its address as label ``osvc_ha_address``?
    """

    nodes: Tuple[str, ...] = ("n1", "n2", "n3")
    spare: Tuple[str, ...] = ()
    objects: Mapping[str, str] = field(default_factory=dict)
    placed: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)
    labelled: bool = False


SAMPLES = Blueprint(
    objects={"/etc/opensvc/namespaces/prod/svc/redis.conf": FLEX_CONF, "/etc/opensvc/web.conf": FAILOVER_CONF},
    placed={FLEX: ("n1", "n2", "n3"), "root/svc/web": ("n2",)},
)


@dataclass(frozen=True)
class Agent:
    """What one agent needs on a node, and its words for what the tests ask of it (``{path}`` and the like are filled in).

    contents: of a node with this name.
    """

    version: str
    contents: Callable[[str, Blueprint], Contents]
    words: Mapping[str, str]


def cluster_files(name: str, blueprint: Blueprint, node_conf: str) -> dict[str, str]:
    """The config files of a node, the same for both agents. A spare machine has none of a cluster."""
    label = f"\n[labels]\nosvc_ha_address = {address_of(name)}\n" if blueprint.labelled else ""
    files = {"/etc/opensvc/node.conf": node_conf + label, CRASH_FILE: CRASH}
    if name in blueprint.nodes:
        files["/etc/opensvc/cluster.conf"] = CLUSTER_CONF.format(nodes=" ".join(blueprint.nodes))
        files.update(blueprint.objects)
    return files


class Lab:
    """The nodes of a blueprint under one agent."""

    def __init__(self, agent: Agent, blueprint: Blueprint = SAMPLES) -> None:
        self.agent = agent
        self.blueprint = blueprint
        self.machines = Machines(len(blueprint.nodes + blueprint.spare))
        self.seen = ""
        self.names = blueprint.nodes
        try:
            self.settle()
        except BaseException:
            self.machines.close()
            raise

    def add_secret(self) -> None:
        """A sec object of the cluster."""
        self.order("n1", "create_secret")
        self.order("n1", "add_secret", value=SECRET)

    def settle(self) -> None:
        """Power on what is off, and wait until everything is in its place.

        On a busy machine an agent that starts late may freeze its node or give a service up, for an operator to look
        at: then all begins again with new disks, once.
        """
        try:
            self._power_on()
        except AssertionError:
            for name in self.names:
                self.machines.kill(name)
                self.machines.wipe(name)
            self._power_on()

    def _power_on(self) -> None:
        for name in self.names:
            if not self.machines.running(name):
                self.boot(name)
        self.wait("every instance where it belongs", self.settled)

    def boot(self, name: str) -> None:
        """Power a node on, and its agent."""
        self.machines.boot(name, self.agent.contents(name, self.blueprint))
        self.order(name, "run")

    def order(self, name: str, what: str, seconds: float = 30.0, **values: str) -> str:
        """Have a node's agent do something; its output."""
        done = self.machines.run(name, shlex.split(self.agent.words[what].format(**values)), seconds=seconds)
        assert done.code == 0, f"{name}: {what}: {done.words}\n{done.out}"
        return done.out

    def osvc_ha(self, name: str, *words: str, seconds: float = 30.0) -> Completed:
        """Run osvc-ha on a node."""
        return self.machines.run(name, [OSVC_HA, *words], seconds=seconds)

    def snapshot(self, name: str) -> dict[str, Any]:
        """``osvc-ha snapshot`` on a node."""
        done = self.osvc_ha(name, "snapshot")
        assert done.code == 0, f"{name}: osvc-ha snapshot: {done.words}"
        document: dict[str, Any] = json.loads(done.out)
        return document

    def cluster(self, name: str) -> Cluster:
        """The cluster as a node sees it."""
        cluster = cluster_from_snapshot(self.snapshot(name))
        self.seen = f"from {name}: {cluster.nodes}, {[(path, *found.instances.values()) for path, found in cluster.objects.items()]}"
        return cluster

    def settled(self) -> bool:
        """Do all nodes see each other, and the services where their configs want them?"""
        return all(self._well(name) for name in self.names)

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Until it is so; else an AssertionError that names ``what`` and what was seen last."""
        give_up = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < give_up, f"not within {SECONDS:g} s: {what}; seen last: {self.seen}"
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
            self.seen = str(error)
            return False
        wanted = self.blueprint.placed
        placed = {path: found.placed() for path, found in cluster.objects.items() if path in wanted}
        told = [found.instances for path, found in cluster.objects.items() if path in wanted]
        idle = all(len(instances) == len(self.names) and all(one.state == "idle" for one in instances.values()) for instances in told)
        return cluster.alive() == self.names and idle and placed == wanted
