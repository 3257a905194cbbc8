"""Stands in for an OpenSVC agent on a node: says who is alive, by heartbeats over the network that the tests cut.

    python -m osvc_ha.drill.uml.heartbeat FILE NODE SECONDS NODE=ADDRESS...

Why no real agent: a node of the lab has 128 MB of memory and one slow CPU, and an agent of three processes would leave too
little of them to DRBD. What the fence handler and the drivers ask of an agent is one thing alone, whose heartbeats this
node hears, with the agents' own weakness: the answer is as old as the timeout. So each node sends every other one a
datagram five times a second, takes one for dead that was not heard for SECONDS, and writes what it holds as a snapshot
(docs/snapshot.md), whole and atomically, whether or not it changed. Real agents have a lab of their own on such nodes,
with more memory (tests/lab/uml_agents.py).

Monotonic time alone: a clock that jumps changes nothing. A paused process (SIGSTOP) leaves a file that grows stale.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timezone

from osvc_ha.cluster.snapshot import snapshot_of
from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.drill.uml.guest import HEARTBEAT_PORT

EVERY = 0.2
SERVICE = "root/svc/data"


class Heart:
    """Sends and hears."""

    def __init__(self, local: str, seconds: float, addresses: Mapping[str, str]) -> None:
        self._local = local
        self._seconds = seconds
        self._others = {node: address for node, address in addresses.items() if node != local}
        self._heard = {node: -seconds for node in addresses}
        self._labels = {node: {"osvc_ha_address": address} for node, address in addresses.items()}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("0.0.0.0", HEARTBEAT_PORT))

    def beat(self) -> None:
        """One datagram to each, and what came from them until the next is due."""
        for address in self._others.values():
            try:
                self._socket.sendto(self._local.encode(), (address, HEARTBEAT_PORT))
            except OSError:
                # No route while the network is cut: the other side will notice.
                continue
        end = time.monotonic() + EVERY
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                node = self._socket.recv(100).decode()
            except OSError:
                continue
            if node in self._others:
                self._heard[node] = time.monotonic()

    def cluster(self) -> Cluster:
        """As an agent on this node would tell it."""
        now = time.monotonic()
        alive = {node: node == self._local or now - at < self._seconds for node, at in self._heard.items()}
        nodes = {node: Node(node, alive[node], labels=self._labels[node]) for node in alive}
        scope = tuple(nodes)[:2]
        service = Object(SERVICE, scope, {node: Instance(node, "down") for node in scope if alive[node]})
        return Cluster("lab", "lab", self._local, nodes, {SERVICE: service})


def main(file: str, local: str, seconds: float, addresses: Mapping[str, str]) -> None:
    """Until killed."""
    heart = Heart(local, seconds, addresses)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    while True:
        heart.beat()
        taken = datetime.now(timezone.utc).isoformat()
        with open(f"{file}.new", "w", encoding="utf-8") as sink:
            json.dump(snapshot_of(heart.cluster(), taken=taken), sink)
        os.replace(f"{file}.new", file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), dict(word.split("=", 1) for word in sys.argv[4:]))
