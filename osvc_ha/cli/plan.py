"""osvc-ha plan: the steps and their reasons, changing nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from osvc_ha.cli import options
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import look
from osvc_ha.planner.types import Verb


@click.command()
@click.argument("system_name", metavar="SYSTEM")
@options.verb
@options.source
@options.keywords
@options.output
def command(
    system_name: str, word: str, snapshot: Optional[Path], node: str, settings: Optional[Path], pairs: tuple[str, ...], form: str
) -> None:
    """Show the steps that SYSTEM would take on this node, and why. Nothing is changed.

    \b
    osvc-ha plan haproxy
    osvc-ha plan redis --verb stop --set path=prod/svc/redis
    """
    host = Host()
    [(system, config)] = options.systems_of((system_name,), settings, pairs, host)
    outcome = look(system, config, options.Source(snapshot, node, host).read(), Verb(word), host)
    document = {"system": system.name, "verb": word, "steps": [step.public() for step in outcome.steps], "notes": list(outcome.notes)}
    lines = [f"{number}. {step.do} {step.on}: {step.why}" for number, step in enumerate(outcome.steps, 1)]
    options.show(form, document, [*(lines or ["nothing to do"]), *(f"! {note}" for note in outcome.notes)])
