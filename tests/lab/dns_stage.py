"""What the tests of dynamic updates share: both servers, a provider on them, and changes in few words."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import dns_servers
import pytest
from dns_servers import ZONE, DnsServer

from osvc_ha.host import Host
from osvc_ha.systems.dns.client.rfc2136 import Rfc2136
from osvc_ha.systems.dns.config import Config
from osvc_ha.systems.dns.state import Change, Do, Listing, Record

CLUSTER = "0e1b2c3d-cluster-a"
OTHER = "9f8e7d6c-cluster-b"
# RFC 2136 2.2: the operation code.
UPDATE = 5
SORTS = [
    pytest.param(sort, marks=[pytest.mark.live, pytest.mark.skipif(bool(why), reason=why)])
    for sort, why in ((sort, dns_servers.why_not(sort)) for sort in ("knot", "bind"))
]


@pytest.fixture(params=SORTS)
def sort(request: pytest.FixtureRequest) -> str:
    """Each test runs on both servers."""
    return str(request.param)


@pytest.fixture
def server(sort: str) -> Iterator[DnsServer]:
    """A fresh one, with its zone and nothing of ours in it."""
    with dns_servers.dns_server(sort) as started:
        yield started


def keywords_of(server: DnsServer) -> dict[str, str]:
    """What an operator would write."""
    return {"domain": ZONE, "provider": "rfc2136", "server": server.server, "tsig_key_file": str(server.key_file()), "timeout": "5"}


def provider(behind: DnsServer, cluster_id: str = CLUSTER, **settings: object) -> Rfc2136:
    """One that has not looked yet. settings: of Config."""
    return Rfc2136(replace(Config.parse(keywords_of(behind)), **settings), cluster_id, Host())


def record(name: str, type: str, value: str, ttl: int = 60) -> Record:
    """A record of ours. name: without the zone; "" is the zone itself."""
    return Record(f"{name}.{ZONE}" if name else ZONE, type, value, ttl)


def create(name: str, type: str, value: str, ttl: int = 60) -> Change:
    """A record made."""
    return Change(Do.CREATE, record(name, type, value, ttl))


def delete(found: Record) -> Change:
    """A record taken away."""
    return Change(Do.DELETE, found)


def update(found: Record, value: str, ttl: int = 60) -> Change:
    """A record altered."""
    return Change(Do.UPDATE, Record(found.name, found.type, value, ttl), found)


def shown(listing: Listing) -> list[str]:
    """Our records, in words, without the zone."""
    return [f"{one.name.replace('.' + ZONE, '')} {one.type} {one.value}" for one in listing.ours]


class Proxy:
    """A TCP proxy before a server, for one question at a time.

    losing, dropping: how many more updates it swallows before, or after, the server has done them; a client then waits in vain.
    mute: it answers nothing at all. updates: how many it passed on.
    """

    def __init__(self, server: DnsServer, mute: bool = False) -> None:
        self.losing = self.dropping = self.updates = 0
        self._mute = mute
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def server(self) -> str:
        """As the keyword takes it."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError), peer, socket.create_connection((self._server.address, self._server.port)) as behind:
            while question := _framed(peer):
                is_update = question[4] >> 3 & 15 == UPDATE
                if self._mute or (is_update and self.losing):
                    self.losing -= 1
                    continue
                self.updates += is_update
                behind.sendall(question)
                answer = _framed(behind)
                if is_update and self.dropping:
                    self.dropping -= 1
                    continue
                peer.sendall(answer)


def _framed(peer: socket.socket) -> bytes:
    """One message with its length before it; empty at the end."""
    read = peer.makefile("rb")
    head = read.read(2)
    return head + read.read(int.from_bytes(head, "big")) if len(head) == 2 else b""
