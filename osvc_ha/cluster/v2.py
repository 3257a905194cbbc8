"""Cluster from agent 2.1's ``daemon_status`` JSON. Pure.

Who is alive is asked of the heartbeats, not of ``monitor.nodes``: a dead peer's entry is
dropped, and a living peer's entry lacks ``services`` for a moment while heartbeat settings
change. What an agent did not tell is absent, never "down".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Dict, FrozenSet, Iterator, Tuple

from osvc_ha.cluster.reading import actor_path, is_provisioned, names_at, preferred, section, sections_by_path, some, strings, text_at
from osvc_ha.cluster.types import Cluster, Instance, Node, Object, Sections
from osvc_ha.planner.errors import ObserveError

AGENT = "2.1"
STATUS = "agent 2.1 status: "

Entries = Mapping[str, Mapping[str, Any]]


def cluster_from_v2(status: Mapping[str, Any], configs: Mapping[str, Sections], local: str) -> Cluster:
    """The cluster as the agent on ``local`` sees it.

    status: the answer to ``daemon_status``. configs: object path (any form) -> section -> key -> value, unevaluated.
    Raises ObserveError naming the field that is missing or of a wrong shape.
    """
    if "monitor" not in status and "node" in some(status, STATUS, "cluster"):
        raise ObserveError(f"{STATUS}monitor is missing; this is the status of agent 3")
    about = section(status, STATUS, "cluster")
    names = names_at(about, f"{STATUS}cluster", "nodes")
    entries = _entries(section(section(status, STATUS, "monitor"), f"{STATUS}monitor", "nodes"), local)
    if local not in names:
        raise ObserveError(f"{STATUS}cluster.nodes has no {local} ({', '.join(names)}); is this the status of another cluster?")
    alive = _beating(status) | {local}
    nodes = {name: _node(name, entries.get(name), name in alive, local) for name in names}
    return Cluster(
        id=text_at(about, f"{STATUS}cluster", "id"),
        name=text_at(about, f"{STATUS}cluster", "name"),
        local=local,
        nodes=nodes,
        objects=_objects(entries, sections_by_path(configs), names, local),
        agent=AGENT,
        # The agent has no field for it, but reports arbitrators, if only {}, exactly when cluster.quorum is on
        # (monitor.py, update_node_data).
        quorum_enabled="arbitrators" in entries[local],
    )


def _entries(nodes: Mapping[str, Any], local: str) -> Entries:
    """Each node's own report. The local one is essential: without it nothing is known about anything."""
    for name, entry in nodes.items():
        if not isinstance(entry, Mapping):
            raise ObserveError(f"{STATUS}monitor.nodes.{name} should be an object")
    where = f"{STATUS}monitor.nodes"
    section(section(section(nodes, where, local), f"{where}.{local}", "services"), f"{where}.{local}.services", "status")
    return nodes


def _beating(status: Mapping[str, Any]) -> FrozenSet[str]:
    """Peers that any running heartbeat receiver hears; a stopped receiver's last word is stale."""
    return frozenset(
        peer
        for key, thread in status.items()
        if key.startswith("hb#") and key.endswith(".rx") and isinstance(thread, Mapping) and thread.get("state", "running") == "running"
        for peer, seen in some(thread, f"{STATUS}{key}", "peers").items()
        if isinstance(seen, Mapping) and seen.get("beating") is True
    )


def _node(name: str, entry: Any, alive: bool, local: str) -> Node:
    if entry is None or (name != local and "services" not in entry and "labels" not in entry):
        return Node(name, alive)
    labels = section(entry, f"{STATUS}monitor.nodes.{name}", "labels")
    return Node(name, alive, bool(entry.get("frozen")), strings(labels))


def _objects(entries: Entries, configs: Mapping[str, Sections], names: Tuple[str, ...], local: str) -> Dict[str, Object]:
    instances: Dict[str, Dict[str, Instance]] = {}
    traits: Dict[str, Tuple[str, str]] = {}
    scopes: Dict[str, Tuple[str, ...]] = {}
    known: Dict[Tuple[Any, ...], Instance] = {}
    # The local report comes first: where nodes disagree, ours is the one just read.
    for name in sorted(entries, key=lambda node: (node != local, node)):
        services = some(entries[name], f"{STATUS}monitor.nodes.{name}", "services")
        where = f"{STATUS}monitor.nodes.{name}.services"
        for path, short, config in _actors(some(services, where, "config"), f"{where}.config"):
            if path not in scopes:
                scopes[path] = names_at(config, f"{where}.config.{short}", "scope")
            instances.setdefault(path, {})
        for path, short, told in _actors(some(services, where, "status"), f"{where}.status"):
            reported = instances.setdefault(path, {})
            if "avail" in told:
                reported[name] = _instance(name, told, f"{where}.status.{short}", known)
            if path not in traits and "topology" in told:
                traits[path] = (str(told["topology"]), str(told.get("orchestrate") or ""))
    objects = {}
    for path in instances:
        config = configs.get(path, {})
        topology, orchestrate = traits.get(path) or _declared(config)
        objects[path] = Object(path, preferred(scopes.get(path, ()), config, names), instances[path], topology, orchestrate, config)
    return objects


def _actors(found: Mapping[str, Any], where: str) -> Iterator[Tuple[str, str, Mapping[str, Any]]]:
    """(full path, path as told, entry) of the services and volumes."""
    for short, value in found.items():
        path = actor_path(short)
        if not path:
            continue
        if not isinstance(value, Mapping):
            raise ObserveError(f"{where}.{short} should be an object")
        yield path, short, value


def _declared(config: Sections) -> Tuple[str, str]:
    """Topology and orchestrate of an object that no instance describes yet."""
    default = config.get("DEFAULT", {})
    return default.get("topology") or "failover", default.get("orchestrate", "")


def _instance(node: str, told: Mapping[str, Any], where: str, known: Dict[Tuple[Any, ...], Instance]) -> Instance:
    """One value per distinct report: a thousand services on ten nodes have ten thousand, nearly all alike."""
    monitor = some(told, where, "monitor")
    key = (node, told["avail"], told.get("overall"), bool(told.get("frozen")), told.get("provisioned", True), monitor.get("status", ""))
    try:
        found = known.get(key)
    except TypeError as error:
        raise ObserveError(f"{where}: avail, overall, provisioned and monitor.status should be plain values") from error
    if found is None:
        avail = text_at(told, where, "avail")
        found = Instance(node, avail, str(key[2] or ""), key[3], is_provisioned(key[4]), str(key[5] or ""))
        known[key] = found
    return found
