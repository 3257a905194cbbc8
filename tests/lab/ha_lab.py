"""A cluster with real servers: HAProxy on every node, Redis with Sentinel behind it, made from the service templates.

Nodes n1, n2 and n3 are the cluster; n4 is a machine beside it, with an agent and osvc_ha, which may join and leave.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from agent_lab import Agent, Blueprint, Lab

INGRESS, REDIS, GROUP = "prod/svc/ingress", "prod/svc/redis", "redis"
GRACE = 5
SERVICES = {INGRESS: ("l4-ingress", ""), REDIS: ("redis-sentinel", f"--env down_after=1500 --env grace={GRACE} --env resync=5")}
TEMPLATES = "/usr/share/osvc-ha/service_templates"
BLUEPRINT = Blueprint(spare=("n4",), labelled=True)
PID_FILE = "/var/lib/opensvc/osvcd.pid"


class HaLab(Lab):
    """Three nodes with osvc_ha installed, and what an operator, or bad luck, does to them."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent, BLUEPRINT)
        try:
            for name in BLUEPRINT.spare:
                self.boot(name)
                self.wait(f"an agent on {name}", lambda name=name: self.serves(name))
            first, *others = BLUEPRINT.nodes + BLUEPRINT.spare
            self.install(first)
            # Most of it is waiting for om.
            with ThreadPoolExecutor() as pool:
                list(pool.map(self.install, others))
        except BaseException:
            self.close()
            raise

    def ready_spare(self) -> None:
        """The machines beside the cluster as they were at first: a scenario may have used one up."""
        for name in BLUEPRINT.spare:
            if not self.machines.running(name):
                self.boot(name)
                self.wait(f"an agent on {name}", lambda name=name: self.serves(name))
                self.install(name)

    def install(self, name: str) -> None:
        """What osvc_ha needs on a node."""
        done = self.osvc_ha(name, "install", seconds=90.0)
        assert done.code == 0, f"{name}: osvc-ha install: {done.words}"

    def serves(self, name: str) -> bool:
        """Does the node's agent answer?"""
        return self.machines.running(name) and self.osvc_ha(name, "snapshot").code == 0

    def create(self) -> None:
        """Both services, from their templates as installed."""
        for path, (template, values) in SERVICES.items():
            self.order("n1", "create", path=path, file=f"{TEMPLATES}/{self.agent.version}/{template}.conf", values=values)
        # Agent 3 refuses an order for an object that not all nodes have told it of.
        for name in self.names:
            self.wait(f"{name} knows the services", lambda name=name: all(self._told(name, path) for path in SERVICES))

    def _told(self, name: str, path: str) -> bool:
        found = self.cluster(name).objects.get(path)
        return found is not None and sorted(found.instances) == sorted(self.names)

    def provision(self) -> None:
        """Both services, and wait until the agent says that it is done."""
        for path in SERVICES:
            self.order("n1", "provision", seconds=120.0, path=path)

    def master(self) -> str:
        """The node of the Redis that takes writes, as Redis says."""
        roles = {name: self.machines.run(name, ["redis-cli", "-h", self.machines.addresses[name], "role"]).out for name in self.alive()}
        masters = [name for name, role in roles.items() if role.startswith("master")]
        assert len(masters) == 1, f"one master expected: {roles}"
        return masters[0]

    def alive(self) -> tuple[str, ...]:
        """The cluster's nodes that have power."""
        return tuple(name for name in self.names if self.machines.running(name))

    def others(self, *names: str) -> tuple[str, ...]:
        """The cluster's nodes without these."""
        return tuple(name for name in self.names if name not in names)

    def avail(self, name: str, path: str = REDIS, seen_from: str = "") -> str:
        """What the agent on a node says of an instance; "" when it says nothing."""
        found = self.cluster(seen_from or name).object(path).instances.get(name)
        return found.avail if found else ""

    def cut_power(self, name: str) -> None:
        """At once, and with it everything that the node ran."""
        self.machines.kill(name)

    def kill_daemon(self, name: str) -> None:
        """kill -9 of the agent's daemon alone: what it started goes on."""
        done = self.machines.run(name, ["sh", "-c", f"kill -9 $(cat {PID_FILE})"])
        assert done.code == 0, f"{name}: {PID_FILE}: {done.words}"

    def join(self, name: str, services: Iterable[str] = tuple(SERVICES)) -> None:
        """Make a spare machine a member: join, label, install, and provision there what the others have."""
        if not self.machines.running(name):
            self.boot(name)
            self.wait(f"an agent on {name}", lambda: self.serves(name))
        token = self.order("n1", "token").strip()
        self.order(name, "join", seconds=90.0, token=token)
        self.names = (*self.names, name)
        self.wait_complete()
        # Joining costs a node of agent 3 its own config, and the labels in it.
        self.order(name, "label", key="osvc_ha_address", value=self.machines.addresses[name])
        self.install(name)
        for path in services:
            self.wait(f"{path} on {name}", lambda path=path: all(self._told(node, path) for node in ("n1", name)))
            self.order(name, "provision", seconds=120.0, path=path)

    def leave(self, name: str, services: Iterable[str] = tuple(SERVICES)) -> None:
        """Take a member out: drained first, and its disk wiped in the end."""
        self.order(name, "drain", seconds=90.0)
        self.wait(f"nothing up on {name}", lambda: not any(self.avail(name, path, "n1") == "up" for path in services))
        self.order(name, "leave", seconds=90.0)
        self.names = self.others(name)
        self.order("n1", "forget_node", nodes=" ".join(self.names))
        self.machines.kill(name)
        self.machines.wipe(name)
        self.wait_complete()

    def missed(self, *names: str) -> None:
        """Wait until the agents of all others know that these nodes are gone."""
        left = tuple(name for name in self.alive() if name not in names)
        for name in left:
            self.wait(f"{name} misses {names}", lambda name=name: self.cluster(name).alive() == left)

    def wait_complete(self) -> None:
        """Wait until every node sees every other."""
        for name in self.names:
            self.wait(f"{name} sees all", lambda name=name: self.serves(name) and self.cluster(name).alive() == self.names)

    def bring_up(self) -> None:
        """Both services on all nodes: made where there are none, else put right."""
        if self.serves("n1") and REDIS not in self.cluster("n1").objects:
            self.create()
            self.provision()
        else:
            self.restore()

    def restore(self) -> None:
        """Undo what scenarios do: power, cable, daemon, freeze, quorum, stopped instances."""
        for name in self.names:
            if not self.machines.running(name):
                self.boot(name)
            self.machines.heal(name)
            if not self.serves(name):
                self.order(name, "run")
        self.wait_complete()
        if self.cluster("n1").quorum_enabled:
            self.order("n1", "quorum", value="false")
        for name, node in self.cluster("n1").nodes.items():
            if node.frozen:
                self.order(name, "thaw_node")
        for path in SERVICES:
            for name, instance in self.cluster("n1").object(path).instances.items():
                if not instance.up:
                    self.order(name, "start", seconds=90.0, path=path)
                if instance.frozen:
                    self.order(name, "thaw", path=path)
