"""osvc-ha status: one page that says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import click

from osvc_ha.cli import listing, options
from osvc_ha.cluster.labels import discover
from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, NotConverged, ObserveError
from osvc_ha.planner.reconcile import status
from osvc_ha.planner.types import Status

if TYPE_CHECKING:
    from rich.console import Console

EXIT = {Status.UP: 0, Status.DOWN: 1, Status.WARN: NotConverged.exit_code, Status.UNDEF: ObserveError.exit_code, Status.NA: 0}


@click.command()
@click.argument("system_names", metavar="[SYSTEM]...", nargs=-1)
@options.source
@options.keywords
@options.output
@click.pass_context
def command(
    ctx: click.Context,
    system_names: tuple[str, ...],
    snapshot: Optional[Path],
    node: str,
    settings: Optional[Path],
    pairs: tuple[str, ...],
    form: str,
) -> None:
    """Show nodes, services and listeners; with SYSTEMs, also whether each is up on this node and every sentence behind it.

    \b
    osvc-ha status
    osvc-ha status haproxy redis --format json

    Exit code: the highest of 0 up, 1 down, 2 a label is wrong, 3 cannot tell, 6 something to do.
    """
    host = Host()
    wanted = options.systems_of(system_names, settings, pairs, host)
    reader = options.Source(snapshot, node, host)
    cluster = reader.read()
    found = discover(cluster, cluster.containers)
    document = {
        **_cluster(cluster),
        "listeners": listing.listener_rows(found),
        "problems": listing.problem_rows(found.problems + reader.problems),
        "systems": {},
    }
    worst = ConfigError.exit_code if document["problems"] else 0
    for system, config in wanted:
        health = status(system, config, cluster, host)
        document["systems"][system.name] = {
            "status": health.status.value,
            "messages": list(health.lines),
            "facts": [list(fact) for fact in health.facts],
        }
        worst = max(worst, EXIT[health.status])
    if form == "json":
        options.show(form, document, [])
    else:
        listing.print_page(lambda console: _fill(console, document))
    ctx.exit(worst)


def _cluster(cluster: Cluster) -> dict[str, Any]:
    nodes = {name: {"alive": one.alive, "frozen": one.frozen, "address": one.address} for name, one in cluster.nodes.items()}
    services = {
        path: {"topology": one.topology, "scope": list(one.scope), "instances": {where: it.avail for where, it in one.instances.items()}}
        for path, one in cluster.objects.items()
    }
    return {"node": cluster.local, "majority": cluster.has_majority(), "nodes": nodes, "services": services}


def _fill(console: Console, document: dict[str, Any]) -> None:
    names = sorted(document["nodes"])
    console.print(f"seen from {document['node']}" + ("" if document["majority"] else ", WITHOUT a majority of the nodes"))
    table = listing.new_table(("service", *names))
    table.add_row("", *(_node(document["nodes"][name]) for name in names))
    for path, service in sorted(document["services"].items()):
        table.add_row(path, *(service["instances"].get(name, "?" if name in service["scope"] else "") for name in names))
    console.print(table)
    if document["listeners"]:
        console.print(listing.listener_table(document["listeners"]))
    said = set()
    for name, found in document["systems"].items():
        console.print(f"{name}: {found['status']}")
        for fact, value in found["facts"]:
            console.print(f"  {fact}: {value}", soft_wrap=True)
        for line in found["messages"]:
            console.print(f"  {line}", soft_wrap=True)
            said.add(line)
    for problem in document["problems"]:
        if problem["message"] not in said:
            console.print(f"! {problem['message']}", soft_wrap=True)


def _node(node: dict[str, Any]) -> str:
    return ("alive" if node["alive"] else "gone") + (", frozen" if node["frozen"] else "")
