"""Three redis-servers and Sentinels on loopback addresses, one HAProxy in front, and the fast path beside it."""

from __future__ import annotations

import json
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from osvc_ha.cluster.snapshot import snapshot_of
from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.drill.process import Process
from osvc_ha.drill.processes import Reserved, Run, reserve, wait_until
from osvc_ha.fast_path import FastPath, FastPaths
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Verb
from osvc_ha.redis_link import Peer, links
from osvc_ha.sentinel_events import Subscription
from osvc_ha.systems.haproxy import SYSTEM
from osvc_ha.systems.haproxy.plan import redis_groups

GROUP = "grp"
HOOK = Path(__file__).parents[3] / "hooks" / "sentinel-reconfig"
REDIS = "port {port}\nbind {ip}\ndir {dir}\nsave ''\nreplica-announce-ip {ip}\nrepl-diskless-sync-delay 0\n"
SENTINEL = """port {port}
bind {ip}
dir {dir}
protected-mode no
sentinel announce-ip {ip}
sentinel monitor grp {first} {redis} 2
sentinel down-after-milliseconds grp 1000
sentinel failover-timeout grp 5000
{more}
"""

# Sentinel's ACL of somebody who may ask everything and is told nothing.
MUTE = "user default on nopass ~* &* +@all -subscribe -psubscribe\nsentinel client-reconfig-script grp {script}"


class Three:
    """Nodes n1..n3; n1 is the first master, and where HAProxy runs."""

    def __init__(self, run: Run, reserved: Reserved) -> None:
        self.run = run
        self.host = Host()
        self.addresses = {f"n{number}": address for number, address in enumerate(reserved.addresses, 1)}
        self.redis_port, self.sentinel_port, self.write_port = reserved.ports[:3]
        self.servers: dict[str, Process] = {}
        self.sentinels: dict[str, Process] = {}
        self.keywords = {"config_file": str(run.directory / "haproxy.cfg"), "runtime_dir": str(run.directory / "run")}
        self.keywords.update(credentials_dir=str(run.directory / "credentials"), bind=self.addresses["n1"], check_interval="100")
        self.haproxy = SYSTEM.parse(self.keywords)

    def launch(self, more: str = "") -> None:
        """Start the servers and Sentinels, with these further lines in their files, and wait until a failover would work."""
        for node in self.addresses:
            self.start_server(node)
        # Before the Sentinels: they look at a replica that is not linked yet only every ten seconds.
        wait_until("the replicas follow", lambda: all(self._follows(node) for node in ("n2", "n3")), 20)
        for node, ip in self.addresses.items():
            file = self._directory(node) / "sentinel.conf"
            first = self.addresses["n1"]
            values = {"port": self.sentinel_port, "ip": ip, "dir": file.parent, "first": first, "redis": self.redis_port}
            file.write_text(SENTINEL.format(more=more, **values))
            self.sentinels[node] = self.run.start(f"sentinel {node}", ["redis-sentinel", str(file)])
        wait_until("every Sentinel knows all", lambda: all(self._knows_all(node) for node in self.addresses), 20)

    def start_server(self, node: str) -> None:
        """redis-server of one node; a replica of n1 unless it is that."""
        file = self._directory(node) / "redis.conf"
        text = REDIS.format(port=self.redis_port, ip=self.addresses[node], dir=file.parent)
        if node != "n1":
            text += f"replicaof {self.addresses['n1']} {self.redis_port}\nreplica-priority {10 * int(node[1])}\n"
        file.write_text(text)
        self.servers[node] = self.run.start(f"redis {node}", ["redis-server", str(file)])

    def _directory(self, node: str) -> Path:
        found = self.run.directory / node
        found.mkdir(exist_ok=True)
        return found

    def _follows(self, node: str) -> bool:
        role = self.ask_server(node, "ROLE")
        return isinstance(role, list) and role[0] == "slave" and role[3] == "connected"

    def _knows_all(self, node: str) -> bool:
        reply = self.ask_sentinel(node, "SENTINEL", "MASTER", GROUP)
        fields = dict(zip(reply[::2], reply[1::2])) if isinstance(reply, list) else {}
        replicas = self.ask_sentinel(node, "SENTINEL", "REPLICAS", GROUP)
        linked = isinstance(replicas, list) and all(dict(zip(one[::2], one[1::2])).get("master-link-status") == "ok" for one in replicas)
        return linked and fields.get("num-slaves") == "2" and fields.get("num-other-sentinels") == "2"

    def ask_sentinel(self, node: str, *command: str) -> object:
        """A command to one Sentinel; None when it does not answer."""
        return _ask(Peer(self.addresses[node], self.sentinel_port), command)

    def ask_server(self, node: str, *command: str) -> object:
        """A command to one redis-server; None when it does not answer."""
        return _ask(Peer(self.addresses[node], self.redis_port), command)

    @property
    def cluster(self) -> Cluster:
        """What OpenSVC would say: the service runs on every node."""
        nodes = {name: Node(name, True, labels={"osvc_ha_address": at}) for name, at in self.addresses.items()}
        env = {"osvc.l4.enable": "true", "osvc.l4.port": str(self.write_port), "osvc.l4.check": "redis", "osvc.l4.group": GROUP}
        env.update({"osvc.l4.target_port": str(self.redis_port), "osvc.l4.sentinel_port": str(self.sentinel_port)})
        service = Object("prod/svc/redis", tuple(nodes), {node: Instance(node, "up") for node in nodes}, "flex", config={"env": env})
        return Cluster("id", "test", "n1", nodes, {service.path: service})

    def start_haproxy(self) -> None:
        """As OpenSVC would; returns when it lets writes through."""
        reconcile(SYSTEM, self.haproxy, self.cluster, Verb.START, self.host)
        self.run.adopt("haproxy", self.haproxy.pid_file)
        wait_until("HAProxy lets writes through", self.writable)

    def writable(self) -> bool:
        """Does a write through HAProxy reach a master?"""
        peer = Peer(self.addresses["n1"], self.write_port)
        answer = links().ask({peer: [("SET", "key", "value")]}, 1.0)[peer]
        links().drop(peer)
        return answer == ["OK"]

    def paths(self) -> FastPaths:
        """The fast path of n1, not yet following."""
        return FastPaths(str(self.haproxy.runtime_socket), self.haproxy.credentials_dir, self.host)

    def watch(self) -> Callable[[], str]:
        """`osvc-ha watch haproxy` on n1, as a process; what it has said so far."""
        snapshot = self.run.directory / "cluster.json"
        snapshot.write_text(json.dumps(snapshot_of(self.cluster)))
        words = [word for key, value in self.keywords.items() for word in ("--set", f"{key}={value}")]
        log = self.run.start("watch", [sys.executable, "-m", "osvc_ha.cli", "watch", "haproxy", "--snapshot", str(snapshot), *words]).log
        assert log is not None
        return log.read_text

    def follow(self, paths: FastPaths) -> FastPath:
        """Let it follow, and wait until it hears every Sentinel and knows who is the master."""
        paths.follow(self.cluster)
        found = paths.get(redis_groups(self.cluster)[0].id)
        assert found is not None
        wait_until("the fast path listens", lambda: found.listening == 3 and found.holder == "n1")
        return found

    def with_sentinel_port(self, port: int) -> Cluster:
        """The cluster after an operator changed a label of the group."""
        service = self.cluster.object("prod/svc/redis")
        env = {**service.env, "osvc.l4.sentinel_port": str(port)}
        return replace(self.cluster, objects={service.path: replace(service, config={"env": env})})


def _ask(peer: Peer, command: tuple[str, ...]) -> object:
    found = links().ask({peer: [command]}, 1.0)[peer]
    return found[0] if isinstance(found, list) else None


@pytest.fixture
def three() -> Iterator[Three]:
    """Servers and Sentinels, ready for a failover."""
    with Run("osvc_ha-fast-") as run, reserve(3, 4) as reserved:
        made = Three(run, reserved)
        made.launch()
        yield made
        links().close()


@pytest.fixture
def hooked() -> Iterator[Three]:
    """The same with Sentinels that refuse every subscription, and after a failover poke the watcher on n1."""
    with Run("osvc_ha-poked-") as run, reserve(3, 4) as reserved:
        script = run.directory / "reconfig"
        script.write_text(f'#!/bin/sh\nexec {HOOK} --directory {run.directory} "$@"\n')
        script.chmod(0o755)
        made = Three(run, reserved)
        made.launch(MUTE.format(script=script))
        yield made
        links().close()


@pytest.fixture
def paths(three: Three) -> Iterator[FastPaths]:
    """The fast path, ended with the test."""
    made = three.paths()
    yield made
    made.stop()


@pytest.fixture
def promoted(three: Three) -> Iterator[Callable[[], float]]:
    """When ``+promoted-slave`` came, on a connection of the test's own (time.monotonic); 0 while it has not."""
    came: list[float] = []
    ended = threading.Event()

    def listen() -> None:
        ears = [Subscription(node, Peer(at, three.sentinel_port), ("+promoted-slave",)) for node, at in three.addresses.items()]
        while not ended.is_set():
            poller = select.poll()
            for ear in ears:
                ear.tend()
                if ear.is_open:
                    poller.register(ear, select.POLLOUT if ear.wants_to_write else select.POLLIN)
            poller.poll(100)
            if any([ear.advance() for ear in ears]):
                came.append(time.monotonic())
        for ear in ears:
            ear.close()

    thread = threading.Thread(target=listen)
    thread.start()
    yield lambda: came[0] if came else 0.0
    ended.set()
    thread.join()
