"""Looks at the volume (observe) and does single steps (apply). No decisions."""

from __future__ import annotations

from dataclasses import replace

from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.systems.volumes.config import Config, Kind
from osvc_ha.systems.volumes.state import Actual

from . import ceph, checking, gluster, mounting, unmounting
from .looking import look

__all__ = ["apply", "observe"]

DO = {**checking.DO, **mounting.DO, **unmounting.DO}


def observe(config: Config, cluster: Cluster, host: Host) -> Actual:
    """The mount and, while there is one, what its servers say. ObserveError when the mount cannot be told."""
    actual = look(config, host)
    if actual.mount is None or not config.health:
        return actual
    if config.kind is Kind.GLUSTERFS and config.volume:
        volume, unheard = gluster.ask(config, host)
        return replace(actual, volume=volume, unheard=unheard)
    if config.kind.is_ceph:
        cephfs, unheard = ceph.ask(config, host)
        return replace(actual, cephfs=cephfs, unheard=unheard)
    return actual


def apply(config: Config, step: Step, host: Host) -> None:
    """Do one step. ApplyError with the failing program's words."""
    do = DO.get(step.do)
    if do is None:
        raise ApplyError(step.why)
    do(config, step, host)
