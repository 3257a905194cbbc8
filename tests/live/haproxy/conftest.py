"""A real HAProxy as node n1 of a cluster on loopback, and real Redis with Sentinels behind it.

``HAPROXY`` in the environment names another program than the one on the path.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import os
import socket
from collections.abc import Iterator, Mapping

import pytest

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.drill.processes import Reserved, Run, reserve, wait_until
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError, ObserveError
from osvc_ha.planner.reconcile import Health, Outcome, reconcile, status
from osvc_ha.planner.types import Verb
from osvc_ha.systems.haproxy import SYSTEM

PATIENCE = 30.0


def talk(address: str, port: int, words: str = "", seconds: float = PATIENCE) -> str:
    """One connection: send a line, return what came first; empty when the connection was closed without an answer."""
    try:
        with socket.create_connection((address, port), seconds) as peer:
            peer.settimeout(seconds)
            if words:
                peer.sendall(words.encode() + b"\r\n")
            return peer.recv(65536).decode(errors="replace")
    except ConnectionResetError:
        return ""


class Session:
    """One long-lived connection that sends a line and reads the answer, again and again."""

    def __init__(self, address: str, port: int) -> None:
        self.peer = socket.create_connection((address, port), PATIENCE)
        self.peer.settimeout(PATIENCE)

    def say(self, words: str) -> str:
        """The answer, empty when the connection is dead."""
        try:
            self.peer.sendall(words.encode() + b"\r\n")
            return self.peer.recv(65536).decode(errors="replace")
        except OSError:
            return ""

    def is_cut(self) -> bool:
        """Has the other side ended it? Does not wait."""
        self.peer.setblocking(False)
        try:
            return self.peer.recv(65536) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.peer.settimeout(PATIENCE)

    def close(self) -> None:
        """End it."""
        self.peer.close()


class Front:
    """HAProxy on node n1, driven through the slice, and questions to it."""

    def __init__(self, run: Run, addresses: Mapping[str, str], **keywords: str) -> None:
        self.addresses = addresses
        self.host = Host()
        self.directory = run.directory / "front"
        self.run = run
        self.credentials = self.directory / "credentials"
        self.credentials.mkdir(parents=True)
        self.keywords = {
            "config_file": str(self.directory / "haproxy.cfg"),
            "runtime_dir": str(self.directory / "run"),
            "credentials_dir": str(self.credentials),
            "haproxy": os.environ.get("HAPROXY", "haproxy"),
            "bind": addresses["n1"],
            "check_interval": "100",
            "check_timeout": "1000",
            "claim": "300",
            "reload_interval": "0",
            "maxconn": "500",
            **keywords,
        }
        self.objects: dict[str, Object] = {}
        self.cluster_id = "id"

    @property
    def config(self):
        """The parsed keywords."""
        return SYSTEM.parse(self.keywords)

    def service(self, name: str, port: int, check: str, up: tuple[str, ...] = (), **labels: object) -> None:
        """A service on all nodes of the cluster. ``up``: where OpenSVC runs it, everywhere by default."""
        env = {"osvc.l4.enable": "true", "osvc.l4.port": str(port), "osvc.l4.check": check}
        env.update({f"osvc.l4.{key.replace('__', '.')}": str(value) for key, value in labels.items()})
        instances = {node: Instance(node, "up" if node in (up or self.addresses) else "down") for node in self.addresses}
        path = f"prod/svc/{name}"
        self.objects[path] = Object(path, tuple(self.addresses), instances, "flex", config={"env": env})

    @property
    def cluster(self) -> Cluster:
        """What OpenSVC would say."""
        nodes = {name: Node(name, True, labels={"osvc_ha_address": address}) for name, address in self.addresses.items()}
        return Cluster(self.cluster_id, "lab", "n1", nodes, dict(self.objects))

    def do(self, verb: Verb) -> Outcome:
        """One reconcile."""
        return reconcile(SYSTEM, self.config, self.cluster, verb, self.host)

    def start(self) -> Outcome:
        """OpenSVC starts it."""
        return self.do(Verb.START)

    def follow(self) -> Outcome:
        """Something may have changed."""
        return self.do(Verb.FOLLOW)

    def health(self) -> Health:
        """The status that OpenSVC sees."""
        return status(SYSTEM, self.config, self.cluster, self.host)

    def say(self, command: str) -> str:
        """A command to the runtime API."""
        return self.host.exchange(str(self.config.runtime_socket), command + "\n")

    def rows(self) -> dict[tuple[str, str], dict[str, str]]:
        """``show stat``: (backend, server) -> row."""
        table = csv.DictReader(io.StringIO(self.say("show stat").lstrip("# ")))
        # An asterisk says that the next check is under way.
        return {(row["pxname"], row["svname"]): {**row, "check_status": row["check_status"].lstrip("* ")} for row in table}

    def up(self, part: str = "l4:") -> tuple[str, ...]:
        """The servers that take clients now, of the backends of listeners with ``part`` in their name."""
        return tuple(sorted(server for (backend, server), word in self.words(part).items() if word.startswith("UP")))

    def words(self, part: str = "l4:") -> dict[tuple[str, str], str]:
        """(backend, server) -> status and last check, of the backends of listeners with ``part`` in their name."""
        rows = (row for row in self.rows().items() if row[0][0].startswith("l4:") and part in row[0][0])
        return {key: f"{row['status']} {row['check_status']}" for key, row in rows if key[1] != "BACKEND"}

    def await_up(self, *servers: str, part: str = "l4:") -> None:
        """Wait until exactly these servers take clients."""
        try:
            wait_until(f"up: {servers}", lambda: self.up(part) == tuple(sorted(servers)), PATIENCE)
        except HaError as error:
            raise AssertionError(f"{error}: {self.words()}") from error

    def worker(self) -> int:
        """Pid of the worker that serves."""
        return int(self.say("show info").partition("\nPid: ")[2].split()[0])

    def processes(self) -> str:
        """``show proc`` of the master process, whose socket is closed for a moment in a reload."""
        found: list[str] = []

        def answered() -> bool:
            with contextlib.suppress(ObserveError):
                found.append(self.host.exchange(str(self.config.master_socket), "show proc\nquit\n"))
            return bool(found)

        wait_until("the master process answers", answered, PATIENCE)
        return found[-1]

    def log(self) -> str:
        """What HAProxy printed."""
        return self.host.read(self.config.log_file) or ""


class Group:
    """Three Redis servers and three Sentinels."""

    PASSWORD = "pa ss\"wo'rd#1\\"

    def __init__(self, run: Run, addresses: Mapping[str, str], port: int, sentinel_port: int, master: str, acl: bool = False) -> None:
        self.run, self.addresses, self.port, self.sentinel_port, self.acl = run, addresses, port, sentinel_port, acl
        self.servers = {}
        self.sentinels = {}
        for node in addresses:
            self.start_redis(node, master)
        for node in addresses:
            self.start_sentinel(node, master)

    def start_redis(self, node: str, master: str = "") -> None:
        """redis-server of one node, empty, as replica of ``master`` when that is another."""
        address = self.addresses[node]
        home = self.run.directory / f"redis-{node}-{self.port}"
        home.mkdir(exist_ok=True)
        lines = [f"bind {address}", f"port {self.port}", f"dir {home}", 'save ""', "protected-mode no", f"replica-announce-ip {address}"]
        if master and master != node:
            lines.append(f"replicaof {self.addresses[master]} {self.port}")
        if self.acl:
            quoted = self.PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'user "watch" on "#{hashlib.sha256(self.PASSWORD.encode()).hexdigest()}" -@all +info +ping +role')
            lines += [f'requirepass "{quoted}"', f'masterauth "{quoted}"']
        lines.append("repl-diskless-sync-delay 0")
        (home / "redis.conf").write_text("\n".join(lines) + "\n")
        server = self.run.start(f"redis {node} {self.port}", ["redis-server", str(home / "redis.conf")])
        self.servers[node] = server.await_ready(lambda: bool(talk_quietly(address, self.port, "PING")))

    def start_sentinel(self, node: str, master: str = "") -> None:
        """Sentinel of one node; without ``master`` with the file it has."""
        address = self.addresses[node]
        home = self.run.directory / f"sentinel-{node}-{self.port}"
        home.mkdir(exist_ok=True)
        if master:
            lines = [f"bind {address}", f"port {self.sentinel_port}", f"dir {home}", "protected-mode no", f"sentinel announce-ip {address}"]
            lines.append(f"sentinel monitor cache {self.addresses[master]} {self.port} 2")
            lines += ["sentinel down-after-milliseconds cache 1500", "sentinel failover-timeout cache 6000"]
            if self.acl:
                quoted = self.PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
                lines += [f'sentinel auth-pass cache "{quoted}"', f'requirepass "{quoted}"', f'sentinel sentinel-pass "{quoted}"']
            (home / "sentinel.conf").write_text("\n".join(lines) + "\n")
        server = self.run.start(f"sentinel {node} {self.port}", ["redis-sentinel", str(home / "sentinel.conf")])
        self.sentinels[node] = server.await_ready(lambda: bool(talk_quietly(address, self.sentinel_port, "PING")))

    def ask(self, node: str, words: str) -> str:
        """A command to one node's Redis."""
        return talk(self.addresses[node], self.port, words)

    def ask_sentinel(self, node: str, words: str) -> str:
        """A command to one node's Sentinel."""
        return talk(self.addresses[node], self.sentinel_port, words)

    def await_synced(self, *replicas: str) -> None:
        """Wait until these replicas are in sync."""
        for node in replicas:
            wait_until(f"{node} in sync", lambda node=node: "master_link_status:up" in self.ask(node, "INFO replication"), PATIENCE)

    def await_gate(self) -> None:
        """Wait until a failover would work: every Sentinel sees the others and both replicas."""

        def ready(node: str) -> bool:
            facts = self.ask_sentinel(node, "SENTINEL MASTER cache").split("\r\n")
            pairs = dict(zip(facts[2::4], facts[4::4]))
            return (pairs.get("num-slaves"), pairs.get("num-other-sentinels"), pairs.get("flags")) == ("2", "2", "master")

        wait_until("the Sentinels know everybody", lambda: all(ready(node) for node in self.addresses), PATIENCE)


def talk_quietly(address: str, port: int, words: str) -> str:
    """Like ``talk``, empty also when nobody listens yet."""
    try:
        return talk(address, port, words)
    except OSError:
        return ""


@pytest.fixture(scope="module")
def net() -> Iterator[Reserved]:
    """Loopback addresses and free ports, ours alone. Eleven, because .1 begins .11 (a check must tell them apart)."""
    with reserve(addresses=11, ports=40, prefer="127.0.31") as reserved:
        yield reserved


@pytest.fixture(scope="module")
def ports(net: Reserved) -> Iterator[int]:
    """``next(ports)`` is a port nobody has."""
    return iter(net.ports)


@pytest.fixture(scope="module")
def addresses(net: Reserved) -> dict[str, str]:
    """Three nodes; n3's address is the beginning of n1's."""
    return {"n1": net.addresses[10], "n2": net.addresses[1], "n3": net.addresses[0]}


@pytest.fixture(scope="module")
def servers() -> Iterator[Run]:
    """Home of the servers that the tests of a file share."""
    with Run("osvc_ha-be-") as run:
        yield run


@pytest.fixture
def run() -> Iterator[Run]:
    """Home of what one test starts; everything in it ends with the test."""
    with Run("osvc_ha-fe-") as run:
        yield run


@pytest.fixture
def front(run: Run, addresses: dict[str, str]) -> Front:
    """HAProxy of node n1, not yet started, without services."""
    return Front(run, addresses)


@pytest.fixture(scope="module")
def group(servers: Run, addresses: dict[str, str], ports: Iterator[int]) -> Group:
    """A Redis group with the master on n3, the last of the scope."""
    found = Group(servers, addresses, next(ports), next(ports), master="n3")
    found.await_synced("n1", "n2")
    return found


@pytest.fixture
def make_front(run: Run, addresses: dict[str, str]):
    """Front with other keywords."""
    return lambda **keywords: Front(run, addresses, **keywords)


@pytest.fixture(scope="session")
def session_of() -> type[Session]:
    """The class of a long-lived client."""
    return Session


@pytest.fixture(scope="session")
def make_group() -> type[Group]:
    """The class of a Redis group."""
    return Group


@pytest.fixture(scope="session")
def ask():
    """One connection, one line, one answer; empty when it was closed or refused."""
    return talk_quietly
