"""A real HAProxy in front of PostgreSQL servers, with the ``postgres`` check, rendered by the haproxy slice from labels."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.drill.processes import Run, wait_until
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Verb
from osvc_ha.systems.haproxy import SYSTEM

PATIENCE = 30.0


class Door:
    """HAProxy of the first node. ``up``: where OpenSVC runs the service; changed by ``place``."""

    def __init__(self, run: Run, addresses: Mapping[str, str], port: int, target: int) -> None:
        self.addresses, self.port, self.target = addresses, port, target
        self.host = Host()
        home = run.directory / "door"
        self.config = SYSTEM.parse(
            {
                "config_file": str(home / "haproxy.cfg"),
                "runtime_dir": str(home / "run"),
                "credentials_dir": str(home / "credentials"),
                "haproxy": os.environ.get("HAPROXY", "haproxy"),
                "bind": next(iter(addresses.values())),
                "check_interval": "100",
                "reload_interval": "0",
                "maxconn": "200",
            }
        )
        self.placed: tuple[str, ...] = tuple(addresses)

    @property
    def cluster(self) -> Cluster:
        """What OpenSVC would say."""
        nodes = {name: Node(name, True, labels={"osvc_ha_address": address}) for name, address in self.addresses.items()}
        env = {"enable": "true", "port": str(self.port), "target_port": str(self.target), "check": "postgres"}
        instances = {name: Instance(name, "up" if name in self.placed else "down") for name in nodes}
        config = {"env": {f"osvc.l4.{key}": value for key, value in env.items()}}
        owner = Object("prod/svc/pg", tuple(nodes), instances, config=config)
        return Cluster("id", "lab", next(iter(nodes)), nodes, {owner.path: owner})

    def start(self) -> None:
        """Start it, or let it follow."""
        reconcile(SYSTEM, self.config, self.cluster, Verb.START, self.host)

    def place(self, *names: str) -> None:
        """OpenSVC moved the service."""
        self.placed = names
        reconcile(SYSTEM, self.config, self.cluster, Verb.FOLLOW, self.host)

    def up(self) -> tuple[str, ...]:
        """The nodes that get clients now."""
        told = self.host.exchange(str(self.config.runtime_socket), "show stat\n").lstrip("# ")
        rows = csv.DictReader(io.StringIO(told))
        return tuple(
            sorted(
                row["svname"]
                for row in rows
                if row["pxname"].startswith("l4:") and row["svname"] != "BACKEND" and row["status"].startswith("UP")
            )
        )

    def await_up(self, *names: str) -> None:
        """Until exactly these get clients."""
        wait_until(f"up: {names}", lambda: self.up() == tuple(sorted(names)), PATIENCE)
