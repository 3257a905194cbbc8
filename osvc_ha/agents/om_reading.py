"""Read the cluster by the agent's own command, where its socket cannot be used though ``om`` can."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Dict, List, Tuple

from osvc_ha.agents import raw, rest
from osvc_ha.agents.words import WORDS
from osvc_ha.cluster.reading import parse_json
from osvc_ha.cluster.types import Sections
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError

SECONDS = 10.0

Configs = Callable[[Sequence[str]], Mapping[str, Sections]]


def reading(host: Host) -> Tuple[str, Mapping[str, Any], Configs]:
    """(agent, its status document, how to ask for configs by path). ObserveError when ``om`` is not there or does not say."""
    try:
        # 3 first: there it costs 0.04 s, and 2.1 takes 0.5 s to refuse it.
        status = _said(host, ("om", *WORDS["3"]["status"]))
        if "cluster" in status:
            return "3", status, partial(_configs, host, "3")
    except _Refused:
        # 2.1 has no such command.
        pass
    return "2.1", _said(host, ("om", *WORDS["2.1"]["status"])), partial(_configs, host, "2.1")


def evaluated(host: Host, path: str, section: str, local: str) -> Mapping[str, Any]:
    """A section of an object's config with references resolved, as this node sees it. ObserveError when it cannot be told."""
    try:
        found: Mapping[str, Mapping[str, Any]] = rest.sections(
            rest.keywords_in(_said(host, ("om", path, "config", "eval", "-o", "json", "--impersonate", local)), "om config"), "evaluated"
        )
    except _Refused:
        # 2.1 has no such command.
        found = dict(raw.sections(_said(host, ("om", path, "print", "config", "--format", "json", "--eval", "--impersonate", local))))
    return found.get(section, {})


def _configs(host: Host, agent: str, paths: Sequence[str]) -> Mapping[str, Sections]:
    """By path, with one command for all of them."""
    selector = ",".join(paths)
    if agent == "3":
        items: Dict[str, List[Mapping[str, Any]]] = {path: [] for path in paths}
        for item in rest.keywords_in(_said(host, ("om", selector, "config", "get", "-o", "json")), "om config"):
            items.setdefault(str(item.get("object")), []).append(item)
        return {path: rest.sections(found) for path, found in items.items() if found}
    found = _said(host, ("om", selector, "print", "config", "--format", "json"))
    # Of one object it prints the sections, of several an object of them by path.
    by_path = {paths[0]: found} if len(paths) == 1 else found
    return {path: raw.sections(told) for path, told in by_path.items() if isinstance(told, Mapping)}


class _Refused(ObserveError):
    """The command ended, and not well."""


def _said(host: Host, argv: Sequence[str]) -> Mapping[str, Any]:
    """What it prints, as JSON. ObserveError naming the command when it is missing, hangs, fails or prints something else."""
    what = " ".join(argv)
    try:
        done = host.run(argv, seconds=SECONDS)
    except ApplyError as error:
        raise ObserveError(f"{what}: {error}") from error
    if done.code != 0 or not done.out.strip():
        raise _Refused(f"{what}: {done.words}")
    return parse_json(done.out, what)
