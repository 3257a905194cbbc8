"""The files that say whose HAProxy's paths are."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.planner.types import Step
from osvc_ha.systems.haproxy.config import Config
from osvc_ha.systems.haproxy.plan.ownership import FROM, mark_of, owner_in

from .process import master_pid, stray_master


def owners(config: Config, cluster: str, host: Host) -> Mapping[str, str]:
    """Path -> whose mark it bears, as the cluster of this id sees it. Raises ObserveError when a mark is there and cannot be read."""
    return {path: owner_in(host.read(mark, lossy=True), cluster) for path, mark in config.marks.items()}


def is_anothers(config: Config, found: Mapping[str, str]) -> bool:
    """Does a mark name another service than ours? Who names no service looks at no mark."""
    return bool(config.path) and not set(found.values()) <= {"", config.path}


def runs_there(config: Config, host: Host) -> bool:
    """Does any HAProxy run with these paths, whosever? Its socket says nothing of use: one that hangs runs too."""
    with contextlib.suppress(ObserveError):
        return bool(master_pid(config, host) or stray_master(config, host))
    return True


def claim(config: Config, step: Step, host: Host) -> None:
    """Mark both paths. ApplyError when another service came first since they were looked at."""
    cluster = step.arg("cluster")
    for path, owner in owners(config, cluster, host).items():
        if owner not in ("", config.path, *step.arg("from").split(FROM)):
            raise ApplyError(f"{path}: {owner} has just taken it")
    for mark in config.marks.values():
        host.replace(mark, mark_of(step.arg("service"), cluster))


def refuse_anothers(config: Config, host: Host) -> None:
    """ApplyError when another service took the paths after the plan was made: what runs there now is its.

    The plan has seen to which cluster they belong, and nothing of that changes while an HAProxy runs.
    """
    found = owners(config, "", host)
    if is_anothers(config, found):
        raise ApplyError(f"{' and '.join(owner for owner in sorted(set(found.values())) if owner)} has just taken {' and '.join(found)}")


def forget(config: Config, host: Host) -> None:
    """Nobody's any more."""
    for mark in config.marks.values():
        host.remove(mark)
