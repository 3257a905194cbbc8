"""Reads the set (observe) and does single steps (apply). No decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.planner.types import Step, Verb
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.plan import desired, plan
from osvc_ha.systems.mongo.plan.joining import HANGS
from osvc_ha.systems.mongo.plan.standing import primary
from osvc_ha.systems.mongo.plan.steps import recall
from osvc_ha.systems.mongo.state import Actual, Health

from . import bootstrap, handover, logs, processes, reconfig, telling
from .reading import look

__all__ = ["apply", "observe"]

POLL = 0.1
WAITS = frozenset({"wait-ready", "settle"})
WAY_OUT = {
    Health.SILENT: HANGS,
    Health.DENIED: "name the right username and password_file, and with tls the right certificates",
}


def observe(config: Config, cluster: Cluster, host: Host) -> Actual:
    """The whole set in one round. ObserveError when this node's own mongod is there but cannot be asked.

    Not when it hangs and a primary elsewhere answers: that one knows the set, and whoever keeps it right goes on from here.
    """
    wanted = desired(config, cluster, Verb.STOP)
    actual = look(config, wanted, host)
    here = actual.here
    if here.health is Health.SILENT and primary(actual, wanted):
        return actual
    if here.health in WAY_OUT and not (here.health is Health.DENIED and here.initiated is False):
        raise ObserveError(f"mongod on {here.node}: {here.trouble}; {WAY_OUT[here.health]}")
    return actual


def settle(config: Config, step: Step, host: Host) -> None:
    """Look again, plan again and do that, until there is nothing left to do. ApplyError with what is left when the time is over."""
    wanted = recall(config, step)
    give_up = host.monotonic() + config.ready_timeout
    while True:
        left = tuple(step for step in plan(look(config, wanted, host), wanted) if not step.theirs)
        if not left:
            return
        refused = next((each for each in left if each.do == "resolve"), None)
        if refused is not None:
            raise ApplyError(refused.why)
        words = _carry_out(config, tuple(each for each in left if each.do not in WAITS), host) or left[-1].why
        if host.monotonic() >= give_up:
            raise ApplyError(f"not ready within {config.ready_timeout:g} s: {words}")
        host.sleep(POLL)


def _carry_out(config: Config, steps: tuple[Step, ...], host: Host) -> str:
    """Why a reconfig came to nothing, or "": the next look decides whether it is still wanted."""
    for step in steps:
        try:
            apply(config, step, host)
        except ApplyError as error:
            if step.do not in reconfig.DO:
                raise
            return str(error)
    return ""


Do = Callable[[Config, Step, Host], None]
DO: Mapping[str, Do] = {
    **processes.DO,
    **bootstrap.DO,
    **reconfig.DO,
    **handover.DO,
    **logs.DO,
    **telling.DO,
    **dict.fromkeys(WAITS, settle),
}


def apply(config: Config, step: Step, host: Host) -> None:
    """Do one step. ApplyError with mongod's own words."""
    do = DO.get(step.do)
    if do is None:
        raise ApplyError(f"{step.why}")
    do(config, step, host)
