"""osvc-ha resource: one system as a resource, by agent 3's app.forking, by triggers, or by hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Optional

import click

from osvc_ha.agents import v3
from osvc_ha.agents.resource import Resource
from osvc_ha.cli import options
from osvc_ha.cluster.types import full_path
from osvc_ha.deadline import TimedHost, TooLate, alarm
from osvc_ha.planner.errors import ApplyError, ConfigError, HaError, UnsafePlan
from osvc_ha.planner.types import Status, Step, Verb

# Seconds, each with GRACE below the templates' time-out for it. An agent ends what it cuts off by SIGKILL, without a word, and a
# status that was cut off counts as down (om3, drivers/resapp/unix.go), which is not known.
WITHIN = {"start": 570.0, "stop": 160.0, "provision": 100.0, "unprovision": 100.0, "status": 20.0, "info": 20.0, "check": 20.0}
# What does not wait by the Host, and so does not end in time, is ended this much later.
GRACE = 5.0


@click.command()
@click.argument("system_name", metavar="SYSTEM")
@click.argument("word", metavar="VERB", type=click.Choice(tuple(WITHIN)))
@click.option("--path", default="", help="The service. Default: the one that the agent is running this for.")
@click.option(
    "--within",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds this may take. Default: " + ", ".join(f"{word} {seconds:g}" for word, seconds in WITHIN.items()) + ".",
)
@options.source
@options.sets
def command(
    system_name: str,
    word: str,
    path: str,
    within: Optional[float],
    snapshot: Optional[Path],
    node: str,
    pairs: tuple[str, ...],
) -> None:
    """Do for SYSTEM what OpenSVC asks of a resource: VERB is start, stop, status, info, provision, unprovision or check.

    \b
    osvc-ha resource redis status --path prod/svc/redis
    OSVC_HA_PORT=6380 osvc-ha resource redis start --path prod/svc/redis

    Keywords: OSVC_HA_<KEYWORD> in the environment, and --set, which wins. status prints facts on
    standard output and warnings on standard error, and ends with 0 up, 1 down, 2 warn, 3 n/a, 5 undef. check is the
    pre-flight of a start: it ends with 4 when the start would be refused. The others end as `osvc-ha apply` does.
    """
    seconds = within or WITHIN[word]
    late = f"{system_name} {word}: no end after {seconds + GRACE:g} s"
    try:
        with alarm(seconds + GRACE, late, v3.EXIT[Status.UNDEF]):
            resource, warnings = _resource(system_name, path, snapshot, node, pairs, seconds)
            ANSWERS[word](resource, warnings) if word in ANSWERS else _do(resource, Verb(word), warnings)
    except TooLate:
        if word == "status":
            _undef(late)
        raise ApplyError(f"{late}; what was done so far is above, and the next run goes on from there") from None
    except HaError as error:
        # No other exit code would do: 1 is down, and 2, a mistake in what was written, is warn.
        if word == "status":
            _undef(str(error))
        raise


def _resource(
    system_name: str, path: str, snapshot: Optional[Path], node: str, pairs: tuple[str, ...], seconds: float
) -> tuple[Resource, tuple[str, ...]]:
    host = TimedHost(seconds)
    system = options.load_system(system_name)
    given, warnings = v3.keywords_from(os.environ, system)
    service = full_path(path) if path else v3.path_from(os.environ)
    if not service:
        raise ConfigError("--path: which service? The agent says it in OPENSVC_SVCPATH; by hand, name it")
    given.update(options.pairs_of((system.name,), pairs)[system.name])
    return Resource(system, given, service, options.Source(snapshot, node, host).read, host), warnings


def _undef(words: str) -> None:
    click.echo(v3.line(words, os.environ), err=True)
    click.get_current_context().exit(v3.EXIT[Status.UNDEF])


def _do(resource: Resource, verb: Verb, warnings: tuple[str, ...]) -> None:
    def report(step: Step) -> None:
        click.echo(f"{step.do} {step.on}: {step.why}")

    for warning in warnings:
        click.echo(warning, err=True)
    resource.do(verb, report)


def _status(resource: Resource, warnings: tuple[str, ...]) -> None:
    health = v3.health(resource)
    for name, value in health.facts:
        click.echo(v3.line(f"{name}: {value}", os.environ))
    for sentence in (*warnings, *health.lines):
        click.echo(v3.line(sentence, os.environ), err=True)
    click.get_current_context().exit(v3.EXIT[health.status])


def _info(resource: Resource, warnings: tuple[str, ...]) -> None:
    for name, value in v3.health(resource).facts:
        click.echo(v3.fact(name, value))


def _check(resource: Resource, warnings: tuple[str, ...]) -> None:
    refusal = resource.refusal()
    if refusal:
        raise UnsafePlan(refusal)


ANSWERS: dict[str, Callable[[Resource, tuple[str, ...]], None]] = {"status": _status, "info": _info, "check": _check}
