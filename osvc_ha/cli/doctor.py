"""osvc-ha doctor: what would spoil a failover, with the command that mends it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Tuple

import click

from osvc_ha.agents.feed import local_name
from osvc_ha.cli import listing, options
from osvc_ha.doctor import examine, exit_code
from osvc_ha.doctor.facts import Finding
from osvc_ha.doctor.gather import gather
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console


@click.command()
@click.option(
    "--settings", type=click.Path(path_type=Path), help=f"Keywords by system, in YAML. Default: {options.SETTINGS} when it is there."
)
@options.output
@click.pass_context
def command(ctx: click.Context, settings: Optional[Path], form: str) -> None:
    """Examine this node, and the cluster as its agent sees it: one line for each check, and the fix for what is wrong.

    \b
    osvc-ha doctor
    osvc-ha doctor --format json

    Changes nothing. Run it on each node: ports, files, limits and drivers are this node's.

    Exit code: 0 all is well or cannot be told, 1 a check failed, 6 a check warns. docs/doctor.md explains each check.
    """
    if os.geteuid() != 0:
        raise ConfigError("only root may ask the agent and see who holds a port; use sudo")
    host = Host()
    findings = examine(gather(host, options.settings_in(settings, host)))
    code = exit_code(findings)
    if form == "json":
        options.show(form, _document(findings, code), [])
    else:
        listing.print_page(lambda console: _fill(console, findings))
    ctx.exit(code)


def _document(findings: Tuple[Tuple[str, Finding], ...], code: int) -> dict[str, Any]:
    checks = [{"name": name, "verdict": one.verdict.value, "found": one.found, "fix": one.fix} for name, one in findings]
    return {"node": local_name(), "exit_code": code, "checks": checks}


def _fill(console: Console, findings: Tuple[Tuple[str, Finding], ...]) -> None:
    table = listing.new_table(("check", "verdict", "found"))
    for name, one in findings:
        table.add_row(name, one.verdict.value, one.found + (f"\n> {one.fix}" if one.fix else ""))
    console.print(table)
