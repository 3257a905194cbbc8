"""A peer's clock, as its agent tells it: how far ahead of ours it is, at least and at most. None when it does not say in time.

3 has a TLS listener, and Go's server puts a Date into every answer, also into a refusal. 2.1 stamps its statistics
(daemon/handlers/daemon/stats/get.py), and our agent asks its peers for theirs.
"""

from __future__ import annotations

import warnings
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Optional

from osvc_ha.agents import raw
from osvc_ha.cluster.reading import some
from osvc_ha.deadline import TooLate, alarm
from osvc_ha.doctor.facts import Bounds
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

SECONDS = 2.0


def clock_of_v3(peer: str, port: int, host: Host) -> Optional[Bounds]:
    """By the Date of its listener, within two seconds in all: the client's own limit begins anew with every byte. In the main thread only.

    The date has whole seconds. Nothing secret is sent and nothing else is believed, so the certificate is not checked.
    """
    import requests
    from urllib3.exceptions import InsecureRequestWarning

    began = host.now()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)
            with alarm(SECONDS, f"{peer}: no end of its answer", ObserveError.exit_code), requests.Session() as session:
                # A proxy that the environment names is for the world outside; a ~/.netrc has passwords.
                session.trust_env = False
                answer = session.head(f"https://{peer}:{port}/", verify=False, timeout=SECONDS)
        moment = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (TooLate, OSError, KeyError, TypeError, ValueError):
        return None
    return (moment - host.now(), moment + 1.0 - began)


def clock_of_v2(peer: str, socket: Path, host: Host) -> Optional[Bounds]:
    """By the stamp of its statistics. socket: our own agent's, which passes the question on."""
    began = host.now()
    try:
        told = raw.ask(host, socket, "daemon_stats", raw.NO_OBJECTS, nodes=peer)
        entry = some(some(told, "agent 2.1 daemon_stats: ", "nodes"), "nodes", peer)
        moment = some(entry, f"nodes.{peer}", "data").get("timestamp")
    except ObserveError:
        return None
    return (moment - host.now(), moment - began) if isinstance(moment, float) else None
