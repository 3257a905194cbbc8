"""`osvc-ha watch haproxy --snapshot` as a process, the real HAProxy, and a snapshot that a test rewrites."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, Optional

import pytest

from osvc_ha.drill.process import Process
from osvc_ha.drill.processes import Reserved, Run, reserve, wait_until
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

CLI = (sys.executable, "-m", "osvc_ha.cli")


class Node:
    """One node: its snapshot, its HAProxy, its watcher."""

    def __init__(self, run: Run, reserved: Reserved) -> None:
        self.run = run
        self.host = Host()
        self.address = reserved.addresses[0]
        self.ports = reserved.ports
        self.snapshot = run.directory / "cluster.json"
        self.runtime = run.directory / "run"
        self.config = run.directory / "haproxy.cfg"
        self.log = run.directory / "watch.log"
        self.settings: dict[str, object] = {}
        self.services = {"web": self.ports[0]}
        self.publish()

    def document(self, placed: str = "n1") -> dict[str, Any]:
        """A flat TCP service for each entry of ``services``, running on the one node."""
        objects = {
            f"prod/svc/{name}": {
                "scope": ["n1", "n2"],
                "instances": {node: {"avail": "up" if node == placed else "down"} for node in ("n1", "n2")},
                "config": {"env": {"osvc.l4.enable": "true", "osvc.l4.port": str(port), "osvc.l4.target_port": str(self.ports[-1])}},
            }
            for name, port in self.services.items()
        }
        nodes = {node: {"alive": True, "labels": {"osvc_ha_address": self.address}} for node in ("n1", "n2")}
        about = {"format": "osvc-ha-snapshot", "version": 1, "local": "n1", "cluster": {"id": "1", "name": "test"}}
        return {**about, "nodes": nodes, "objects": objects}

    def publish(self, placed: str = "n1") -> None:
        """What OpenSVC would know."""
        self.host.replace(self.snapshot, json.dumps(self.document(placed)))

    def words(self) -> list[str]:
        """The options of every command here."""
        pairs = {"config_file": self.config, "runtime_dir": self.runtime, "bind": self.address, "reload_interval": 0, **self.settings}
        return ["--snapshot", str(self.snapshot), *(word for key, value in pairs.items() for word in ("--set", f"{key}={value}"))]

    def start_haproxy(self) -> None:
        """As OpenSVC would."""
        done = self.host.run([*CLI, "apply", "haproxy", "--verb", "start", *self.words()], seconds=20)
        assert done.code == 0, done.words
        self.run.adopt("haproxy", self.runtime / "haproxy.pid")

    def watch(self, *options: str) -> Process:
        """Start the watcher; returns when it has looked once."""
        found = self.run.start("watch", [*CLI, "watch", "haproxy", "--verbose", *self.words(), *options])
        wait_until("the watcher looks", lambda: "looked at" in self.said() or "WARNING" in self.said())
        return found

    def said(self) -> str:
        """The watcher's log so far."""
        return self.log.read_text() if self.log.exists() else ""

    def looks(self) -> int:
        """How often it has looked and read a cluster."""
        return self.said().count("looked at")

    def state(self, node: str, service: str = "web") -> Optional[str]:
        """The admin state of a server in the running HAProxy: 0 ready, 1 maint; None when it is not there."""
        try:
            table = self.host.exchange(str(self.runtime / "haproxy.sock"), "show servers state\n")
        except ObserveError:
            return None
        rows = (line.split() for line in table.splitlines()[2:])
        return next((row[6] for row in rows if len(row) > 6 and row[3] == node and f":{service}:" in row[1]), None)

    def await_placed(self, placed: str) -> None:
        """Wait until HAProxy sends clients there and nowhere else."""
        other = {"n1": "n2", "n2": "n1"}[placed]
        wait_until(f"clients go to {placed}", lambda: (self.state(placed), self.state(other)) == ("0", "1"))


@pytest.fixture
def node() -> Iterator[Node]:
    """Nothing runs yet; one service, placed on n1."""
    with Run("osvc_ha-watch-") as run, reserve(1, 6) as reserved:
        yield Node(run, reserved)
