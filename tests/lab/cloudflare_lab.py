"""A provider in front of the double of Cloudflare's API, on a node whose time passes when told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cloudflare_double import Double, Token, Zone

from osvc_ha.host import Host
from osvc_ha.systems.dns.client.cloudflare import Cloudflare
from osvc_ha.systems.dns.config import Config
from osvc_ha.systems.dns.state import Change, Do, Owner, Record

CLUSTER = "7b1f9c52-8a43-4f2e-9f0e-6a3c9d0e1f2a"
MARK = f"osvc-ha:{CLUSTER}"


class Clock:
    """Seconds since the epoch, for the double and for every node."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Node(Host):
    """This machine's files, and a clock that sleeping moves."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.slept: list[float] = []

    def now(self) -> float:
        return self.clock.now

    def monotonic(self) -> float:
        return self.clock.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.now += seconds


class Lab:
    """The double with one zone and one token, and providers for it. ``close`` ends it."""

    def __init__(self, folder: Path, plan: str = "free", name: str = "example.com") -> None:
        self.folder = folder
        self.clock = Clock()
        self.double = Double(self.clock)
        self.zone: Zone = self.double.add_zone(name, plan, 1_000_000)
        self.token: Token = self.double.add_token()
        self.token_file = folder / "token"
        self.give(self.token)

    def close(self) -> None:
        """Nobody answers any more."""
        self.double.close()

    def give(self, token: Token) -> None:
        """This is the token on the nodes."""
        self.token_file.write_text(token.secret + "\n")
        self.token_file.chmod(0o600)

    def config(self, node: str = "n1", **more: Any) -> Config:
        """The keywords on one node."""
        given = {"token_file": str(self.token_file), "api_url": self.double.url, "timeout": 5.0, "budget": 1000, **more}
        return Config(self.zone.name, self.zone.name, runtime_dir=self.folder / node, **given)

    def provider(self, node: str = "n1", cluster: str = CLUSTER, **more: Any) -> Cloudflare:
        """A provider as a new process on that node has it."""
        return Cloudflare(self.config(node, **more), cluster, Node(self.clock))

    def calls(self) -> list[str]:
        """What was called since this was last asked: method and the end of the path."""
        made = [f"{method} {path.rpartition('/')[2]}" for method, path, _ in self.double.calls]
        self.double.calls.clear()
        return made

    def have(self, name: str, value: str, type_: str = "A", comment: str = "", **more: Any) -> str:
        """A record that is there already; its id."""
        given = {"name": name, "type": type_, "content": value, "ttl": 300, "comment": comment, **more}
        return str(self.zone.create(given)["id"])

    def there(self) -> list[tuple[str, str, str]]:
        """(name, type, content) of all records, sorted."""
        return sorted((record["name"], record["type"], record["content"]) for record in self.zone.records.values())


def a(name: str, value: str, ttl: int = 300, **more: Any) -> Record:
    """An A record of ours as the plan wants it; AAAA by its value."""
    return Record(f"{name}.example.com", "AAAA" if ":" in value else "A", value, ttl, **more)


def create(record: Record) -> Change:
    """Make it."""
    return Change(Do.CREATE, record)


def delete(record: Record) -> Change:
    """Take it away."""
    return Change(Do.DELETE, record)


def update(before: Record, value: str, **more: Any) -> Change:
    """Give it this value."""
    fields = {"name": before.name, "type": before.type, "ttl": before.ttl, "proxied": before.proxied, "ident": before.ident, **more}
    return Change(Do.UPDATE, Record(value=value, owner=Owner.OURS, **fields), before)
