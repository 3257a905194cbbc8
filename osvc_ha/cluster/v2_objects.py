"""The objects in agent 2.1's status, made again and again: those of whom nothing changed are the very objects they were. Pure.

What did not change is told by identity (``is``), as rereading.py keeps it; documents read in another way are made anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, Optional, Set, Tuple

from osvc_ha.cluster.reading import actor_path, is_provisioned, names_at, preferred, sections_by_path, some, text_at
from osvc_ha.cluster.types import Instance, Object, Sections
from osvc_ha.planner.errors import ObserveError

Told = Mapping[str, Any]


@dataclass(frozen=True)
class _Look:
    """What the objects were made of. nodes: the local one first, each with what it tells of configs and of instances, by path."""

    names: Tuple[str, ...] = ()
    nodes: Tuple[Tuple[str, Told, Told], ...] = ()
    configs: Mapping[str, Sections] = field(default_factory=dict)


class Objects:
    """Makes them, and remembers the last ones."""

    def __init__(self) -> None:
        self._before = _Look()
        self._made: Dict[str, Object] = {}

    def of(
        self, entries: Mapping[str, Told], configs: Mapping[str, Sections], names: Tuple[str, ...], local: str, where: str
    ) -> Dict[str, Object]:
        """Full path -> Object. ObserveError naming the field, below ``where``, that is missing or of a wrong shape."""
        now = _Look(names, tuple(_reports(entries, local, where)), configs)
        changed = _changed(self._before, now)
        if changed is None:
            self._made = _made(now, None, where)
        elif changed:
            self._made = {**self._made, **_made(now, changed, where)}
        self._before = now
        return self._made


def _reports(entries: Mapping[str, Told], local: str, where: str) -> Iterator[Tuple[str, Told, Told]]:
    """The local report comes first: where nodes disagree, ours is the one just read."""
    for name in sorted(entries, key=lambda node: (node != local, node)):
        services = some(entries[name], f"{where}.{name}", "services")
        below = f"{where}.{name}.services"
        yield name, some(services, below, "config"), some(services, below, "status")


def _changed(before: _Look, now: _Look) -> Optional[Set[str]]:
    """The paths, as told, of whom anything changed; None when others than before are there, or other nodes."""
    if before.names != now.names or [one[0] for one in before.nodes] != [one[0] for one in now.nodes]:
        return None
    sections = [(old, new) for was, is_now in zip(before.nodes, now.nodes) for old, new in zip(was[1:], is_now[1:])]
    changed: Set[str] = set()
    for old, new in (*sections, (before.configs, now.configs)):
        if new is old:
            continue
        if new.keys() != old.keys():
            return None
        changed.update(path for path, told in new.items() if told is not old[path])
    # Configs may have their paths in another form than the status; as the feed keeps them, they have the same.
    same = not now.nodes or all(path in now.nodes[0][1] for path in now.configs)
    return changed if same or not changed else None


def _made(look: _Look, only: Optional[Set[str]], where: str) -> Dict[str, Object]:
    """All objects, or those of these paths."""
    instances: Dict[str, Dict[str, Instance]] = {}
    traits: Dict[str, Tuple[str, str]] = {}
    scopes: Dict[str, Tuple[str, ...]] = {}
    known: Dict[Tuple[Any, ...], Instance] = {}
    for name, told_configs, told_status in look.nodes:
        below = f"{where}.{name}.services"
        for path, short, config in _actors(told_configs, only, f"{below}.config"):
            if path not in scopes:
                scopes[path] = names_at(config, f"{below}.config.{short}", "scope")
            instances.setdefault(path, {})
        for path, short, told in _actors(told_status, only, f"{below}.status"):
            reported = instances.setdefault(path, {})
            if "avail" in told:
                reported[name] = _instance(name, told, f"{below}.status.{short}", known)
            if path not in traits and "topology" in told:
                traits[path] = (str(told["topology"]), str(told.get("orchestrate") or ""))
    configs = sections_by_path(look.configs if only is None else {path: look.configs[path] for path in only if path in look.configs})
    return {
        path: _object(path, scopes.get(path, ()), instances[path], traits.get(path), configs.get(path, {}), look.names)
        for path in instances
    }


def _object(
    path: str,
    scope: Tuple[str, ...],
    instances: Mapping[str, Instance],
    traits: Optional[Tuple[str, str]],
    config: Sections,
    names: Tuple[str, ...],
) -> Object:
    topology, orchestrate = traits or _declared(config)
    return Object(path, preferred(scope, config, names), instances, topology, orchestrate, config)


def _actors(found: Told, only: Optional[Set[str]], where: str) -> Iterator[Tuple[str, str, Told]]:
    """(full path, path as told, entry) of the services and volumes, or of those that are among these."""
    for short, value in found.items() if only is None else [(path, found[path]) for path in only if path in found]:
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
