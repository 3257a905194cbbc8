"""A cluster on one machine: three "nodes" on loopback addresses, real servers, and a snapshot file in OpenSVC's place.

The lab plays OpenSVC's part, and only that: it writes what OpenSVC would know into the snapshot,
and starts and stops instances by calling the drivers, each in a process of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Optional

import yaml

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError

from .client import Failure, Wire
from .process import Process
from .processes import Reserved, Run, wait_until

PATH = "demo/svc/redis"
GROUP = "demo"
# Below 1500 a second failover may follow the first: docs/systems/redis.md.
DOWN_AFTER = 1500
DRIVER_SECONDS = 60.0


class Lab:
    """Nodes n1..n3 and the Redis service of the demo.

    ports: redis, Sentinel, write port, read port. addresses: by node.
    """

    path, system = PATH, "redis"

    def __init__(
        self, run: Run, reserved: Reserved, redis: Optional[Mapping[str, str]] = None, haproxy: Optional[Mapping[str, str]] = None
    ) -> None:
        self.run = run
        self.host = Host()
        self.addresses = {f"n{number}": address for number, address in enumerate(reserved.addresses, 1)}
        self.nodes = tuple(self.addresses)
        self.redis_port, self.sentinel_port, self.write_port, self.read_port, *self.spare_ports = reserved.ports
        self.snapshot = run.directory / "cluster.json"
        self.instances: dict[str, dict[str, object]] = {node: {"avail": "down", "state": "idle"} for node in self.nodes}
        self.others: dict[str, Mapping[str, Any]] = {}
        self.watchers: dict[str, Process] = {}
        self._ran = 0
        for node in self.nodes:
            self.host.replace(self.directory(node) / "settings.yaml", yaml.safe_dump(self._settings(node, redis or {}, haproxy or {})))
        self.publish()

    def directory(self, node: str) -> Path:
        """Everything of one node."""
        return self.run.directory / node

    def runtime_socket(self, node: str) -> Path:
        """HAProxy's runtime API on one node."""
        return self.directory(node) / "run" / "haproxy.sock"

    def _settings(self, node: str, redis: Mapping[str, str], haproxy: Mapping[str, str]) -> dict[str, dict[str, str]]:
        here = self.directory(node)
        return {
            "redis": {
                "path": PATH,
                "group": GROUP,
                "port": str(self.redis_port),
                "sentinel_port": str(self.sentinel_port),
                "directory": str(here / "redis"),
                "down_after": str(DOWN_AFTER),
                "failover_timeout": "5000",
                "haproxy_socket": str(self.runtime_socket(node)),
                **redis,
            },
            "haproxy": {
                "config_file": str(here / "haproxy.cfg"),
                "runtime_dir": str(here / "run"),
                "credentials_dir": str(here / "credentials"),
                "bind": self.addresses[node],
                "check_interval": "100",
                "check_timeout": "500",
                **haproxy,
            },
        }

    def labels(self) -> Mapping[str, str]:
        """What the service's config says in [env]."""
        labels = {
            "osvc.l4.enable": "true",
            "osvc.l4.port": str(self.write_port),
            "osvc.l4.check": "redis",
            "osvc.l4.read.port": str(self.read_port),
            "osvc.l4.read.check": "redis-replica",
        }
        for prefix in ("osvc.l4", "osvc.l4.read"):
            labels[f"{prefix}.target_port"] = str(self.redis_port)
            labels[f"{prefix}.sentinel_port"] = str(self.sentinel_port)
            labels[f"{prefix}.group"] = GROUP
        return labels

    def publish(self) -> None:
        """Let OpenSVC know what the lab's fields say now."""
        service = {"scope": list(self.nodes), "topology": "flex", "orchestrate": "ha", "config": {"env": self.labels()}}
        document = {
            "format": "osvc-ha-snapshot",
            "version": 1,
            "agent": "2.1",
            "local": self.nodes[0],
            "cluster": {"id": "demo", "name": "demo", "quorum": True},
            "nodes": {node: {"alive": True, "frozen": False, "labels": {"osvc_ha_address": self.addresses[node]}} for node in self.nodes},
            "objects": {self.path: {**service, "instances": self._instances()}, **self.others},
        }
        self.host.replace(self.snapshot, json.dumps(document, indent=1))

    def _instances(self) -> Mapping[str, Mapping[str, object]]:
        return {node: {"overall": told["avail"], "frozen": False, "provisioned": True, **told} for node, told in self.instances.items()}

    def program(self, node: str) -> list[str]:
        """How ``osvc-ha`` is run on a node; a lab whose nodes have networks of their own says more."""
        return [sys.executable, "-m", "osvc_ha.cli"]

    def driver(self, node: str, system: str, verb: str) -> Process:
        """Call a driver as the agent would; returns at once."""
        self._ran += 1
        argv = [*self.program(node), "apply", system, "--verb", verb, *self._source(node)]
        return self.run.start(f"{self._ran}-{node}-{system}-{verb}", argv)

    def finish(self, processes: Iterable[Process], seconds: float = DRIVER_SECONDS) -> None:
        """Wait for drivers; ApplyError with the words of one that failed."""
        for process in processes:
            if not process.wait(seconds):
                process.terminate()
                raise ApplyError(f"{process.name}: still running after {seconds:g} s: {process.words()}")
            if process.returncode:
                raise ApplyError(f"{process.name}: {process.words()}")

    def start(self, *nodes: str) -> None:
        """OpenSVC starts the instance on these nodes, at the same time."""
        self._set(nodes, avail="down", state="starting")
        self.finish([self.driver(node, self.system, "start") for node in nodes])
        self._set(nodes, avail="up", state="idle")

    def stop(self, *nodes: str) -> None:
        """OpenSVC stops the instance on these nodes, one after the other."""
        for node in nodes:
            self._set((node,), avail="up", state="stopping")
            self.finish([self.driver(node, self.system, "stop")])
            self._set((node,), avail="down", state="idle")

    def _set(self, nodes: Iterable[str], **told: object) -> None:
        for node in nodes:
            self.instances[node].update(told)
        self.publish()

    def bring_up(self, first: str = "") -> None:
        """Everything on every node, until clients may come. first: the node to start alone, so that the master is there."""
        self.start_front_doors()
        if first:
            self.start(first)
        self.start(*(node for node in self.nodes if node != first))
        self.await_master()
        self.await_doors()

    def start_front_doors(self) -> None:
        """HAProxy and the follower on every node, as the ingress service would run them."""
        self.finish([self.driver(node, "haproxy", "start") for node in self.nodes])
        for node in self.nodes:
            self.start_watch(node)

    def start_watch(self, node: str) -> None:
        """The follower of one node."""
        self._ran += 1
        argv = [*self.program(node), "watch", "haproxy", "--poll", "0.1", "--resync", "10", *self._source(node)]
        self.watchers[node] = self.run.start(f"{self._ran}-{node}-watch", argv)

    def _source(self, node: str) -> list[str]:
        return ["--snapshot", str(self.snapshot), "--node", node, "--settings", str(self.directory(node) / "settings.yaml")]

    def server(self, node: str) -> Process:
        """The redis-server process of one node."""
        return self.run.adopt(f"redis {node}", self.directory(node) / "redis" / "server" / "redis.pid")

    def named_master(self) -> str:
        """The node that a majority of the Sentinels names and that calls itself master; empty while there is none."""
        names = [self._named(node) for node in self.nodes]
        for node in self.nodes:
            if 2 * names.count(self.addresses[node]) > len(names) and self.role(node) == "master":
                return node
        return ""

    def _named(self, node: str) -> str:
        answer = self._ask(node, self.sentinel_port, ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", GROUP))
        return str(answer[0]) if isinstance(answer, list) else ""

    def role(self, node: str, port: Optional[int] = None) -> str:
        """master, slave, or empty when it does not answer. port: of the node's HAProxy, to ask whom it leads to."""
        answer = self._ask(node, port or self.redis_port, ("ROLE",))
        return str(answer[0]) if isinstance(answer, list) else ""

    def _ask(self, node: str, port: int, command: tuple[str, ...]) -> object:
        try:
            wire = Wire(self.addresses[node], port, 0.3)
            try:
                return wire.ask([command])[0]
            finally:
                wire.close()
        except Failure:
            return None

    def await_master(self, other_than: str = "", seconds: float = 30.0) -> str:
        """Wait until there is a master (another than the given), and say which."""
        wait_until("a new master", lambda: self.named_master() not in ("", other_than), seconds)
        return self.named_master()

    def await_doors(self, seconds: float = 30.0) -> None:
        """Wait until every node lets writers and readers in: START waits for the group, not for what each HAProxy has heard of it."""
        doors = [(node, port, role) for node in self.nodes for port, role in ((self.write_port, "master"), (self.read_port, "slave"))]
        wait_until("the front door of every node", lambda: all(self.role(node, port) == role for node, port, role in doors), seconds)
