"""What comes before a connection: names to addresses, files to a TLS context."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from functools import lru_cache
from ipaddress import ip_address
from typing import List, Tuple

from osvc_ha.planner.errors import ObserveError

RESOLVE_SECONDS = 2.0
Address = Tuple[int, Tuple[object, ...]]


@lru_cache(maxsize=8)
def context(tls: Tuple[str, str, str]) -> ssl.SSLContext:
    """(ca, cert, key) files -> a client context. ObserveError names the files that cannot be read."""
    authority, certificate, key = tls
    try:
        made = ssl.create_default_context(cafile=authority)
        # As Redis among themselves: the CA is the group's own, and its nodes are addresses, not names.
        made.check_hostname = False
        made.load_cert_chain(certificate, key)
    except OSError as error:
        raise ObserveError(f"TLS files {authority}, {certificate}, {key}: {error.strerror or error}") from error
    return made


def resolve(host: str, port: int) -> Address:
    """(family, socket address). A name is looked up with a deadline, which getaddrinfo itself does not have."""
    try:
        return (socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET), (host, port)
    except ValueError:
        pass
    found: List[Address] = []
    asking = threading.Thread(target=_look_up, args=(host, port, found), daemon=True)
    asking.start()
    asking.join(RESOLVE_SECONDS)
    if not found:
        raise OSError(errno.EHOSTUNREACH, f"the name {host} does not resolve")
    return found[0]


def _look_up(host: str, port: int, found: List[Address]) -> None:
    try:
        for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            found.append((family, address))
    except OSError:
        return
