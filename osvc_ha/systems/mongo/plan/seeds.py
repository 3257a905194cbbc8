"""What clients are to find by mongodb+srv: the members that have the data and that clients may see. Pure."""

from __future__ import annotations

from typing import Tuple

from osvc_ha.cluster.seedlist import Seedlist
from osvc_ha.systems.mongo.state import Actual, Desired

from .standing import configuration, well, where


def seedlist(actual: Actual, desired: Desired, name: str) -> Seedlist:
    """The set under ``name``. A member is in it while it is PRIMARY or SECONDARY and its instance stays; no arbiter, hidden or delayed one.

    Without members when no configuration counts now: whoever writes records keeps the last ones then.
    """
    config = configuration(actual, desired)
    members = config.members if config is not None else ()
    hosts = (
        member.host
        for member in members
        if member.visible
        and well(member, actual, desired)
        and (where(member, actual, desired) in desired.members or where(member, actual, desired) not in desired.scope)
    )
    return Seedlist(
        name=name,
        replica_set=desired.config.replica_set,
        auth_source=desired.config.auth_source if desired.config.username else "",
        members=tuple(_split(host) for host in hosts),
    )


def _split(host: str) -> Tuple[str, int]:
    name, _, port = host.rpartition(":")
    return name, int(port)
