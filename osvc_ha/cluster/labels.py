"""From labels to listeners: ``discover``. Pure. docs/labels.md is the operator's view of this file.

A bad label harms only its own listener, and closes it rather than guessing: a misspelt
``osvc.l4.chekc=redis`` must not become a plain TCP listener that sends writes to a replica.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Dict, List, Set, Tuple

from osvc_ha.cluster.alphabets import NODE, OBJECT_PATH, is_of, shown
from osvc_ha.cluster.containers import Container, containers_in, names_of_resources, owner_of
from osvc_ha.cluster.label_options import PREFIX
from osvc_ha.cluster.label_reader import listeners_of
from osvc_ha.cluster.label_sources import source_of_container, sources_of
from osvc_ha.cluster.listeners import Check, Discovery, Listener, Placement, Problem
from osvc_ha.cluster.types import Cluster, Node, Object

__all__ = ["Check", "Discovery", "Listener", "Placement", "Problem", "discover", "placement_of"]

ENABLE = f"{PREFIX}enable"
PORT = f"{PREFIX}port"
# The agent could not tell either: nothing evaluated yet, a driver it cannot load.
CANNOT_TELL = frozenset({"undef", "n/a", ""})

Placed = Tuple[Tuple[str, Placement], ...]


def discover(cluster: Cluster, containers: Iterable[Mapping[str, Any]] = ()) -> Discovery:
    """Every listener that services and the containers of this node opted in to, and all that is wrong.

    containers: entries of the Docker API's container list on ``cluster.local``. Ports are given
    out in the order of paths, services before containers: those are known to this node alone.
    """
    problems: List[Problem] = []
    found: List[Listener] = []
    labelled: Set[str] = set()
    usable = {name: node for name, node in cluster.nodes.items() if is_of(NODE, name)}
    for path in sorted(cluster.objects):
        sources, wrong = sources_of(cluster.objects[path])
        problems.extend(wrong)
        if not sources:
            continue
        labelled.add(path)
        placed, misplaced = _placed(cluster.objects[path], usable, cluster)
        wanted = [listener for source in sources for listener in listeners_of(source, placed, problems)]
        if wanted:
            problems.extend(misplaced)
            found.extend(wanted if placed else ())
    seen = containers_in(containers)
    resources = names_of_resources(cluster) if seen else {}
    for container in seen:
        found.extend(_of_container(container, owner_of(container, resources), labelled, cluster.local, problems))
    listeners = _without_clashes(found, problems)
    return Discovery(tuple(listeners), tuple(sorted(set(problems), key=lambda one: (one.path, one.label, one.message))))


def placement_of(owner: Object, node: Node) -> Placement:
    """What one node's instance means to a load balancer.

    What the agent reports decides as long as it reports it, even while no heartbeat is heard: during
    a clean restart of a peer's daemon the agent keeps that report, and the service keeps running.
    Without a report: on a living node that is "cannot tell", and the health check decides; a node that
    is gone gets nobody, since OpenSVC may start its services elsewhere while the old ones still answer.
    Frozen changes nothing: it stops OpenSVC from acting, not the service from serving.
    """
    instance = owner.instances.get(node.name)
    if instance is None:
        return Placement.READY if node.alive else Placement.MAINT
    if instance.up:
        return Placement.DRAIN if instance.leaving else Placement.READY
    return Placement.READY if instance.avail in CANNOT_TELL and not instance.leaving else Placement.MAINT


def _placed(owner: Object, usable: Mapping[str, Node], cluster: Cluster) -> Tuple[Placed, List[Problem]]:
    """(node, placement) for the usable nodes of the scope, empty when there is none; and what is wrong with the scope."""
    path = shown(owner.path)
    if not is_of(OBJECT_PATH, owner.path):
        return (), [Problem(path, ENABLE, f"service {path}: the path has characters no config can hold; rename it")]
    placed = tuple((name, placement_of(owner, usable[name])) for name in owner.scope if name in usable)
    wrong = []
    if len(placed) < len(owner.scope):
        for name in (node for node in owner.scope if node not in usable):
            why = "has characters no config can hold" if name in cluster.nodes else "is not in this cluster"
            wrong.append(Problem(path, "nodes", f"service {path}: node {shown(name)} of its scope {why}; left out"))
    if not owner.scope:
        wrong.append(Problem(path, ENABLE, f"service {path}: labelled, but its scope is empty; set nodes in its config"))
    elif not owner.instances:
        wrong.append(Problem(path, ENABLE, f"service {path}: labelled, but no node reports an instance; is it provisioned?"))
    return placed, wrong


def _of_container(container: Container, owner: str, labelled: Set[str], local: str, problems: List[Problem]) -> List[Listener]:
    """A container's own labels; those of OpenSVC's containers are read from the service, which every node sees alike."""
    if not any(label.startswith(PREFIX) for label in container.labels):
        return []
    if owner:
        if owner not in labelled:
            message = f"service {shown(owner)}: labelled only in the image of {shown(container.name)}, which other nodes cannot see; "
            problems.append(Problem(owner, ENABLE, message + "repeat the labels in [env] or run_args"))
        return []
    for what, fine in (
        (f"the name {shown(container.name)}", is_of(OBJECT_PATH, container.path)),
        (f"node {shown(local)}", is_of(NODE, local)),
    ):
        if not fine:
            message = f"container {shown(container.name)}: {what} has characters no config can hold; rename it"
            problems.append(Problem(shown(container.path), ENABLE, message))
            return []
    placed = ((local, Placement.READY if container.running else Placement.MAINT),)
    return listeners_of(source_of_container(container), placed, problems)


def _without_clashes(found: Iterable[Listener], problems: List[Problem]) -> List[Listener]:
    """One listener a port and a key. The first keeps it; a second saying exactly the same of the same service is no clash."""
    by_port: Dict[int, Listener] = {}
    by_key: Dict[str, Listener] = {}
    for listener in found:
        first = by_port.get(listener.port) or by_key.get(listener.key)
        if first is None:
            by_port[listener.port] = by_key[listener.key] = listener
            continue
        if replace(listener, name=first.name, source=first.source) == first:
            continue
        what = f"port {listener.port} is taken by" if first.port == listener.port else "the name is taken by"
        message = f"{listener.key} ({listener.source}): {what} {first.key} ({first.source}), which comes first; choose another"
        problems.append(Problem(listener.path, PORT, message))
    return list(by_key.values())
