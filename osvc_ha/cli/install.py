"""osvc-ha install: what osvc_ha needs on this node beside its package."""

from __future__ import annotations

import os
from typing import Any

import click

from osvc_ha import __version__, install
from osvc_ha.agents.feed import local_name
from osvc_ha.cli import options
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, NotConverged
from osvc_ha.planner.types import Step


@click.command()
@click.option("--check", is_flag=True, help="Say what there is to do, and change nothing. Exit code 6 when there is something.")
@click.option("--uninstall", "gone", is_flag=True, help="Remove what an install made, and nothing else.")
@options.output
@click.pass_context
def command(ctx: click.Context, check: bool, gone: bool, form: str) -> None:
    """Put hooks, templates, the program and, for agent 2.1, the drivers where the agent looks for them; then tell the agent.

    \b
    osvc-ha install --check
    osvc-ha install
    osvc-ha install --uninstall

    Run it on each node: agents copy no files to the others. A second run does nothing. docs/install.md lists what
    comes where.

    Exit code: 0 done or nothing to do, 6 something is to do or in the way, 5 a step failed.
    """
    if os.geteuid() != 0:
        raise ConfigError("only root may look at the agent's config and write to /usr/share; use sudo")
    node = install.find_node(Host())

    def report(step: Step) -> None:
        if form != "json":
            click.echo(f"{local_name()}: {step.do} {step.on}: {step.why}")

    if check:
        answer = install.look(node, gone)
        for step in answer.steps:
            report(step)
    else:
        answer = install.carry_out(node, gone, report)
    code = NotConverged.exit_code if answer.silent or answer.broken or (answer.foreign and not gone) or (check and answer.steps) else 0
    options.show(form, _document(node, answer), [f"{local_name()}: {line}" for line in _lines(node, answer, check, gone)])
    ctx.exit(code)


def _document(node: install.Node, answer: install.Answer) -> dict[str, Any]:
    return {
        "node": local_name(),
        "agent": node.agent,
        "version": __version__,
        "program": str(node.places.program),
        "steps": [step.public() for step in answer.steps],
        "foreign": list(answer.foreign),
        "drivers": answer.drivers,
        "notes": list(answer.notes),
    }


def _lines(node: install.Node, answer: install.Answer, check: bool, gone: bool) -> list[str]:
    agent = f"agent {node.agent}" if node.agent else "no agent"
    count = len(answer.steps)
    done = f"{count} to do" if check and count else f"{count} done" if count else "nothing to do"
    state = f"osvc_ha {__version__}, {agent}: {done}" + ("" if check or gone else "; run it on the other nodes too")
    return [*answer.foreign, *answer.broken, *answer.notes, state]
