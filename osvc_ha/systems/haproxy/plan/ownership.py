"""Whose the config file and the runtime directory are. Pure.

Two services with the same paths would end each other's HAProxy: whoever stops, ends the one process there is. So a service
marks both paths as its own, and where another's mark is, it does nothing: its START is refused, its STOP has nothing to do.

A mark is believed on evidence, for it outlives whoever wrote it. Its owner keeps the paths while

- it is a service of this node that is provisioned, or being started, *whether or not its HAProxy runs*: after a reboot
  it must not depend on who starts first;
- it is a service of this node that is not provisioned, and an HAProxy runs here;
- it is a service of another cluster (a second agent on this machine, or the one that this node was taken out of), and an
  HAProxy runs here: whether that service is still there, nobody here can tell;
- our own service is unknown to the agent: a reading that lacks us can lack the owner too.

Otherwise (purged, deleted, moved away from this node) START takes the paths over, and an HAProxy that still runs with them.
STOP and UNPROVISION never do: what another left is not theirs to end. Without a mark (an earlier version's, or a command line
that names no service) the paths are whose turn it is. A command line that names no service looks at no mark.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional, Tuple

from osvc_ha.cluster.types import Cluster
from osvc_ha.planner.reader import SERVICE
from osvc_ha.planner.types import Step, Verb
from osvc_ha.systems.haproxy.state import Actual, Desired

TAKES = (Verb.START, Verb.PROVISION)
# Between those who had the paths, in the step that claims them.
FROM = ", "
ELSEWHERE = " of cluster "
CLUSTER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


def owner_in(mark: Optional[str], cluster: str) -> str:
    """The service a mark names, and its cluster where that is another; "" for none, and for half a mark (its line has no end) or
    garbage: that binds nobody. Without an id, an earlier version's mark or a cluster that tells none, it is of this cluster.
    """
    line, end, rest = (mark or "").partition("\n")
    id_, space, name = line.rpartition(" ")
    if not end or rest or name.count("/") != 2 or not SERVICE.match(name) or (space and not CLUSTER_ID.match(id_)):
        return ""
    return name if id_ in ("", cluster) or not cluster else f"{name}{ELSEWHERE}{id_}"


def mark_of(service: str, cluster: str) -> str:
    """The mark, which ``owner_in`` reads."""
    return f"{cluster} {service}\n" if CLUSTER_ID.match(cluster) else f"{service}\n"


def is_elsewhere(owner: str) -> bool:
    """Is it a service of another cluster, of which this one's agent knows nothing?"""
    return ELSEWHERE in owner


def services_here(cluster: Cluster, path: str) -> Optional[Mapping[str, bool]]:
    """Service of this node -> is it provisioned here, or being started? None while the agent knows nothing even of ours."""
    if path not in cluster.objects:
        return None
    here = {}
    for name, found in cluster.objects.items():
        if cluster.local in found.scope:
            instance = found.instances.get(cluster.local)
            here[name] = instance is None or instance.provisioned is not False or instance.up or instance.starting
    return here


def others(actual: Actual, desired: Desired) -> Mapping[str, str]:
    """Path -> the other service that has it."""
    if not desired.service:
        return {}
    marked = {path: owner for path, owner in actual.owners.items() if owner not in ("", desired.service)}
    return {path: owner for path, owner in marked.items() if not desired.takes or _keeps(owner, actual, desired)}


def _keeps(owner: str, actual: Actual, desired: Desired) -> bool:
    if desired.here is None:
        return True
    if is_elsewhere(owner):
        return actual.held
    return owner in desired.here and (desired.here[owner] or actual.held)


def sentence(theirs: Mapping[str, str], service: str) -> str:
    """Who has what, and the way out."""
    found = sorted(set(theirs.values()))
    owners = " and ".join(found)
    gone = ", and where that cluster is no more, end the HAProxy that it left" if any(map(is_elsewhere, found)) else ""
    return (
        f"{_named(tuple(theirs))} to {owners}, whose HAProxy {service} leaves alone; "
        f"give {service} another config_file, runtime_dir and bind, or purge {owners}{gone}"
    )


def _named(paths: Tuple[str, ...]) -> str:
    return f"{' and '.join(paths)} {'belong' if len(paths) > 1 else 'belongs'}"


def refusal(theirs: Mapping[str, str], desired: Desired) -> Tuple[Step, ...]:
    """What START and PROVISION come to. FOLLOW does nothing, and a note says why: nobody asked for it."""
    return (Step("resolve", "paths", sentence(theirs, desired.service)),) if desired.takes else ()


def claim(actual: Actual, desired: Desired) -> Tuple[Step, ...]:
    """The mark, where it is not there yet. FOLLOW adds it to what runs, which an earlier version started, and to nothing else."""
    service, owners = desired.service, actual.owners
    if not service or set(owners.values()) == {service} or not (desired.takes or actual.running):
        return ()
    gone = sorted(set(owners.values()) - {"", service})
    before = f"{' and '.join(gone)}, which had them, {'are' if len(gone) > 1 else 'is'} no more here" if gone else "they are nobody's"
    why = f"HAProxy's config file and runtime directory become {service}'s: {before}"
    return (Step("claim", "paths", why, (("service", service), ("cluster", desired.cluster), ("from", FROM.join(gone)))),)
