"""A peer's clock as agent 3's TLS listener tells it: Go's server puts a Date into every answer, also into a refusal."""

from __future__ import annotations

import socket
from email.utils import parsedate_to_datetime
from typing import Optional

from osvc_ha.doctor.facts import Bounds
from osvc_ha.host import Host

SECONDS = 2.0


def clock_of(peer: str, port: int, host: Host) -> Optional[Bounds]:
    """How far its clock is ahead of ours, at least and at most; None when it does not say within two seconds.

    The date has whole seconds. Nothing secret is sent and nothing else is believed, so the certificate is not checked.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    began = host.now()
    try:
        with socket.create_connection((peer, port), SECONDS) as plain, context.wrap_socket(plain) as link:
            link.sendall(f"HEAD / HTTP/1.0\r\nHost: {peer}\r\n\r\n".encode())
            answer = link.recv(4096).decode("latin-1")
        ended = host.now()
        dates = [line.partition(":")[2].strip() for line in answer.splitlines() if line.lower().startswith("date:")]
        moment = parsedate_to_datetime(dates[0]).timestamp()
    except (OSError, IndexError, ValueError, TypeError):
        return None
    return (moment - ended, moment + 1.0 - began)
