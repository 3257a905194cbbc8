"""What a container list tells: names, labels, and which containers OpenSVC itself started. Pure.

Shape: entries of ``GET /containers/json`` as Docker and Podman answer it: Names, Labels, State.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

from osvc_ha.cluster.types import Cluster, full_path

RESOURCE_PREFIX = "container#"


@dataclass(frozen=True)
class Container:
    """One container seen on this node. ``labels`` holds every label it carries."""

    name: str
    labels: Mapping[str, str]
    running: bool

    @property
    def path(self) -> str:
        """Its place among the paths; no object can have it, because ``container`` is not a kind of OpenSVC's."""
        return f"root/container/{self.name}"


def container_of(entry: object) -> Optional[Container]:
    """A Container from one entry of the list; None when the entry is not of that shape."""
    if not isinstance(entry, Mapping):
        return None
    names, labels = entry.get("Names"), entry.get("Labels")
    if not isinstance(names, (list, tuple)) or not names or not isinstance(labels or {}, Mapping):
        return None
    return Container(
        name=str(names[0]).lstrip("/"),
        labels={str(key): str(value) for key, value in (labels or {}).items()},
        running=str(entry.get("State", "running")).lower() == "running",
    )


def containers_in(entries: Iterable[Any]) -> Tuple[Container, ...]:
    """Every well-formed entry, sorted by name, so that the order of the list means nothing."""
    found = (container_of(entry) for entry in entries)
    return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.name, not one.running, sorted(one.labels.items()))))


def names_of_resources(cluster: Cluster) -> Dict[str, str]:
    """Container name -> object path, for every container resource. The names as both agents form them."""
    names: Dict[str, str] = {}
    for path, found in cluster.objects.items():
        namespace, _, name = path.split("/")
        prefix = name if namespace == "root" else f"{namespace}..{name}"
        for rid, keys in found.config.items():
            if rid.startswith(RESOURCE_PREFIX):
                names[keys.get("name") or f"{prefix}.{rid.replace('#', '.')}"] = path
    return names


def owner_of(container: Container, resources: Mapping[str, str]) -> str:
    """The path of the object that started it, empty when OpenSVC did not.

    Agent 2.1 and 3 both label what they start with com.opensvc.path; the name is for agents too old for that.
    """
    path = container.labels.get("com.opensvc.path")
    if path:
        return full_path(path)
    return resources.get(container.name, "")
