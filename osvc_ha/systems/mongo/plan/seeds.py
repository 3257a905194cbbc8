"""What clients are to find by mongodb+srv: the members that have the data and that clients may see. Pure.

The dns system publishes what is told here, and only on the node where both run. A member is told once it is PRIMARY or SECONDARY, and until
its instance leaves, its node is gone, or a person hides it: not to be heard for a moment takes nobody away. So it is withdrawn before it is
removed: FOLLOW removes who has been gone for ``grace``, and UNPROVISION waits for the record to go (``withdraw``).
"""

from __future__ import annotations

from typing import Tuple

from osvc_ha.cluster.seedlist import Seedlist, render_seedlist
from osvc_ha.planner.types import Follows, Plan, Step
from osvc_ha.systems.mongo.state import Actual, Desired, Member

from . import leading, readiness
from .standing import configuration, well, where


def seedlist(actual: Actual, desired: Desired, name: str = "") -> Seedlist:
    """The set under ``name``. A member enters it when it is PRIMARY or SECONDARY, and leaves it with its instance; no arbiter, hidden or
    delayed one.

    Without members when no configuration counts now: whoever writes records keeps the last ones then.
    """
    config = configuration(actual, desired)
    told = actual.disk.told.members if actual.disk.told is not None else ()
    seeds = (
        _split(member.host)
        for member in (config.members if config is not None else ())
        if member.visible and _stays(member, actual, desired) and (well(member, actual, desired) or _split(member.host) in told)
    )
    return Seedlist(
        name=name,
        replica_set=desired.config.replica_set,
        auth_source=desired.config.auth_source if desired.config.username else "",
        members=tuple(seeds),
        tls=desired.config.tls,
    )


def _stays(member: Member, actual: Actual, desired: Desired) -> bool:
    place = where(member, actual, desired)
    return place in desired.members or place not in desired.scope


def tell(actual: Actual, desired: Desired) -> Plan:
    """The file with the members, when they are others than it says."""
    seeds = seedlist(actual, desired)
    unclear = readiness.refusal(actual, desired) or leading.leaderless(actual, desired)
    if not seeds.members or seeds == actual.disk.told or unclear:
        return ()
    why = f"clients are to find {' '.join(host for host, _ in seeds.members)}"
    return (Step("tell", desired.config.path, why, payload=render_seedlist(seeds), needs=Follows.MEMBERSHIP),)


def withdraw(host: str, desired: Desired) -> Plan:
    """Before the member host:port is removed: new clients do not hear of it any more."""
    if not desired.config.srv:
        return ()
    why = f"wait until mongodb+srv://{desired.config.srv}/ leads nobody to {host} any more"
    return (Step("withdraw", desired.config.srv, why, (("host", host),)),)


def _split(host: str) -> Tuple[str, int]:
    name, _, port = host.rpartition(":")
    return name, int(port)
