"""Ending the server: fast, then immediate, then by force; and what a dead postmaster left."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Mapping
from typing import Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.systems.postgres.config import Config

from .scanning import running

LOG = logging.getLogger("osvc_ha.postgres")
# The postmaster itself kills children that do not end 5 s after an immediate shutdown began (SIGKILL_CHILDREN_AFTER_SECS).
IMMEDIATE_SECONDS = 15.0
KILL_SECONDS = 5.0
POLL = 0.05
LATER = "and the next start recovers"


def stop(config: Config, step: Step, host: Host) -> None:
    """Until no process of it is left, so that the volume can go. Each step up is a warning in the log."""
    ladder: Tuple[Tuple[int, float, str], ...] = (
        (signal.SIGINT, config.stop_timeout, ""),
        (signal.SIGQUIT, IMMEDIATE_SECONDS, f"no end {config.stop_timeout:g} s after a fast stop; stopped immediately, {LATER}"),
        (signal.SIGKILL, KILL_SECONDS, f"no end {IMMEDIATE_SECONDS:g} s after an immediate stop; killed, {LATER}"),
    )
    for number, seconds, words in ladder:
        found = running(config, host)
        if not found.postmaster:
            break
        if words:
            LOG.warning("postgres %s: %s", config.directory, words)
        host.kill(found.postmaster, number)
        host.wait(lambda: not running(config, host).postmaster, seconds, POLL)
    else:
        left = running(config, host).postmaster
        if left:
            raise ApplyError(f"process {left} outlives SIGKILL: it waits for a device; see /proc/{left}/stack")
    end_orphans(config, step, host)


def end_orphans(config: Config, step: Step, host: Host) -> None:
    """They end by themselves when they notice, and never begin anything new. What they committed is in the WAL."""
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for pid in running(config, host).orphans:
            host.kill(pid, number)
        if host.wait(lambda: not running(config, host).orphans, KILL_SECONDS, POLL):
            return
    left = " ".join(map(str, running(config, host).orphans))
    raise ApplyError(f"processes {left} outlive SIGKILL: they wait for a device; see /proc/PID/stack")


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {"stop": stop, "end-orphans": end_orphans}
