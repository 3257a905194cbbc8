"""Where labels stand: the [env] of a service, --label in a container resource's run_args, a running container. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Dict, List, Tuple

from osvc_ha.cluster.alphabets import LONGEST_NAME, NAME, shown
from osvc_ha.cluster.containers import RESOURCE_PREFIX, Container
from osvc_ha.cluster.label_options import PREFIX
from osvc_ha.cluster.listeners import Problem
from osvc_ha.cluster.types import Object
from osvc_ha.planner.errors import ConfigError

# Of all our labels: osvc.l4., osvc.dns.
FAMILY = "osvc."
MAIN = "main"
_REFERENCE = re.compile(r"\{([^{}]*)\}")
_DEEPEST = 4


@dataclass(frozen=True)
class Labelled:
    """The labels of one source.

    who: how messages name it. listener: what the listener without a name is called. group: the default Sentinel group.
    """

    path: str
    who: str
    source: str
    listener: str
    group: str
    labels: Mapping[str, str]


def sources_of(owner: Object, prefix: str = PREFIX) -> Tuple[List[Labelled], List[Problem]]:
    """Every source of one object that holds a label with that prefix, [env] first, then resources by name."""
    sources: List[Labelled] = []
    problems: List[Problem] = []
    if prefix not in owner.label_text:
        return sources, problems
    labels = {key: value for key, value in owner.env.items() if key.startswith(prefix)}
    if labels:
        sources.append(_source(owner, "env", labels))
    for rid in sorted(owner.config):
        if rid.startswith(RESOURCE_PREFIX):
            for keyword, args in sorted(owner.config[rid].items()):
                if keyword.partition("@")[0] != "run_args" or prefix not in args:
                    continue
                try:
                    labels = _labels_in(keyword, args, prefix)
                except ConfigError as error:
                    problems.append(Problem(shown(owner.path), shown(keyword), f"service {shown(owner.path)}, {shown(rid)}: {error}"))
                    continue
                if labels:
                    sources.append(_source(owner, rid, labels))
    return sources, problems


def _labels_in(keyword: str, args: str, prefix: str) -> Dict[str, str]:
    if keyword != "run_args":
        what = "every node renders the same listeners" if prefix == PREFIX else "every node reads the same labels"
        raise ConfigError(f"{shown(keyword)} holds labels for some nodes only; {what}: use run_args or [env]")
    try:
        return dict(label_args(shlex.split(args), prefix))
    except ValueError as error:
        raise ConfigError(f"run_args cannot be split into words ({error}), so its labels are not read; mind the quotes") from error


def source_of_container(container: Container) -> Labelled:
    """The labels of a container that OpenSVC knows nothing about."""
    labels = {key: value for key, value in container.labels.items() if key.startswith(PREFIX)}
    return Labelled(container.path, f"container {container.name}", "container", MAIN, container.name, labels)


def _source(owner: Object, source: str, labels: Mapping[str, str]) -> Labelled:
    path = shown(owner.path)
    if source == "env":
        who, listener = f"service {path}", MAIN
    else:
        # Named after the resource: two containers of one service may each have a listener without a name.
        who, listener = f"service {path}, {shown(source)}", "".join(one if one in NAME else "-" for one in source)[:LONGEST_NAME]
    filled = {label: _dereferenced(value, owner) if "{" in value else value for label, value in labels.items()}
    return Labelled(owner.path, who, source, listener, owner.name, filled)


def _dereferenced(value: str, owner: Object) -> str:
    """Agents give configs unevaluated. {env.x}, {name}, {svcname} and {namespace} are the same on every node, so they are
    filled in here; any other reference stays, and no option accepts its braces."""
    namespace, _, name = owner.path.split("/")
    words = {"name": name, "svcname": name, "namespace": namespace}

    def fill(match: re.Match[str]) -> str:
        word = match.group(1)
        found = owner.env.get(word[len("env.") :]) if word.startswith("env.") else words.get(word)
        return match.group(0) if found is None else found

    for _ in range(_DEEPEST):
        filled = _REFERENCE.sub(fill, value)
        if filled == value:
            break
        value = filled
    return value


def label_args(words: List[str], prefix: str = PREFIX) -> Iterator[Tuple[str, str]]:
    """The labels with that prefix among a container's arguments: --label k=v, --label=k=v, -l k=v, -lk=v."""
    following = iter(words)
    for word in following:
        if word in ("--label", "-l"):
            label = next(following, "")
        elif word.startswith("--label="):
            label = word[len("--label=") :]
        elif word.startswith("-l") and len(word) > 2:
            label = word[2:].lstrip("=")
        else:
            continue
        key, _, value = label.partition("=")
        if key.startswith(prefix):
            yield key, value
