"""What OpenSVC knows, as one immutable value: Cluster, Node, Object, Instance.

Parsed once (from_v2, from_v3, snapshot), asked everywhere. Nothing here does I/O.
"Cannot tell" has its own value: an Instance that no node reported is absent from
``Object.instances``, which is not the same as ``avail == "down"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Optional, Tuple

from osvc_ha.planner.errors import ConfigError

Sections = Mapping[str, Mapping[str, str]]
_NONE: Mapping[str, str] = MappingProxyType({})
_NO_SECTIONS: Sections = MappingProxyType({})

UP_WORDS = frozenset({"up", "warn"})


@dataclass(frozen=True)
class Node:
    """A cluster node as the local agent sees it. ``alive``: its heartbeat reaches us (always true for ourselves)."""

    name: str
    alive: bool
    frozen: bool = False
    labels: Mapping[str, str] = field(default_factory=lambda: _NONE)

    @property
    def address(self) -> Optional[str]:
        """The address other nodes reach it by, when an operator said so by label."""
        return self.labels.get("osvc_ha_address")

    @property
    def public_address(self) -> Optional[str]:
        """The address clients outside the cluster reach it by, when labelled."""
        return self.labels.get("osvc_ha_public_address")


@dataclass(frozen=True)
class Instance:
    """One object on one node. ``avail`` and ``overall`` are the agent's words; ``state`` its monitor's (idle, starting, stopping ...).

    provisioned: None when some of its resources are, and some are not.
    """

    node: str
    avail: str
    overall: str = ""
    frozen: bool = False
    provisioned: Optional[bool] = True
    state: str = "idle"

    @property
    def up(self) -> bool:
        """Serving, perhaps with a warning."""
        return self.avail in UP_WORDS

    @property
    def starting(self) -> bool:
        """OpenSVC has begun to start it. Not one that waits for the leader to be provisioned: that would wait for it."""
        begun = self.state.startswith(("starting", "restarting", "ready", "wait", "provisioning"))
        return begun and "leader" not in self.state and not self.state.endswith("failed")

    @property
    def leaving(self) -> bool:
        """OpenSVC has begun to stop it: no new work should be sent there."""
        return self.state.startswith(("stopping", "shutting", "unprovisioning", "stopped"))


@dataclass(frozen=True)
class Object:
    """A service. ``path`` is always the full form namespace/kind/name. ``scope`` is OpenSVC's node order, the placement preference."""

    path: str
    scope: Tuple[str, ...]
    instances: Mapping[str, Instance]
    topology: str = "failover"
    orchestrate: str = ""
    config: Sections = field(default_factory=lambda: _NO_SECTIONS)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def env(self) -> Mapping[str, str]:
        """The ``[env]`` section: labels and template values."""
        return self.config.get("env", _NONE)

    @cached_property
    def label_text(self) -> str:
        """Where labels can be, as one text: the keys of ``[env]`` and every ``run_args``. Objects that did not change are asked again."""
        args = (value for keys in self.config.values() for key, value in keys.items() if key.partition("@")[0] == "run_args")
        return "\n".join((*self.env, *args))

    def placed(self) -> Tuple[str, ...]:
        """Nodes that run it now, in scope order."""
        return tuple(node for node in self.scope if node in self.instances and self.instances[node].up)


@dataclass(frozen=True)
class Cluster:
    """One consistent reading of the cluster, taken on ``local``.

    containers: what Docker or Podman run on ``local``, in the shape of Docker's API.
    resolved: node -> address as this machine's resolver or Tailscale knows it, for nodes without a label.
    """

    id: str
    name: str
    local: str
    nodes: Mapping[str, Node]
    objects: Mapping[str, Object]
    agent: str = "snapshot"
    quorum_enabled: bool = False
    containers: Tuple[Mapping[str, object], ...] = ()
    resolved: Mapping[str, str] = field(default_factory=lambda: _NONE)

    def node(self, name: str) -> Node:
        """A node by name; ConfigError when the cluster has none of that name."""
        if name not in self.nodes:
            raise ConfigError(f"node {name}: not in this cluster ({', '.join(sorted(self.nodes))})")
        return self.nodes[name]

    def object(self, path: str) -> Object:
        """An object by full or short path; ConfigError when there is none."""
        found = self.objects.get(full_path(path))
        if found is None:
            raise ConfigError(f"service {full_path(path)}: not in this cluster; `om ls` lists what is")
        return found

    def alive(self) -> Tuple[str, ...]:
        """Nodes whose heartbeat is heard here, this one included, sorted."""
        return tuple(sorted(name for name, node in self.nodes.items() if node.alive))

    def has_majority(self) -> bool:
        """Does this node see more than half of the cluster's nodes? Asked of the count, whether or not the agent enforces quorum."""
        return 2 * len(self.alive()) > len(self.nodes)

    def is_placed(self, path: str, node: str = "") -> bool:
        """Does OpenSVC run an instance of this object on this node (default: here)?"""
        return (node or self.local) in self.object(path).placed()

    def runs(self, path: str, node: str) -> bool:
        """Is an instance up there, or being started, on a living node, and not about to stop?"""
        instance = self.object(path).instances.get(node)
        return instance is not None and self.node(node).alive and not instance.leaving and (instance.up or instance.starting)

    def own_scope(self, path: str) -> Tuple[str, ...]:
        """The scope of an object that this node is one of; ConfigError when it is not."""
        scope = self.object(path).scope
        if self.local not in scope:
            raise ConfigError(f"service {path}: {self.local} is not in its scope ({' '.join(scope)})")
        return scope

    def members(self, path: str, starting: bool = False) -> Tuple[str, ...]:
        """Nodes where an instance runs or is being started, in scope order. starting: this one is, whatever the agent says yet."""
        return tuple(node for node in self.object(path).scope if self.runs(path, node) or (starting and node == self.local))

    def staying(self, path: str) -> Tuple[str, ...]:
        """The other members, which OpenSVC is not stopping, in scope order."""
        return tuple(node for node in self.members(path) if node != self.local)

    def untold(self, path: str) -> Tuple[str, ...]:
        """Other living nodes of an object's scope of whose instance nothing is known: heard again, and their report is under way."""
        found = self.object(path)
        return tuple(node for node in found.scope if node != self.local and node in self.alive() and node not in found.instances)

    def is_first_placed(self, path: str, node: str = "") -> bool:
        """Is this node the first in scope order among those that run it? The one that bootstraps."""
        placed = self.object(path).placed()
        return bool(placed) and placed[0] == (node or self.local)


def full_path(path: str) -> str:
    """``redis`` -> ``root/svc/redis``; ``svc/redis`` -> ``root/svc/redis``; ``prod/svc/redis`` stays.

    Both agents shorten paths of the root namespace; comparing needs one form.
    """
    parts = path.split("/")
    if len(parts) == 1:
        return f"root/svc/{path}"
    if len(parts) == 2:
        return f"root/{path}"
    return path
