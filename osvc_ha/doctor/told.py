"""AgentFacts from what either agent says: the Cluster, the cluster's own config, the status documents. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Dict, FrozenSet, Iterator, Optional, Tuple

from osvc_ha.cluster.listeners import Discovery
from osvc_ha.cluster.reading import actor_path, some
from osvc_ha.cluster.types import Cluster, Sections
from osvc_ha.doctor.facts import AgentFacts, Bounds, Heartbeat, NodeFacts
from osvc_ha.install.state import HOOK, LABEL

DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw]?)")
UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
RESOURCE = re.compile(r"osvc-ha (?:resource (\w+)|(watch))\b")
SECRET_KEYS = ("password_file", "tls_key", "token_file", "key_file", "keyfile")
NANOSECOND = 1e-9
HEARTBEAT_PORT = 10000
# The driver groups of 2.1 in which osvc_ha has drivers.
GROUPS = ("app", "disk", "fs")
# 2.1 asks one arbitrator after the other, each for so long (nodedict.py, arbitrator.timeout).
ARBITRATOR_SECONDS = 5.0


def seconds(text: str) -> Optional[float]:
    """``15``, ``6s``, ``1m30s`` -> seconds; None for what is no duration."""
    parts = DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def from_cluster(cluster: Cluster, config: Sections, found: Discovery, types: Collection[str]) -> AgentFacts:
    """What both agents tell in the same words. config: of the cluster. found: the L4 listeners. types: of our drivers for 2.1."""
    nodes = {name: NodeFacts(label=node.labels.get(LABEL, ""), frozen=node.frozen) for name, node in cluster.nodes.items() if node.alive}
    beats = {name: _beat(keys, cluster.local) for name, keys in config.items() if name.startswith("hb#")}
    votes = {name.partition("#")[2]: keys for name, keys in config.items() if name.startswith("arbitrator#")}
    return AgentFacts(
        kind=cluster.agent,
        local=cluster.local,
        members=tuple(sorted(cluster.nodes)),
        nodes=nodes,
        quorum=cluster.quorum_enabled,
        heartbeats=beats,
        arbitrators={name: seconds(keys.get("timeout", "")) or ARBITRATOR_SECONDS for name, keys in votes.items()},
        stonith=tuple(sorted(name.partition("#")[2] for name in config if name.startswith("stonith#"))),
        fenced=tuple(path for path, one in sorted(cluster.objects.items()) if one.config.get("DEFAULT", {}).get("stonith") == "true"),
        hook=config.get(HOOK, {}),
        listeners={one.key: one.port for one in found.listeners},
        systems=tuple(sorted(set(_systems(cluster)))),
        secret_files=tuple(sorted(set(_secret_files(cluster)))),
        native={path: ours for path, one in sorted(cluster.objects.items()) if (ours := _native(one.config, types))},
    )


def _native(config: Sections, types: Collection[str]) -> Dict[str, str]:
    """Resource -> type, for those that are to be made on the nodes themselves, not in a container or a virtual machine of the service."""
    return {
        rid: keys["type"]
        for rid, keys in config.items()
        if rid.partition("#")[0] in GROUPS and keys.get("type") in types
        # 2.1's two ways to say so (core/objects/builder.py, add_resource).
        if keys.get("encap", "false") == "false" and "encap" not in keys.get("tags", "").split()
    }


def _secret_files(cluster: Cluster) -> Iterator[str]:
    """Password and key files as services name them: keywords of a driver, or the [env] that they take it from."""
    for one in cluster.objects.values():
        for keys in one.config.values():
            yield from (value for key, value in keys.items() if key.partition("@")[0].endswith(SECRET_KEYS) and value.startswith("/"))


def _beat(keys: Mapping[str, str], local: str) -> Heartbeat:
    default = Heartbeat()
    told = {key: seconds(keys.get(f"{key}@{local}", keys.get(key, ""))) for key in ("timeout", "interval")}
    return Heartbeat(told["timeout"] or default.timeout, told["interval"] or default.interval)


def _systems(cluster: Cluster) -> Iterator[str]:
    """Which of our systems the services with a config here use: by driver type on 2.1, by command on 3."""
    for one in cluster.objects.values():
        for section, keys in one.config.items():
            kind = keys.get("type", "")
            if section.partition("#")[0] in GROUPS and kind.startswith("ha"):
                yield kind[2:]
            for value in keys.values():
                for system, watch in RESOURCE.findall(value):
                    yield "follow" if watch else system


def from_v2(facts: AgentFacts, status: Mapping[str, Any], own: NodeFacts) -> AgentFacts:
    """With what only 2.1's status says. own: ready and split of this node, which it tells of no other. Raises ObserveError."""
    where = "agent 2.1 status: monitor"
    entries = some(some(status, "agent 2.1 status: ", "monitor"), where, "nodes")
    nodes = {name: replace(node, version=str(some(entries, f"{where}.nodes", name).get("agent", ""))) for name, node in facts.nodes.items()}
    if facts.local in nodes:
        nodes[facts.local] = replace(nodes[facts.local], ready=own.ready, split=own.split)
    ports = {}
    for name, thread in status.items():
        about = thread.get("config") if isinstance(thread, Mapping) else None
        if isinstance(about, Mapping) and isinstance(about.get("port"), int) and (name == "listener" or name.endswith(".rx")):
            ports[name] = about["port"]
    services = {name: some(some(entries, f"{where}.nodes", name), f"{where}.nodes.{name}", "services") for name in facts.nodes}
    return replace(facts, nodes=nodes, ports=ports, resources=_resources(services, facts.local))


def _resources(services: Mapping[str, Mapping[str, Any]], local: str) -> Dict[str, Dict[str, FrozenSet[str]]]:
    """services: of each node, as it reports them."""
    known = {path: about.get("csum") for path, about, _ in _instances(services.get(local, {}), local)}
    return {
        name: {
            path: frozenset(status["resources"])
            for path, about, status in _instances(told, name)
            if about.get("csum") == known.get(path) and _moment(status) >= _moment(about) and isinstance(status.get("resources"), Mapping)
        }
        for name, told in services.items()
    }


def _instances(services: Mapping[str, Any], node: str) -> Iterator[Tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """(full path, what the node says of the config, its status)."""
    where = f"agent 2.1 status: monitor.nodes.{node}.services"
    configs, statuses = some(services, where, "config"), some(services, where, "status")
    for short in statuses:
        if actor_path(short) and short in configs:
            yield actor_path(short), some(configs, f"{where}.config", short), some(statuses, f"{where}.status", short)


def _moment(about: Mapping[str, Any]) -> float:
    stamp = about.get("updated")
    return float(stamp) if isinstance(stamp, (int, float)) else 0.0


def from_v3(facts: AgentFacts, status: Mapping[str, Any], config: Sections) -> AgentFacts:
    """With what only 3's status says, of every node that it hears. Raises ObserveError."""
    where = "agent 3 status: cluster.node"
    entries = some(some(status, "agent 3 status: ", "cluster"), "agent 3 status: cluster", "node")
    nodes = {name: _node_of_v3(node, some(entries, where, name), f"{where}.{name}") for name, node in facts.nodes.items()}
    listener = some(some(some(entries, where, facts.local), where, "daemon"), where, "listener")
    ports = {"listener": int(listener["port"])} if str(listener.get("port", "")).isdecimal() else {}
    for name, keys in config.items():
        if name.startswith("hb#") and keys.get("type", "unicast") == "unicast":
            port = keys.get(f"port@{facts.local}", keys.get("port", ""))
            ports[name] = int(port) if port.isdecimal() else HEARTBEAT_PORT
    return replace(facts, nodes=nodes, ports=ports)


def _node_of_v3(node: NodeFacts, entry: Mapping[str, Any], where: str) -> NodeFacts:
    config = some(entry, where, "config")
    ready = config.get("ready_period")
    return replace(
        node,
        version=str(some(entry, where, "status").get("agent", "")),
        ready=ready * NANOSECOND if isinstance(ready, (int, float)) else None,
        split=str(config.get("split_action", "")),
    )


def with_clocks(facts: AgentFacts, clocks: Mapping[str, Bounds]) -> AgentFacts:
    """The same, with how far the peers' clocks are ahead."""
    nodes: Dict[str, NodeFacts] = {name: replace(node, clock=clocks.get(name, node.clock)) for name, node in facts.nodes.items()}
    return replace(facts, nodes=nodes)


def hard_limit(limits: str) -> Optional[int]:
    """The hard limit on open files in a /proc/<pid>/limits."""
    for line in limits.splitlines():
        if line.startswith("Max open files"):
            value: Tuple[str, ...] = tuple(line.split())
            return 1 << 30 if value[4] == "unlimited" else int(value[4])
    return None
