"""A Cluster as a file, and back. docs/snapshot.md describes the format. Pure.

What goes in is on an allow-list: a snapshot is made to be attached to a bug report.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Dict, Tuple

from osvc_ha import __version__
from osvc_ha.cluster.label_sources import FAMILY, label_args
from osvc_ha.cluster.reading import kind_of, names_at, section, some, strings, text_at
from osvc_ha.cluster.types import Cluster, Instance, Node, Object, Sections
from osvc_ha.planner.errors import ObserveError

FORMAT = "osvc-ha-snapshot"
VERSION = 1
WHAT = "snapshot: "
SECRET_WORDS = ("pass", "pwd", "secret", "token", "key", "credential", "auth", "private")
DEFAULT_KEYS = frozenset({"nodes", "topology", "orchestrate", "placement", "flex_min", "flex_max", "flex_target"})


def snapshot_of(cluster: Cluster, containers: Iterable[Mapping[str, Any]] = (), taken: str = "") -> Dict[str, Any]:
    """The document: plain JSON values, secrets left out.

    containers: what runs on ``cluster.local``; default, what the cluster holds. taken: an RFC 3339 moment.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "written_by": f"osvc-ha {__version__}",
        "agent": cluster.agent,
        "taken": taken,
        "local": cluster.local,
        "cluster": {"id": cluster.id, "name": cluster.name, "quorum": cluster.quorum_enabled},
        "nodes": {name: {"alive": node.alive, "frozen": node.frozen, "labels": dict(node.labels)} for name, node in cluster.nodes.items()},
        "objects": {path: _object_out(found) for path, found in cluster.objects.items()},
        "resolved": dict(cluster.resolved),
        "containers": [_container_out(entry) for entry in tuple(containers) or cluster.containers],
    }


def cluster_from_snapshot(document: Mapping[str, Any], local: str = "") -> Cluster:
    """The Cluster that a document describes, seen from ``local`` (default: where it was taken).

    Unknown fields are ignored. ObserveError for another format, a newer version, or a field that is missing or wrong.
    """
    _refuse_others(document)
    about = section(document, WHAT, "cluster")
    nodes = section(document, WHAT, "nodes")
    taken_on = text_at(document, WHAT, "local")
    here = local or taken_on
    if here not in nodes:
        raise ObserveError(f"{WHAT}node {here} is not in it ({', '.join(sorted(nodes))})")
    known: Dict[Tuple[Any, ...], Instance] = {}
    objects = section(document, WHAT, "objects")
    return Cluster(
        id=text_at(about, f"{WHAT}cluster", "id"),
        name=text_at(about, f"{WHAT}cluster", "name"),
        local=here,
        nodes={name: _node(name, section(nodes, f"{WHAT}nodes", name)) for name in nodes},
        objects={path: _object(path, section(objects, f"{WHAT}objects", path), known) for path in objects},
        agent=text_at(document, WHAT, "agent") if "agent" in document else "snapshot",
        quorum_enabled=about.get("quorum") is True,
        # What runs on another node, nobody here has seen.
        containers=containers_from_snapshot(document) if here == taken_on else (),
        resolved=strings(some(document, WHAT, "resolved")),
    )


def containers_from_snapshot(document: Mapping[str, Any]) -> Tuple[Mapping[str, Any], ...]:
    """The containers seen on the node where it was taken, for ``labels.discover``."""
    found = document.get("containers") or []
    if not isinstance(found, list):
        raise ObserveError(f"{WHAT}containers should be a list, not {kind_of(found)}")
    return tuple(entry for entry in found if isinstance(entry, Mapping))


def _refuse_others(document: Mapping[str, Any]) -> None:
    if document.get("format") != FORMAT:
        raise ObserveError(f"{WHAT}format is {document.get('format')!r}, not {FORMAT}; `osvc-ha snapshot` writes one")
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise ObserveError(f"{WHAT}version should be a number from 1 to {VERSION}, not {version!r}")
    if version > VERSION:
        writer = document.get("written_by", "a newer osvc-ha")
        raise ObserveError(f"{WHAT}version {version}, and osvc-ha {__version__} reads up to {VERSION}; written by {writer}: use that")


def _node(name: str, told: Mapping[str, Any]) -> Node:
    where = f"{WHAT}nodes.{name}"
    if type(told.get("alive")) is not bool:
        raise ObserveError(f"{where}.alive should be true or false")
    return Node(name, told["alive"], told.get("frozen") is True, strings(some(told, where, "labels")))


def _object(path: str, told: Mapping[str, Any], known: Dict[Tuple[Any, ...], Instance]) -> Object:
    where = f"{WHAT}objects.{path}"
    if path.count("/") != 2:
        raise ObserveError(f"{where}: a path is namespace/kind/name")
    config = some(told, where, "config")
    instances = some(told, where, "instances")
    return Object(
        path,
        names_at(told, where, "scope"),
        {node: _instance(node, instances, f"{where}.instances", known) for node in instances},
        text_at(told, where, "topology") if "topology" in told else "failover",
        text_at(told, where, "orchestrate") if "orchestrate" in told else "",
        {name: strings(section(config, f"{where}.config", name)) for name in config},
    )


def _instance(node: str, instances: Mapping[str, Any], where: str, known: Dict[Tuple[Any, ...], Instance]) -> Instance:
    """One value per distinct report, as in v2.py."""
    told = section(instances, where, node)
    avail = text_at(told, f"{where}.{node}", "avail")
    key = (node, avail, told.get("overall", ""), told.get("frozen", False), told.get("provisioned", True), told.get("state", "idle"))
    try:
        found = known.get(key)
    except TypeError as error:
        raise ObserveError(f"{where}.{node}: overall, frozen, provisioned and state should be plain values") from error
    if found is None:
        found = Instance(node, avail, str(key[2]), key[3] is True, None if key[4] is None else key[4] is not False, str(key[5]))
        known[key] = found
    return found


def _object_out(found: Object) -> Dict[str, Any]:
    return {
        "scope": list(found.scope),
        "topology": found.topology,
        "orchestrate": found.orchestrate,
        "config": public_config(found.config),
        "instances": {
            node: {
                "avail": one.avail,
                "overall": one.overall,
                "frozen": one.frozen,
                "provisioned": one.provisioned,
                "state": one.state,
            }
            for node, one in found.instances.items()
        },
    }


def public_config(config: Sections) -> Dict[str, Dict[str, str]]:
    """The part of an object's config that may be shown to anyone; a section of which nothing is left is left out."""
    kept = {name: _public_section(name, keys) for name, keys in config.items()}
    return {name: keys for name, keys in kept.items() if keys}


def _public_section(name: str, keys: Mapping[str, str]) -> Dict[str, str]:
    if name == "env":
        return {key: value for key, value in keys.items() if _is_public(key, value)}
    if name == "DEFAULT":
        return {key: value for key, value in keys.items() if key in DEFAULT_KEYS}
    kept = {key: value for key, value in keys.items() if key in ("type", "name")}
    labels = _labels_only(keys.get("run_args", ""))
    return {**kept, "run_args": labels} if labels else kept


def _is_public(key: str, value: str) -> bool:
    """No secret by name, and no credentials in a URL. A label's option is public, but for an auth that is no path."""
    if "://" in value and "@" in value:
        return False
    if key.startswith(FAMILY):
        return not key.endswith(".auth") or value.startswith("/")
    lowered = key.lower()
    return not any(word in lowered for word in SECRET_WORDS)


def _labels_only(run_args: str) -> str:
    if FAMILY not in run_args:
        return ""
    try:
        words = shlex.split(run_args)
    except ValueError:
        return ""
    return shlex.join(f"--label={key}={value}" for key, value in label_args(words, FAMILY) if _is_public(key, value))


def _container_out(entry: Mapping[str, Any]) -> Dict[str, Any]:
    """Name, state and the labels this project reads; an image's other labels are nobody's business."""
    labels = entry.get("Labels")
    kept = labels.items() if isinstance(labels, Mapping) else ()
    return {
        "Names": list(entry.get("Names") or []),
        "State": entry.get("State", "running"),
        "Labels": {key: value for key, value in kept if str(key).startswith((FAMILY, "com.opensvc.")) and _is_public(str(key), str(value))},
    }
