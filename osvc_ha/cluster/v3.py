"""Cluster from agent 3's cluster status JSON (``GET /api/cluster/status``, ``om cluster status -o json``). Pure.

A dead peer disappears from ``cluster.node``; its name stays in ``cluster.config.nodes``
and in the scopes, so it is known, not alive, and without instances. One that announced its
maintenance (``om daemon stop``) stays in ``cluster.node`` for a minute though silent: who is
alive is asked of the heartbeats too, as in v2.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Dict, FrozenSet, Tuple

from osvc_ha.cluster.reading import actor_path, is_provisioned, names_at, preferred, section, sections_by_path, some, strings, text_at
from osvc_ha.cluster.types import Cluster, Instance, Node, Object, Sections
from osvc_ha.planner.errors import ObserveError

AGENT = "3"
STATUS = "agent 3 status: "
# Go's zero time: "never".
ZERO_TIME = "0001-01-01"


def cluster_from_v3(status: Mapping[str, Any], configs: Mapping[str, Sections], local: str) -> Cluster:
    """The cluster as the agent on ``local`` sees it.

    status: the cluster status document. configs: object path (any form) -> section -> key -> value, unevaluated.
    Raises ObserveError naming the field that is missing or of a wrong shape.
    """
    if "monitor" in status and "config" not in some(status, STATUS, "cluster"):
        raise ObserveError(f"{STATUS}cluster.config is missing; this is the status of agent 2.1")
    about = section(status, STATUS, "cluster")
    where = f"{STATUS}cluster"
    config = section(about, where, "config")
    names = names_at(config, f"{where}.config", "nodes")
    entries = section(about, where, "node")
    if local not in names:
        raise ObserveError(f"{where}.config.nodes has no {local} ({', '.join(names)}); is this the status of another cluster?")
    own = section(entries, f"{where}.node", local)
    section(own, f"{where}.node.{local}", "instance")
    alive = _beating(own, f"{where}.node.{local}") | {local}
    return Cluster(
        id=text_at(config, f"{where}.config", "id"),
        name=text_at(config, f"{where}.config", "name"),
        local=local,
        nodes={name: _node(name, entries, name in alive) for name in names},
        objects=_objects(about, sections_by_path(configs), names, local),
        agent=AGENT,
        quorum_enabled=config.get("quorum") is True,
    )


def _beating(own: Mapping[str, Any], where: str) -> FrozenSet[str]:
    """Peers that any running heartbeat receiver of this node hears."""
    heartbeat = section(section(own, where, "daemon"), f"{where}.daemon", "heartbeat")
    streams = heartbeat.get("streams") or []
    if not isinstance(streams, list) or not all(isinstance(stream, Mapping) for stream in streams):
        raise ObserveError(f"{where}.daemon.heartbeat.streams should be a list of objects")
    return frozenset(
        peer
        for stream in streams
        if str(stream.get("id")).endswith(".rx") and stream.get("state") == "running"
        for peer, seen in some(stream, f"{where}.daemon.heartbeat.streams", "peers").items()
        if isinstance(seen, Mapping) and seen.get("is_beating") is True
    )


def _node(name: str, entries: Mapping[str, Any], beating: bool) -> Node:
    if name not in entries:
        return Node(name, alive=False)
    where = f"{STATUS}cluster.node.{name}"
    entry = section(entries, f"{STATUS}cluster.node", name)
    # A node without labels has {} or, a nil map in Go, null.
    config = section(entry, where, "config")
    if "labels" not in config:
        raise ObserveError(f"{where}.config.labels is missing")
    labels = some(config, f"{where}.config", "labels")
    return Node(name, beating, _is_set(some(entry, where, "status").get("frozen_at")), strings(labels))


def _objects(about: Mapping[str, Any], configs: Mapping[str, Sections], names: Tuple[str, ...], local: str) -> Dict[str, Object]:
    where = f"{STATUS}cluster"
    described: Dict[str, Mapping[str, Any]] = {}
    instances: Dict[str, Dict[str, Instance]] = {}
    known: Dict[Tuple[Any, ...], Instance] = {}
    aggregates = some(about, where, "object")
    for short in aggregates:
        path = actor_path(short)
        if path:
            described[path] = section(aggregates, f"{where}.object", short)
            instances[path] = {}
    entries = section(about, where, "node")
    for name in sorted(entries, key=lambda node: (node != local, node)):
        told = some(section(entries, f"{where}.node", name), f"{where}.node.{name}", "instance")
        for short in told:
            path = actor_path(short)
            if not path:
                continue
            here = f"{where}.node.{name}.instance.{short}"
            entry = section(told, f"{where}.node.{name}.instance", short)
            if path not in described and entry.get("config") is not None:
                described[path] = section(entry, here, "config")
            reported = instances.setdefault(path, {})
            if entry.get("status") is not None:
                reported[name] = _instance(name, entry, here, known)
    # A purged object keeps its bare name in the status, while `om svc ls` no longer knows it.
    real = [path for path in instances if instances[path] or described.get(path, {}).get("scope") or path in configs]
    return {path: _object(path, described.get(path, {}), instances[path], configs.get(path, {}), names) for path in real}


def _object(path: str, told: Mapping[str, Any], instances: Mapping[str, Instance], config: Sections, names: Tuple[str, ...]) -> Object:
    scope = () if told.get("scope") is None else names_at(told, f"{STATUS}cluster.object.{path}", "scope")
    default = config.get("DEFAULT", {})
    return Object(
        path,
        preferred(scope, config, names),
        instances,
        str(told.get("topology") or default.get("topology") or "failover"),
        str(told.get("orchestrate") or default.get("orchestrate") or ""),
        config,
    )


def _instance(node: str, entry: Mapping[str, Any], where: str, known: Dict[Tuple[Any, ...], Instance]) -> Instance:
    """One value per distinct report, as in v2.py."""
    status = section(entry, where, "status")
    avail = text_at(status, f"{where}.status", "avail")
    state = some(entry, where, "monitor").get("state", "")
    key = (node, avail, status.get("overall"), _is_set(status.get("frozen_at")), status.get("provisioned", True), state)
    try:
        found = known.get(key)
    except TypeError as error:
        raise ObserveError(f"{where}: status.overall, status.provisioned and monitor.state should be plain values") from error
    if found is None:
        found = Instance(node, avail, str(key[2] or ""), key[3], is_provisioned(key[4]), str(state or ""))
        known[key] = found
    return found


def _is_set(moment: object) -> bool:
    """Is this RFC 3339 moment a real one? Absent, null and Go's zero time are not."""
    return bool(moment) and not str(moment).startswith(ZERO_TIME)
