"""What the services on this node ask of our systems: the keywords of their resources, as the agent evaluates them for this node.

Where no service here has a resource of a system, commands alone use it, with the keywords of settings.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Dict, List, Tuple

from osvc_ha.cluster.types import Cluster
from osvc_ha.doctor.told import SECRET_KEYS
from osvc_ha.following import keywords_of, resources_in
from osvc_ha.planner.errors import HaError
from osvc_ha.registry import load_system

Keywords = Mapping[str, str]
Settings = Mapping[str, Keywords]


@dataclass(frozen=True)
class Used:
    """settings: keywords by system, as in settings.yaml. resources: system -> the keywords of each of its resources here.

    A resource that is disabled is none. untold: system -> why what one of its resources has cannot be told.
    """

    settings: Settings
    resources: Mapping[str, Tuple[Keywords, ...]] = field(default_factory=dict)
    untold: Mapping[str, str] = field(default_factory=dict)

    def by_command(self, system: str) -> Keywords:
        """With what a command would have this system, by name."""
        return _with_defaults(system, self.settings.get(system, {}))

    def all_of(self, system: str) -> Tuple[Keywords, ...]:
        """Of each resource of this system; of a command where there is none."""
        return self.resources.get(system) or (self.by_command(system),)

    def secret_files(self) -> Tuple[str, ...]:
        """What they, and the settings, name as a password's or a key's file."""
        every = (*self.settings.values(), *(keywords for found in self.resources.values() for keywords in found))
        return tuple(value for keywords in every for key, value in keywords.items() if value and key.endswith(SECRET_KEYS))


def used_here(cluster: Cluster, evaluated: Callable[[str, str], Keywords], settings: Settings) -> Used:
    """evaluated: (service, resource) -> its section with its references resolved for this node; an HaError when it cannot be told."""
    resources: Dict[str, List[Keywords]] = {}
    untold: Dict[str, str] = {}
    # Only those that this node is one of have a config here.
    for path, one in sorted(cluster.objects.items()):
        for rid, system in resources_in(one.config).items():
            try:
                section = evaluated(path, rid)
            except HaError as error:
                untold[system] = f"{rid} of {path}: {error}"
                continue
            if section.get("disable", "false") == "false":
                resources.setdefault(system, []).append(_with_defaults(system, keywords_of(load_system(system), section)[0]))
    return Used(settings, {system: tuple(found) for system, found in resources.items()}, untold)


def _with_defaults(system: str, given: Keywords) -> Keywords:
    return {**{keyword.name: keyword.default for keyword in load_system(system).keywords}, **given}
