"""Real Knot DNS and BIND on loopback, each the primary of one zone that takes updates signed with a key.

Their ports are free ones, their files are in the directory of a ``Run``, and they end with it.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from osvc_ha.drill.process import Process
from osvc_ha.drill.processes import Run, wait_until

ZONE = "example.com"
KEY = "osvc-ha"
PROGRAMS = {"knot": "knotd", "bind": "named"}
PATIENCE = 20.0
# BIND listens on addresses that an interface has, and no other of 127.0.0.0/8.
ADDRESS = "127.0.0.1"
KNOT = """server:
    listen: [{address}@{port}, ::1@{port}]
    rundir: {directory}
    background-workers: 1
    udp-workers: 1
    tcp-workers: 2
database:
    storage: {directory}/db
log:
  - target: stderr
    any: info
key:
{keys}
acl:
  - id: writers
    key: [{names}]
    action: [{actions}]
{policy}zone:
{zones}
"""
KNOT_KEY = "  - id: {name}\n    algorithm: {algorithm}\n    secret: {secret}\n"
KNOT_ZONE = "  - domain: {zone}\n    file: {file}\n    acl: writers\n"
BIND = """options {{
    directory "{directory}";
    pid-file "{directory}/named.pid";
    session-keyfile "{directory}/session.key";
    listen-on port {port} {{ {address}; }};
    listen-on-v6 port {port} {{ ::1; }};
    recursion no;
    dnssec-validation no;
    notify no;
    allow-transfer {{ {transfer} }};
}};
controls {{ }};
{keys}
{zones}
"""
BIND_KEY = 'key "{name}" {{ algorithm {algorithm}; secret "{secret}"; }};\n'
BIND_ZONE = 'zone "{zone}" {{ type primary; file "{file}"; {updates} }};\n'
START_OF_ZONE = """$ORIGIN {zone}.
$TTL 300
@ SOA ns1 hostmaster 1 3600 600 86400 300
@ NS ns1
ns1 A {address}
"""


@dataclass
class DnsServer:
    """One server. keys: name -> (algorithm, secret). transfers: may the key transfer the zone?

    policy: what may be updated, in the server's words. extra: more lines of the zone file.
    """

    sort: str
    run: Run
    port: int
    address: str = ADDRESS
    extra: str = ""
    transfers: bool = True
    policy: str = ""
    zones: tuple[str, ...] = (ZONE,)
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    process: Optional[Process] = None
    starts: int = 0

    @property
    def server(self) -> str:
        """As the keyword takes it."""
        return f"{self.address}:{self.port}"

    @property
    def directory(self) -> Path:
        """Its own."""
        return self.run.directory / f"{self.sort}-{self.port}"

    def key_file(self, name: str = KEY) -> Path:
        """As `tsig-keygen` and `keymgr -t` write it."""
        algorithm, secret = self.keys[name]
        path = self.directory / f"{name}.key"
        path.write_text(BIND_KEY.format(name=name, algorithm=algorithm, secret=secret))
        path.chmod(0o600)
        return path

    def start(self) -> None:
        """Start it and wait until it answers for its zones."""
        (self.directory / "db").mkdir(parents=True, exist_ok=True)
        for zone in self.zones:
            file = self.directory / f"{zone}.zone"
            if not file.exists():
                file.write_text(START_OF_ZONE.format(zone=zone, address=self.address) + self.extra)
        config = self.directory / "server.conf"
        config.write_text(self._knot() if self.sort == "knot" else self._bind())
        arguments = ["-c", str(config)] if self.sort == "knot" else ["-g", "-c", str(config), "-n", "1"]
        self.starts += 1
        argv = [_program(self.sort), *arguments]
        self.process = self.run.start(f"{self.sort}-{self.port}-{self.starts}", argv)
        wait_until(f"{self.sort} answers on {self.server}", self._answers, PATIENCE)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, as a machine's shutdown does, or as a crash (SIGKILL)."""
        assert self.process is not None
        if number == signal.SIGKILL:
            self.process.kill()
        else:
            self.process.terminate(PATIENCE)
        # A zombie would be taken for the server that still runs, by the next one's look at its pid file.
        self.process.close()

    def restart(self) -> None:
        """Stop and start, with its files as they are."""
        self.stop()
        self.start()

    def forget(self) -> None:
        """Everything that was written since the first start; it is to be stopped."""
        shutil.rmtree(self.directory)

    def ask(self, name: str, type: str, tcp: bool = False) -> list[str]:
        """What a client gets for that name, sorted; nothing when there is nothing."""
        answer = self.answer(name, type, tcp)
        return sorted(rdata.to_text() for rrset in answer.answer for rdata in rrset if rrset.rdtype == dns.rdatatype.from_text(type))

    def answer(self, name: str, type: str, tcp: bool = False) -> dns.message.Message:
        """The whole answer to an unsigned query."""
        query = dns.message.make_query(name, type)
        send = dns.query.tcp if tcp else dns.query.udp
        return send(query, self.address, port=self.port, timeout=PATIENCE)

    def serial(self) -> int:
        """The zone's serial: it grows with each change."""
        return int(self.ask(self.zones[0], "SOA")[0].split()[2])

    def _answers(self) -> bool:
        if self.process is not None and not self.process.alive:
            raise AssertionError(f"{self.sort} ended: {self.process.words()}")
        try:
            answers = [dns.query.udp(dns.message.make_query(zone, "SOA"), self.address, port=self.port, timeout=0.1) for zone in self.zones]
        except (OSError, dns.exception.DNSException):
            return False
        return all(answer.rcode() == dns.rcode.NOERROR and answer.flags & dns.flags.AA for answer in answers)

    def _knot(self) -> str:
        return KNOT.format(
            address=self.address,
            port=self.port,
            directory=self.directory,
            keys="".join(KNOT_KEY.format(name=name, algorithm=key[0], secret=key[1]) for name, key in self.keys.items()),
            names=", ".join(self.keys),
            policy=self.policy,
            actions="update, transfer" if self.transfers else "update",
            zones="".join(KNOT_ZONE.format(zone=name, file=self.directory / f"{name}.zone") for name in self.zones),
        )

    def _bind(self) -> str:
        updates = self.policy or f"allow-update {{ {self._bind_keys()} }};"
        return BIND.format(
            address=self.address,
            port=self.port,
            directory=self.directory,
            transfer=self._bind_keys() if self.transfers else "none;",
            keys="".join(BIND_KEY.format(name=name, algorithm=key[0], secret=key[1]) for name, key in self.keys.items()),
            zones="".join(BIND_ZONE.format(zone=name, file=self.directory / f"{name}.zone", updates=updates) for name in self.zones),
        )

    def _bind_keys(self) -> str:
        return " ".join(f"key {name};" for name in self.keys)


def why_not(sort: str) -> str:
    """The reason it cannot run here; empty when it can."""
    return "" if shutil.which(_program(sort)) else f"no {PROGRAMS[sort]}"


def fresh_key(algorithm: str = "hmac-sha256") -> tuple[str, str]:
    """(algorithm, secret) of a key that nobody has."""
    return algorithm, base64.b64encode(secrets.token_bytes(32)).decode()


@contextlib.contextmanager
def dns_server(sort: str, extra: str = "", keys: Optional[Mapping[str, tuple[str, str]]] = None, **settings: object) -> Iterator[DnsServer]:
    """A server that runs as long as the context. sort: knot or bind. extra: more lines of the zone file."""
    with Run(f"osvc_ha-{sort}-") as run:
        server = make_server(sort, run, extra, keys, **settings)
        server.start()
        yield server


def make_server(
    sort: str, run: Run, extra: str = "", keys: Optional[Mapping[str, tuple[str, str]]] = None, **settings: object
) -> DnsServer:
    """One that is not started yet, on a free port of 127.0.0.1 and ::1."""
    server = DnsServer(sort, run, free_port(), extra=extra, keys=dict(keys or {KEY: fresh_key()}))
    for name, value in settings.items():
        setattr(server, name, value)
    return server


def free_port() -> int:
    """Of UDP and TCP both, on 127.0.0.1 and on ::1."""
    kinds = [(family, kind) for family in (socket.AF_INET, socket.AF_INET6) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            port = 0
            for family, kind in kinds:
                probe = held.enter_context(socket.socket(family, kind))
                probe.bind((ADDRESS if family == socket.AF_INET else "::1", port))
                port = int(probe.getsockname()[1])
            return port
    raise AssertionError("no port is free on 127.0.0.1 and ::1")


def _program(sort: str) -> str:
    """Debian has both in /usr/sbin, which is not on everybody's path."""
    return shutil.which(PROGRAMS[sort]) or f"/usr/sbin/{PROGRAMS[sort]}"
