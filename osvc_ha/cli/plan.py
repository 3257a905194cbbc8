"""osvc-ha plan: the steps and their reasons, changing nothing."""

from __future__ import annotations

from osvc_ha.cli import options
from osvc_ha.planner.reconcile import look


@options.one_system
def command(asked: options.Asked) -> None:
    """Show the steps that SYSTEM would take on this node, and why. Nothing is changed.

    \b
    osvc-ha plan haproxy
    osvc-ha plan redis --verb stop --set path=prod/svc/redis
    """
    outcome = look(asked.system, asked.config, asked.cluster, asked.verb, asked.host)
    steps = [step.public() for step in outcome.steps]
    document = {"system": asked.system.name, "verb": asked.verb.value, "steps": steps, "notes": list(outcome.notes)}
    lines = [f"{number}. {step.do} {step.on}: {step.why}" for number, step in enumerate(outcome.steps, 1)]
    options.show(asked.form, document, [*(lines or ["nothing to do"]), *(f"! {note}" for note in outcome.notes)])
