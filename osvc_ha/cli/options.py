"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Tuple, TypeVar

import click

from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.types import System, Verb
from osvc_ha.registry import SETTINGS, SYSTEMS, load_system
from osvc_ha.source import Source

__all__ = ["SETTINGS", "SYSTEMS", "Asked", "Source", "keywords", "load_system", "one_system", "output", "show", "source", "systems_of"]

F = TypeVar("F", bound=Callable[..., Any])


def source(function: F) -> F:
    """--snapshot and --node: where the Cluster comes from."""
    function = click.option("--node", default="", help="Look from this node of the snapshot instead of the one that took it.")(function)
    return click.option(
        "--snapshot", type=click.Path(path_type=Path), help="Read the cluster from this file instead of the agent on this node."
    )(function)


def keywords(function: F) -> F:
    """--settings and --set: a system's keywords."""
    function = sets(function)
    return click.option(
        "--settings", type=click.Path(path_type=Path), help=f"Keywords by system, in YAML. Default: {SETTINGS} when it is there."
    )(function)


def sets(function: F) -> F:
    """--set: keywords one by one."""
    return click.option(
        "--set",
        "pairs",
        multiple=True,
        metavar="KEYWORD=VALUE",
        help="One keyword; wins over the others. With several systems, SYSTEM.KEYWORD=VALUE.",
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


@dataclass(frozen=True)
class Asked:
    """What is asked of one system on this node. form: "text" or "json"."""

    system: System[Any, Any, Any]
    config: Any
    cluster: Cluster
    verb: Verb
    host: Host
    form: str


def one_system(function: Callable[[Asked], None]) -> click.Command:
    """A command on one SYSTEM, with all the options that say what is asked of it; its help is the function's docstring."""

    def command(
        system_name: str, word: str, snapshot: Optional[Path], node: str, settings: Optional[Path], pairs: tuple[str, ...], form: str
    ) -> None:
        host = Host()
        [(system, config)] = systems_of((system_name,), settings, pairs, host)
        function(Asked(system, config, Source(snapshot, node, host).read(), Verb(word), host, form))

    command.__doc__ = function.__doc__
    named = click.argument("system_name", metavar="SYSTEM")(verb(source(keywords(output(command)))))
    return click.command("command")(named)


def systems_of(
    names: Tuple[str, ...], settings: Optional[Path], pairs: Sequence[str], host: Host
) -> list[Tuple[System[Any, Any, Any], Any]]:
    """Each named system with its Config, from the settings file and --set."""
    systems = [load_system(name) for name in dict.fromkeys(names)]
    given = settings_in(settings, host) if systems else {}
    said = pairs_of(tuple(system.name for system in systems), pairs)
    return [(system, system.parse({**given.get(system.name, {}), **said[system.name]})) for system in systems]


def pairs_of(names: Sequence[str], pairs: Sequence[str]) -> dict[str, dict[str, str]]:
    """What --set says, by system. ConfigError for what is not KEYWORD=VALUE, and for a keyword of nobody."""
    given: dict[str, dict[str, str]] = {name: {} for name in names}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        prefix, dot, keyword = name.partition(".")
        if not equals or not name:
            raise ConfigError(f"--set {pair}: write KEYWORD=VALUE")
        if dot and prefix not in names:
            raise ConfigError(f"--set {pair}: {prefix} is none of the systems named ({', '.join(names)})")
        if not dot and len(names) > 1:
            raise ConfigError(f"--set {pair}: of which system? write, for example, {names[0]}.{pair}")
        given[prefix if dot else names[0]][keyword if dot else name] = value
    return given


def settings_in(path: Optional[Path], host: Host) -> dict[str, Mapping[str, str]]:
    """Keywords by system, from a YAML file: the one named, or the usual one if it is there. ConfigError names what is wrong."""
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
