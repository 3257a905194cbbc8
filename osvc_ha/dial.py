"""A connection to where somebody listens: a unix socket or a TCP port."""

from __future__ import annotations

import socket


def connect(address: str, seconds: float) -> socket.socket:
    """To the path of a unix socket, or to host:port. OSError when that fails. ``seconds``: of this and of each wait after it."""
    if address.startswith("/"):
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.settimeout(seconds)
        try:
            peer.connect(address)
        except OSError:
            peer.close()
            raise
        return peer
    name, _, port = address.rpartition(":")
    return socket.create_connection((name, int(port)), timeout=seconds)
