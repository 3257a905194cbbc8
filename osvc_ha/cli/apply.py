"""osvc-ha apply: take the steps that plan shows."""

from __future__ import annotations

import contextlib

import click

from osvc_ha.cli import options
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Step


@options.one_system
def command(asked: options.Asked) -> None:
    """Take the steps that `osvc-ha plan` shows, each printed before it is taken; then what an operator should know.

    \b
    osvc-ha apply haproxy --verb start
    osvc-ha apply redis --verb stop --set path=prod/svc/redis
    """

    def report(step: Step) -> None:
        # A reader that left (`| head`) must not stop us between two steps.
        with contextlib.suppress(BrokenPipeError):
            if asked.form == "text":
                click.echo(f"{step.do} {step.on}: {step.why}")

    outcome = reconcile(asked.system, asked.config, asked.cluster, asked.verb, asked.host, report)
    done = [step.public() for step in outcome.steps]
    document = {"system": asked.system.name, "verb": asked.verb.value, "done": done, "notes": list(outcome.notes)}
    options.show(asked.form, document, ["converged" if done else "nothing to do", *(f"! {note}" for note in outcome.notes)])
