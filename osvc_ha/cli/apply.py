"""osvc-ha apply: take the steps that plan shows."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Optional

import click

from osvc_ha.cli import options
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Step, Verb


@click.command()
@click.argument("system_name", metavar="SYSTEM")
@options.verb
@options.source
@options.keywords
@options.output
def command(
    system_name: str, word: str, snapshot: Optional[Path], node: str, settings: Optional[Path], pairs: tuple[str, ...], form: str
) -> None:
    """Take the steps that `osvc-ha plan` shows, each printed before it is taken; then what an operator should know.

    \b
    osvc-ha apply haproxy --verb start
    osvc-ha apply redis --verb stop --set path=prod/svc/redis
    """
    host = Host()
    [(system, config)] = options.systems_of((system_name,), settings, pairs, host)
    cluster = options.Source(snapshot, node, host).read()

    def report(step: Step) -> None:
        # A reader that left (`| head`) must not stop us between two steps.
        with contextlib.suppress(BrokenPipeError):
            if form == "text":
                click.echo(f"{step.do} {step.on}: {step.why}")

    outcome = reconcile(system, config, cluster, Verb(word), host, report)
    done = [step.public() for step in outcome.steps]
    document = {"system": system.name, "verb": word, "done": done, "notes": list(outcome.notes)}
    options.show(form, document, ["converged" if done else "nothing to do", *(f"! {note}" for note in outcome.notes)])
