"""osvc-ha resource: one system as a resource, by agent 3's app.forking, by triggers, or by hand."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import click

from osvc_ha.agents import v3
from osvc_ha.agents.resource import Resource
from osvc_ha.cli import options
from osvc_ha.cluster.types import full_path
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ConfigError, UnsafePlan
from osvc_ha.planner.reconcile import Health
from osvc_ha.planner.types import Status, Step, System, Verb

VERBS = ("start", "stop", "status", "info", "provision", "unprovision", "check")
# Below any sensible check_timeout: what the agent itself cuts off counts as down (om3, drivers/resapp/unix.go), and that is not known.
STATUS_SECONDS = 20.0


class TooLate(BaseException):
    """The time is up. Not an Exception, so that nobody on the way takes it for an answer."""


@click.command()
@click.argument("system_name", metavar="SYSTEM")
@click.argument("word", metavar="VERB", type=click.Choice(VERBS))
@click.option("--path", default="", help="The service. Default: the one that the agent is running this for.")
@click.option("--within", type=float, help=f"Seconds this may take. Default: {STATUS_SECONDS:g} for status, info and check; else none.")
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
    host = Host()
    system = options.load_system(system_name)
    given, warnings = v3.keywords_from(os.environ, system)
    service = full_path(path) if path else v3.path_from(os.environ)
    if not service:
        raise ConfigError("--path: which service? The agent says it in OPENSVC_SVCPATH; by hand, name it")
    given.update(options.pairs_of((system.name,), pairs)[system.name])
    resource = Resource(system, given, service, options.Source(snapshot, node, host).read, host)
    quick = word in ("status", "info", "check")
    seconds = within if within is not None else STATUS_SECONDS if quick else None
    try:
        _alarm(seconds)
        ANSWERS[word](resource, warnings) if quick else _do(resource, Verb(word), warnings)
    except TooLate:
        _late(system, word, seconds or 0.0)
    finally:
        _alarm(None)


def _do(resource: Resource, verb: Verb, warnings: tuple[str, ...]) -> None:
    def report(step: Step) -> None:
        click.echo(f"{step.do} {step.on}: {step.why}")

    for warning in warnings:
        click.echo(warning, err=True)
    resource.do(verb, report)


def _status(resource: Resource, warnings: tuple[str, ...]) -> None:
    health = resource.health()
    for name, value in health.facts:
        click.echo(v3.line(f"{name}: {value}", os.environ))
    for sentence in (*warnings, *health.lines):
        click.echo(v3.line(sentence, os.environ), err=True)
    click.get_current_context().exit(v3.EXIT[health.status])


def _info(resource: Resource, warnings: tuple[str, ...]) -> None:
    for name, value in resource.health().facts:
        click.echo(v3.fact(name, value))


def _check(resource: Resource, warnings: tuple[str, ...]) -> None:
    refusal = resource.refusal()
    if refusal:
        raise UnsafePlan(refusal)


ANSWERS: dict[str, Callable[[Resource, tuple[str, ...]], None]] = {"status": _status, "info": _info, "check": _check}


def _alarm(seconds: Optional[float]) -> None:
    def ring(*_: object) -> None:
        raise TooLate

    if seconds:
        signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds or 0.0)


def _late(system: System[Any, Any, Any], word: str, seconds: float) -> None:
    said = f"{system.name} {word}: no end after {seconds:g} s"
    if word != "status":
        raise ApplyError(f"{said}; what was done so far is above, and the next run goes on from there")
    click.echo(Health(Status.UNDEF, (said,)).lines[0], err=True)
    click.get_current_context().exit(v3.EXIT[Status.UNDEF])
