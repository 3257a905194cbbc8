"""Cluster from agent 2.1's ``daemon_status`` JSON. Pure.

Who is alive is asked of the heartbeats, not of ``monitor.nodes``: a dead peer's entry is
dropped, and a living peer's entry lacks ``services`` for a moment while heartbeat settings
change. What an agent did not tell is absent, never "down".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, FrozenSet, Optional

from osvc_ha.cluster.reading import names_at, section, some, strings, text_at
from osvc_ha.cluster.types import Cluster, Node, Sections
from osvc_ha.cluster.v2_objects import Objects
from osvc_ha.planner.errors import ObserveError

AGENT = "2.1"
STATUS = "agent 2.1 status: "

Entries = Mapping[str, Mapping[str, Any]]


def cluster_from_v2(status: Mapping[str, Any], configs: Mapping[str, Sections], local: str, objects: Optional[Objects] = None) -> Cluster:
    """The cluster as the agent on ``local`` sees it.

    status: the answer to ``daemon_status``. configs: object path (any form) -> section -> key -> value, unevaluated.
    objects: remembers those of the last time, for who asks again and again.
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
        objects=(objects or Objects()).of(entries, configs, names, local, f"{STATUS}monitor.nodes"),
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
