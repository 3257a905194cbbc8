"""Reads the group (observe, observe_authority) and does single steps (apply). No decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Tuple

from osvc_ha.cluster.types import Cluster
from osvc_ha.frontdoor import backends_of, group_id
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.planner.types import Step, Verb
from osvc_ha.systems.redis.config import Config
from osvc_ha.systems.redis.plan import desired
from osvc_ha.systems.redis.state import Actual, Door, Health

from . import processes, settings, switching
from .reading import observe_authority, observe_group

__all__ = ["apply", "observe", "observe_authority"]

WAY_OUT = {
    Health.SILENT: "see whether the process hangs",
    Health.DENIED: "name the right password_file (sentinel_password_file)",
    Health.BUSY: "a script runs too long; `redis-cli SCRIPT KILL` ends it",
}


def observe(config: Config, cluster: Cluster, host: Host) -> Actual:
    """The whole group in one round. ObserveError when this node's own processes are there but cannot be asked."""
    wanted = desired(config, cluster, Verb.FOLLOW)
    actual = observe_group(config, wanted.local, wanted.addresses, host)
    for what, process in (("redis-server", actual.here), ("Sentinel", actual.watcher)):
        if process.health in WAY_OUT:
            words = f"{what} on {wanted.local}: {process.trouble}"
            raise ObserveError(f"{words}; {WAY_OUT[process.health]}")
    return replace(actual, disk=processes.disk(config, host), doors=_doors(config, host))


def _doors(config: Config, host: Host) -> Tuple[Door, ...]:
    found = []
    for socket in config.haproxy_sockets:
        try:
            found.append(Door(socket, tuple(backends_of(host, socket, group_id(config.path, config.group)))))
        except ObserveError:
            # HAProxy's own checks do without us; that it is down is its own resource's status.
            continue
    return tuple(found)


Do = Callable[[Config, Step, Host], None]
DO: Mapping[str, Do] = {**processes.DO, **settings.DO, **switching.DO}


def apply(config: Config, step: Step, host: Host) -> None:
    """Do one step. ApplyError with the failing program's words."""
    do = DO.get(step.do)
    if do is None:
        raise ApplyError(f"{step.why}")
    do(config, step, host)
