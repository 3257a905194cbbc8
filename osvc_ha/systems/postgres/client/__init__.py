"""Looks at processes, directory and server (observe), and does single steps (apply). No decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.systems.postgres.config import Config
from osvc_ha.systems.postgres.plan import asks_machine
from osvc_ha.systems.postgres.state import Actual, Answer
from osvc_ha.systems.postgres.state.processes import sort_out

from . import creating, ending, starting
from .asking import ask
from .directory import look, progress
from .machine import machine
from .scanning import HUNG, processes

__all__ = ["apply", "observe"]


def observe(config: Config, cluster: Cluster, host: Host) -> Actual:
    """How it is here. Processes first: a stop has to find them even when the disk is dead."""
    found = look(config, host)
    if found.hangs:
        HUNG.add(host)
    noted = found.pid_file.pid if found.pid_file is not None else 0
    sorted_out = sort_out(processes(config, host), config.directory, noted)
    actual = Actual(cluster.local, found, postmaster=sorted_out.postmaster, orphans=sorted_out.orphans)
    if sorted_out.postmaster:
        answer = ask(config, host)
        return replace(actual, answer=answer, progress=progress(config, sorted_out.children, host))
    if asks_machine(actual):
        return replace(actual, machine=machine(config, found, sorted_out, host), answer=Answer())
    return actual


def _impossible(config: Config, step: Step, host: Host) -> None:
    raise ApplyError(step.why)


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {**starting.DO, **ending.DO, **creating.DO, "missing": _impossible}


def apply(config: Config, step: Step, host: Host) -> None:
    """Do one step. ApplyError with PostgreSQL's own words."""
    DO[step.do](config, step, host)
