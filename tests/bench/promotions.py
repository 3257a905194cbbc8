"""When a Sentinel said that it promoted somebody: our own subscription to all of them, so that nothing under test tells the time."""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from types import TracebackType
from typing import Optional

from osvc_ha.drill.lab import Lab
from osvc_ha.planner.errors import ApplyError

EVENT = b"+promoted-slave"
SECONDS = 2.0


class Promotions(threading.Thread):
    """Listens while its context lasts. moments: seconds since the epoch at which each event arrived here."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(name="promotions", daemon=True)
        self.moments: list[float] = []
        self._hung_up, self._hang_up = os.pipe()
        self._peers = [_subscribed(address, lab.sentinel_port) for address in lab.addresses.values()]

    def run(self) -> None:
        """Only the elected Sentinel speaks, and once in a failover: what the others learn later has other names."""
        with selectors.DefaultSelector() as selector:
            for watched in (self._hung_up, *self._peers):
                selector.register(watched, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj == self._hung_up:
                        return
                    assert isinstance(key.fileobj, socket.socket)
                    heard = key.fileobj.recv(65536)
                    if EVENT in heard:
                        self.moments.append(time.time())
                    if not heard:
                        selector.unregister(key.fileobj)

    def first(self) -> float:
        """The moment. ApplyError when nobody said it."""
        if not self.moments:
            raise ApplyError(f"no Sentinel announced {EVENT.decode()}; its log says why")
        return self.moments[0]

    def __enter__(self) -> Promotions:
        self.start()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        os.close(self._hang_up)
        self.join(SECONDS)
        os.close(self._hung_up)
        for peer in self._peers:
            peer.close()


def _subscribed(address: str, port: int) -> socket.socket:
    peer = socket.create_connection((address, port), SECONDS)
    peer.sendall(b"SUBSCRIBE " + EVENT + b"\r\n")
    if b"subscribe" not in peer.recv(65536):
        raise ApplyError(f"{address}:{port}: no Sentinel that takes subscriptions")
    return peer
