"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import importlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Tuple, TypeVar

import click

from osvc_ha.cluster.listeners import Problem
from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.types import System, Verb

if TYPE_CHECKING:
    from osvc_ha.agents.feed import Feed

LOG = logging.getLogger("osvc_ha.cluster")

SYSTEMS = ("haproxy", "redis")
SETTINGS = Path("/etc/osvc_ha/settings.yaml")
RESOLVE_AGAIN = 60.0
F = TypeVar("F", bound=Callable[..., Any])


def source(function: F) -> F:
    """--snapshot and --node: where the Cluster comes from."""
    function = click.option("--node", default="", help="Look from this node of the snapshot instead of the one that took it.")(function)
    return click.option(
        "--snapshot", type=click.Path(path_type=Path), help="Read the cluster from this file instead of the agent on this node."
    )(function)


def keywords(function: F) -> F:
    """--settings and --set: a system's keywords."""
    function = click.option(
        "--set",
        "pairs",
        multiple=True,
        metavar="KEYWORD=VALUE",
        help="One keyword; wins over the settings. With several systems, SYSTEM.KEYWORD=VALUE.",
    )(function)
    return click.option(
        "--settings", type=click.Path(path_type=Path), help=f"Keywords by system, in YAML. Default: {SETTINGS} when it is there."
    )(function)


def output(function: F) -> F:
    """--format json: stable, documented in docs/cli.md."""
    return click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="For people or for programs.")(
        function
    )


def verb(function: F) -> F:
    """--verb: which of the three."""
    choice = click.Choice([one.value for one in Verb])
    return click.option("--verb", "word", type=choice, default=Verb.FOLLOW.value, show_default=True, help="What OpenSVC would ask.")(
        function
    )


class Source:
    """Where the Cluster comes from: a snapshot file, or the agent with the containers and addresses that this node sees.

    problems: what the last reading could not see of the containers. A watcher reads many times, so configs that
    did not change, and addresses for a minute, are remembered.
    """

    def __init__(self, snapshot: Optional[Path], node: str, host: Host) -> None:
        if node and snapshot is None:
            raise ConfigError(f"--node {node}: only with --snapshot; without one, the cluster is seen from this node")
        self.problems: Tuple[Problem, ...] = ()
        self._snapshot = snapshot
        self._node = node
        self._host = host
        self._feed: Optional[Feed] = None
        self._containers: Tuple[Mapping[str, Any], ...] = ()
        self._resolved: Mapping[str, str] = {}
        self._resolved_for: Tuple[str, ...] = ()
        self._resolve_at = 0.0

    def read(self) -> Cluster:
        """The Cluster now. An HaError when it cannot be told."""
        from osvc_ha import discovery

        if self._snapshot is not None:
            # As it was written: the same file gives the same plan everywhere, so nothing of this machine goes in.
            return discovery.load_cluster(self._snapshot, self._host, self._node)[0]
        from osvc_ha.agents import feed

        self._feed = self._feed or feed.Feed(self._host)
        cluster = self._feed.read()
        containers, problems = discovery.containers_on(self._host)
        for problem in problems:
            if problem not in self.problems:
                LOG.warning("%s", problem.message)
        self.problems = problems
        # An engine that does not answer has not said that nothing runs.
        self._containers = self._containers if problems else containers
        return replace(cluster, containers=self._containers, resolved=self._addresses(cluster))

    def _addresses(self, cluster: Cluster) -> Mapping[str, str]:
        """Only the nodes that no label gives an address: resolving costs time and can hang."""
        from osvc_ha import discovery

        names = tuple(sorted(name for name, node in cluster.nodes.items() if not node.address))
        if names != self._resolved_for or time.monotonic() >= self._resolve_at:
            found = discovery.resolve_addresses(names, self._host)
            # A resolver that is down takes no address away from a watcher that knows it.
            kept = {name: where for name, where in self._resolved.items() if name in names}
            self._resolved, self._resolved_for = {**kept, **found}, names
            self._resolve_at = time.monotonic() + RESOLVE_AGAIN
        return self._resolved


def load_system(name: str) -> System[Any, Any, Any]:
    """The slice of that name. ConfigError lists the ones there are."""
    if name not in SYSTEMS:
        raise ConfigError(f"{name}: no such system; there are {', '.join(SYSTEMS)}")
    found: System[Any, Any, Any] = importlib.import_module(f"osvc_ha.systems.{name}").SYSTEM
    return found


def systems_of(
    names: Tuple[str, ...], settings: Optional[Path], pairs: Sequence[str], host: Host
) -> list[Tuple[System[Any, Any, Any], Any]]:
    """Each named system with its Config, from the settings file and --set."""
    systems = [load_system(name) for name in dict.fromkeys(names)]
    given = _settings(settings, host) if systems else {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        prefix, dot, keyword = name.partition(".")
        if not equals or not name:
            raise ConfigError(f"--set {pair}: write KEYWORD=VALUE")
        if dot and prefix not in names:
            raise ConfigError(f"--set {pair}: {prefix} is none of the systems named ({', '.join(names)})")
        if not dot and len(systems) > 1:
            raise ConfigError(f"--set {pair}: of which system? write, for example, {names[0]}.{pair}")
        for system in systems:
            if not dot or prefix == system.name:
                given[system.name] = {**given.get(system.name, {}), (keyword if dot else name): value}
    return [(system, system.parse(given.get(system.name, {}))) for system in systems]


def _settings(path: Optional[Path], host: Host) -> dict[str, Mapping[str, str]]:
    file = path or SETTINGS
    text = host.read(file)
    if text is None:
        if path is not None:
            raise ConfigError(f"{path}: no such file")
        return {}
    import yaml

    try:
        found = yaml.safe_load(text) or {}
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{file}: not YAML: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(value, dict) for value in found.values()):
        raise ConfigError(f"{file}: want a mapping of systems to keywords, as `haproxy: {{bind: '*'}}`")
    for name in found:
        if name not in SYSTEMS:
            raise ConfigError(f"{file}: {name}: no such system; there are {', '.join(SYSTEMS)}")
    return {name: {str(key): _text(value, f"{file}: {name}: {key}") for key, value in words.items()} for name, words in found.items()}


def _text(value: object, where: str) -> str:
    if isinstance(value, (dict, list)):
        raise ConfigError(f"{where}: want one value, not a list or a mapping")
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def show(form: str, document: Mapping[str, Any], lines: Sequence[str]) -> None:
    """Print one result in the form that was asked for."""
    if form == "json":
        click.echo(json.dumps(document, indent=2, sort_keys=True))
    else:
        for line in lines:
            click.echo(line)
