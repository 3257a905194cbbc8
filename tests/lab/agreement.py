"""What must hold after whatever happened: clients are served by one master, and everybody says the same of everybody."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ha_lab import GROUP, INGRESS, REDIS, HaLab
from writers import ask_outside

SECONDS = 60.0
HAPROXY = "/run/osvc_ha/haproxy/haproxy.sock"
SHOW_STAT = f"""import socket
peer = socket.socket(socket.AF_UNIX)
peer.settimeout(2)
peer.connect("{HAPROXY}")
peer.sendall(b"show stat -1 4 -1\\n")
print("".join(iter(lambda: peer.recv(65536).decode(), "")))
"""


def agree(
    lab: HaLab,
    *living: str,
    members: Sequence[str] = (),
    known: Sequence[str] = (),
    forgotten: Sequence[str] = (),
    seconds: float = SECONDS,
) -> None:
    """Wait until it holds on the ``living`` nodes, all by default; else an AssertionError: per node what was seen.

    members: where Redis runs, the living by default. known: of these, the ones that the agents know of, all by default.
    A machine that is no member any more may still be known to Sentinel and HAProxy, as down, unless it is ``forgotten``.
    """
    living = living or lab.names
    members = members or living
    look = Agreement(lab, living, members, known or members, forgotten)
    give_up = time.monotonic() + seconds
    while wrong := list(look.complaints()):
        assert time.monotonic() < give_up, f"agent {lab.agent.version}, not within {seconds:g} s: " + "\n  ".join(("agreement", *wrong))


class Agreement:
    """One look after the other at the same nodes."""

    def __init__(self, lab: HaLab, living: Sequence[str], members: Sequence[str], known: Sequence[str], forgotten: Sequence[str]) -> None:
        self._lab, self._living, self._members = lab, tuple(living), tuple(members)
        self._known, self._forgotten = tuple(known), tuple(forgotten)
        self._name_of = {address: name for name, address in lab.machines.addresses.items()}

    def complaints(self) -> Iterator[str]:
        """All that does not hold now. The dear questions come last, and only when the others are answered well."""
        addresses = self._lab.machines.addresses
        asked = dict.fromkeys(self._living + self._members)
        seen = ask_outside(self._lab.machines, "servers", GROUP, *(f"{name}={addresses[name]}" for name in asked))
        masters = [name for name in self._members if seen[name]["server"].get("role") == "master"]
        if len(masters) != 1:
            yield f"masters: {masters}, of { ({name: seen[name]['server'] for name in self._members}) }"
            return
        wrong = [*self._doors(seen, masters[0]), *self._replicas(seen, masters[0]), *self._sentinels(seen, masters[0])]
        yield from wrong
        if not wrong:
            yield from self._backends(masters[0])
            yield from self._statuses()

    def _doors(self, seen: Mapping[str, Any], master: str) -> Iterator[str]:
        for name in self._living:
            if seen[name]["door"].get("run_id") != seen[master]["server"]["run_id"]:
                yield f"{name}: a write through its door does not reach {master}: {seen[name]['door']}"

    def _replicas(self, seen: Mapping[str, Any], master: str) -> Iterator[str]:
        for name in self._members:
            server = seen[name]["server"]
            follows = (self._name_of.get(server.get("master_host")), server.get("master_link_status"))
            if name != master and follows != (master, "up"):
                yield f"{name}: its redis-server is no replica in sync with {master}: {server}"

    def _sentinels(self, seen: Mapping[str, Any], master: str) -> Iterator[str]:
        for name in self._members:
            told = seen[name]["sentinel"]
            if "trouble" in told or self._name_of.get(told["master"]) != master:
                yield f"{name}: its Sentinel does not name {master}: {told}"
                continue
            for what, known, others in (("replica", told["replicas"], {master}), ("Sentinel", told["sentinels"], {name})):
                yield from self._membership(f"{name}: its Sentinel", what, known, set(self._members) - others)

    def _membership(self, who: str, what: str, known: Mapping[str, str], wanted: set[str]) -> Iterator[str]:
        flags = {self._name_of.get(address, address): words for address, words in known.items()}
        for name in sorted(wanted | set(flags)):
            down = "down" in flags.get(name, "") or "disconnected" in flags.get(name, "")
            if name in wanted and (name not in flags or down):
                yield f"{who} does not see the {what} on {name}: {flags.get(name, 'unknown')}"
            if name not in wanted and (name in self._forgotten or not down):
                yield f"{who} still knows the {what} on {name}: {flags[name]}"

    def _backends(self, master: str) -> Iterator[str]:
        for name in self._living:
            done = self._lab.machines.run(name, ["/usr/bin/python3", "-c", SHOW_STAT])
            if done.code != 0:
                # A start, or a reload, may be under way.
                yield f"{name}: its HAProxy does not answer: {done.words}"
                continue
            header, *rows = [line.split(",") for line in done.out.strip().splitlines()]
            servers = [(row[1], row[header.index("status")]) for row in rows if row[0].startswith("l4:")]
            up = [server for server, status in servers if status.startswith("UP")]
            if up != [master]:
                yield f"{name}: its HAProxy has {up} up, not {master} alone"
            for left in {server for server, _ in servers} & set(self._forgotten):
                yield f"{name}: its HAProxy still lists {left}"

    def _statuses(self) -> Iterator[str]:
        told = {}
        for name in self._living:
            cluster = self._lab.cluster(name)
            for path, wanted in ((INGRESS, self._living), (REDIS, self._known)):
                found = cluster.object(path).instances
                up = [one.node for one in found.values() if one.avail == "up"]
                if sorted(up) != sorted(wanted):
                    yield f"{name}: its agent has {path} up on {sorted(up)}, not on {sorted(wanted)}: {found}"
                busy = [f"{one.node} is {one.state}" for one in found.values() if one.state != "idle" and one.node in self._living]
                if busy:
                    yield f"{name}: its agent has work left with {path}: {busy}"
                told[name, path] = {one.node: one.avail for one in found.values() if one.node in self._living}
        for path in (INGRESS, REDIS):
            views = [told[name, path] for name in self._living]
            if any(view != views[0] for view in views):
                yield f"{path}: {self._living} do not tell the same: {views}"
