"""What a follower follows when it is a resource: the systems of its service's other resources, with the keywords they have."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Tuple

from osvc_ha.agents.v3 import keywords_from
from osvc_ha.cluster.types import Cluster, Sections
from osvc_ha.fast_path import FastPaths
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.types import System
from osvc_ha.registry import SYSTEMS, load_system
from osvc_ha.watch import Followed

LOG = logging.getLogger("osvc_ha.following")
# (service, resource) -> the keywords of its section, evaluated for this node.
Evaluated = Callable[[str, str], Mapping[str, str]]


def resources_in(config: Sections) -> dict[str, str]:
    """Resource -> the system it is, for those of a service's config that are ours: by driver on 2.1, by command on 3."""
    found = {}
    for rid, section in config.items():
        for name in SYSTEMS:
            if section.get("type") == f"ha{name}" or f" resource {name} " in section.get("start", ""):
                found[rid] = name
    return found


def keywords_of(system: System[Any, Any, Any], section: Mapping[str, str]) -> Tuple[dict[str, str], Tuple[str, ...]]:
    """Those of the system's keywords that an evaluated section gives a value, and a sentence for each variable of ours that is none."""
    if "environment" in section:
        given, unknown = keywords_from(_variables(section["environment"]), system)
    else:
        names = {keyword.name for keyword in system.keywords}
        given, unknown = {key: value for key, value in section.items() if key in names}, ()
    return {key: value for key, value in given.items() if value != ""}, unknown


class Siblings:
    """The systems of some resources of one service. Their keywords are read again when the service's config changes."""

    def __init__(self, service: str, rids: Sequence[str], evaluated: Evaluated) -> None:
        self._service = service
        self._rids = tuple(rids)
        self._evaluated = evaluated
        self._config: Optional[Sections] = None
        self._followed: Tuple[Followed, ...] = ()

    def __call__(self, cluster: Cluster) -> Tuple[Followed, ...]:
        """Each with its config. An HaError when a keyword is wrong or cannot be told; who followed before goes on with what it had."""
        if self._rids:
            config = cluster.object(self._service).config
            if config != self._config:
                self._followed = tuple(self._follow(rid, config) for rid in self._rids)
                self._config = config
        return self._followed

    def _follow(self, rid: str, config: Sections) -> Followed:
        name = resources_in(config).get(rid)
        if name is None:
            raise ConfigError(f"service {self._service}: like={rid}: {'no such resource' if rid not in config else 'is none of ours'}")
        system = load_system(name)
        given, unknown = keywords_of(system, self._evaluated(self._service, rid))
        for sentence in unknown:
            LOG.warning("%s: %s", rid, sentence)
        if any(keyword.name == "path" for keyword in system.keywords):
            given.setdefault("path", self._service)
        return Followed(system, system.parse(given))


def _variables(text: str) -> dict[str, str]:
    return {name: value for name, equals, value in (word.partition("=") for word in shlex.split(text)) if equals}


class Hurry:
    """The fast paths of the HAProxy that is followed, if one is; begun anew where its sockets or credentials are elsewhere."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._where: Tuple[str, Path] = ("", Path())
        self._paths: Optional[FastPaths] = None

    def follow(self, cluster: Cluster, followed: Sequence[Followed]) -> None:
        """Run for exactly the groups of this cluster. ObserveError when a group's credentials cannot be read."""
        config = next((one.config for one in followed if one.system.name == "haproxy"), None)
        where = (str(config.runtime_socket), config.credentials_dir) if config is not None else ("", Path())
        if where != self._where:
            self.stop()
            self._paths = FastPaths(where[0], where[1], self._host) if where[0] else None
            self._where = where
        if self._paths is not None:
            self._paths.follow(cluster)

    def look(self) -> None:
        """Have them look now. From any thread."""
        paths = self._paths
        if paths is not None:
            paths.look()

    def stop(self) -> None:
        """End all of them."""
        if self._paths is not None:
            self._paths.stop()
        self._paths = None
