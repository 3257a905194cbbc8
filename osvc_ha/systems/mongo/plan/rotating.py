"""FOLLOW, on every node: its mongod.log stays small, since mongod itself never ends one. Pure."""

from __future__ import annotations

from osvc_ha.planner.types import Follows, Plan, Step
from osvc_ha.systems.mongo.state import Actual, Desired

from .steps import at

MB = 1024 * 1024


def rotate(actual: Actual, desired: Desired) -> Plan:
    """A new mongod.log, when this one is too big, or was renamed and mongod still writes to it.

    Only where mongod.conf is ours as it is now: a mongod that somebody runs with another one logs wherever that says.
    """
    limit, size = desired.config.log_mb, actual.disk.log
    if not limit or not actual.disk.config or not actual.here.answers or (size is not None and size < limit * MB):
        return ()
    log = desired.config.log
    why = (
        f"{log} is gone, and mongod is to open a new one" if size is None else f"{log} has {size // MB} MB, log_mb={limit}: it begins anew"
    )
    return (Step("rotate-log", desired.local, why, at(desired, desired.local), needs=Follows.MEMBERSHIP),)
