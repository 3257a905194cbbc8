"""A cluster of three nodes as values, whose dns service writes to a real server: what OpenSVC would tell, without OpenSVC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dns_servers import DnsServer
from dns_stage import keywords_of

from osvc_ha.agents.resource import Resource
from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import Outcome, reconcile
from osvc_ha.planner.types import Verb
from osvc_ha.registry import load_system

NODES = ("n1", "n2", "n3")
PUBLIC = {"n1": "203.0.113.1", "n2": "203.0.113.2", "n3": "203.0.113.3"}
DNS, REDIS, MONGO = "root/svc/dns", "root/svc/redis", "prod/svc/mongo"


@dataclass
class Stage:
    """Who runs what, and each node's own Host and runtime directory. writer, redis, mongo: the nodes; "" for nowhere."""

    server: DnsServer
    directory: Path
    writer: str = "n1"
    redis: str = "n1"
    mongo: tuple[str, ...] = NODES
    dead: tuple[str, ...] = ()
    keywords: Mapping[str, str] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=lambda: {node: Host() for node in NODES})

    def cluster(self, local: str) -> Cluster:
        """As that node sees it."""
        nodes = {node: Node(node, node not in self.dead, labels={"osvc_ha_public_address": PUBLIC[node]}) for node in NODES}
        env = {"env": {"osvc.dns.name": "redis", "osvc.dns.target": "instance"}}
        objects = {DNS: self._service(DNS, self.writer), REDIS: replace(self._service(REDIS, self.redis), config=env)}
        objects[MONGO] = self._service(MONGO, *self.mongo)
        return Cluster("cluster-of-the-tests", "tests", local, nodes, objects)

    def _service(self, path: str, *placed: str) -> Object:
        return Object(path, NODES, {node: Instance(node, "up" if node in placed else "down") for node in NODES if node not in self.dead})

    def resource(self, node: str) -> Resource:
        """The resource app#dns of the service, on that node."""
        given = {**keywords_of(self.server), "runtime_dir": str(self.directory / node), **self.keywords}
        return Resource(load_system("dns"), given, DNS, lambda: self.cluster(node), self.hosts[node])

    def follow(self, node: str) -> Outcome:
        """What the watcher of that node does when it was woken."""
        resource = self.resource(node)
        return reconcile(resource.system, resource.config(), self.cluster(node), Verb.FOLLOW, resource.host)

    def move_writer(self, node: str) -> None:
        """OpenSVC stops the service here and starts it there."""
        self.resource(self.writer).do(Verb.STOP)
        self.writer = node
        self.resource(node).do(Verb.START)
