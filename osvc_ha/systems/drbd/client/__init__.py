"""Reads one resource (observe) and does single steps (apply). No decisions."""

from __future__ import annotations

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.systems.drbd.config import Config

from . import doing, roles
from .reading import glance, observe

__all__ = ["apply", "glance", "observe"]

DO = {**doing.DO, **roles.DO}


def apply(config: Config, step: Step, host: Host) -> None:
    """Do one step. ApplyError with the failing program's words."""
    do = DO.get(step.do)
    if do is None:
        raise ApplyError(step.why)
    do(config, step, host)
