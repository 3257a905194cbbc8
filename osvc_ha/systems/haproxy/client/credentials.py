"""The credentials that labels may name, as check lines."""

from __future__ import annotations

from collections.abc import Mapping

from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError
from osvc_ha.secret import is_open
from osvc_ha.systems.haproxy.config import Config, resp


def credentials(config: Config, host: Host) -> Mapping[str, str]:
    """Path -> check lines that log in. A file that others can read is not used (its secret is out), nor one that is no credentials."""
    found = {}
    for path in sorted(config.credentials_dir.glob("*")):
        try:
            if is_open(host.mode(path)):
                continue
            user, colon, password = (host.read(path) or "").partition("\n")[0].partition(":")
        except ObserveError:
            continue
        if colon:
            login = resp("AUTH", user, password) if user else resp("AUTH", password)
            found[str(path)] = f"    tcp-check send-binary {login.hex()}\n    tcp-check expect min-recv 5 string +OK\n"
    return found
