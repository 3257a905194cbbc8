"""osvc-ha labels: what was discovered, from where, with errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import click

from osvc_ha.cli import listing, options
from osvc_ha.cluster.labels import discover
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console


@click.command()
@options.source
@options.output
@click.pass_context
def command(ctx: click.Context, snapshot: Optional[Path], node: str, form: str) -> None:
    """List every opted-in listener and where its labels are; then what is wrong, with exit code 2.

    \b
    osvc-ha labels
    osvc-ha labels --snapshot bug.json --format json
    """
    reader = options.Source(snapshot, node, Host())
    cluster = reader.read()
    found = discover(cluster, cluster.containers)
    document = {"listeners": listing.listener_rows(found), "problems": listing.problem_rows(found.problems + reader.problems)}
    if form == "json":
        options.show(form, document, [])
    else:
        listing.print_page(lambda console: _fill(console, document))
    ctx.exit(ConfigError.exit_code if document["problems"] else 0)


def _fill(console: Console, document: dict[str, list[dict[str, Any]]]) -> None:
    if document["listeners"]:
        console.print(listing.listener_table(document["listeners"]))
    else:
        console.print("no service is labelled osvc.l4.enable=true")
    for problem in document["problems"]:
        console.print(f"! {problem['message']}", soft_wrap=True)
