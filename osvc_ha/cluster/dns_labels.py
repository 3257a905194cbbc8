"""Which names services ask for: ``names_asked``. Pure. docs/labels.md and docs/systems/dns.md are the operator's view.

``osvc.dns.name`` opts in. A label that cannot be read takes its own service's names out, and nobody else's: a name that is
guessed wrong would send clients to a stranger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Dict, List, Optional, Set, Tuple

from osvc_ha.cluster.alphabets import shown
from osvc_ha.cluster.label_options import truth
from osvc_ha.cluster.label_sources import Labelled, sources_of
from osvc_ha.cluster.labels import discover
from osvc_ha.cluster.listeners import Check, Problem
from osvc_ha.cluster.types import Cluster
from osvc_ha.planner.errors import ConfigError

PREFIX = "osvc.dns."
INSTANCE, INGRESS = "instance", "ingress"
SHORTEST_TTL, LONGEST_TTL = 5, 86400


@dataclass(frozen=True)
class Asked:
    """One name that one service asks for, as it is written: relative to the domain, or absolute.

    target: ``instance``, the nodes where it is up, or ``ingress``. ttl: None for the usual one.
    """

    path: str
    name: str
    target: str = INSTANCE
    ttl: Optional[int] = None
    proxied: bool = False


def _name(text: str) -> Tuple[str, ...]:
    found = tuple(text.replace(",", " ").split())
    if not found:
        raise ConfigError("is empty; name one, or remove the label")
    return found


def _target(text: str) -> str:
    if text not in (INSTANCE, INGRESS):
        raise ConfigError(f"is neither {INSTANCE} nor {INGRESS}")
    return text


def _ttl(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not SHORTEST_TTL <= int(text) <= LONGEST_TTL:
        raise ConfigError(f"is not a whole number of seconds ({SHORTEST_TTL}-{LONGEST_TTL})")
    return int(text)


OPTIONS: Mapping[str, Callable[[str], Any]] = MappingProxyType({"name": _name, "target": _target, "ttl": _ttl, "proxied": truth})


def names_asked(cluster: Cluster) -> Tuple[Tuple[Asked, ...], Tuple[Problem, ...]]:
    """Every name that a service asks for, in the order of paths, and everything that is wrong."""
    found: List[Asked] = []
    problems: List[Problem] = []
    for path in sorted(cluster.objects):
        sources, wrong = sources_of(cluster.objects[path], PREFIX)
        problems.extend(wrong)
        for source in sources:
            found.extend(_asked(source, problems))
    return tuple(found), tuple(problems)


def _asked(source: Labelled, problems: List[Problem]) -> List[Asked]:
    values: Dict[str, Any] = {}
    before = len(problems)
    for label in sorted(source.labels):
        option, text = label[len(PREFIX) :], source.labels[label].strip(" ")
        try:
            if option not in OPTIONS:
                raise ConfigError(f"is not an option ({', '.join(OPTIONS)})")
            if not text.isprintable():
                raise ConfigError("holds a control character; remove it")
            values[option] = OPTIONS[option](text)
        except ConfigError as error:
            problems.append(Problem(shown(source.path), shown(label), f"{source.who}: {shown(label)}={shown(text)} {error}"))
    if len(problems) > before:
        return []
    if "name" not in values:
        words = f"{source.who}: {PREFIX}name is not set, so its other {PREFIX}* labels do nothing; set it to the name it shall have"
        problems.append(Problem(shown(source.path), f"{PREFIX}name", words))
        return []
    rest = {key: value for key, value in values.items() if key != "name"}
    return [Asked(source.path, name, **rest) for name in dict.fromkeys(values["name"])]


def tcp_services(cluster: Cluster) -> Set[str]:
    """Paths of the services with a listener that speaks something else than HTTP, which no HTTP proxy can serve."""
    return {one.path for one in discover(cluster, ()).listeners if one.check is not Check.HTTP}
