"""osvc-ha status: one page that says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Tuple

import click

from osvc_ha.cli import again, listing, options, page
from osvc_ha.cluster.labels import discover
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, NotConverged, ObserveError
from osvc_ha.planner.reconcile import status
from osvc_ha.planner.types import Status, System

EXIT = {Status.UP: 0, Status.NA: 0, Status.DOWN: 1, Status.WARN: NotConverged.exit_code, Status.UNDEF: ObserveError.exit_code}
Page = Tuple[dict[str, Any], int]


@click.command()
@click.argument("system_names", metavar="[SYSTEM]...", nargs=-1)
@options.source
@options.keywords
@options.output
@again.option
@click.pass_context
def command(
    ctx: click.Context,
    system_names: tuple[str, ...],
    snapshot: Optional[Path],
    node: str,
    settings: Optional[Path],
    pairs: tuple[str, ...],
    form: str,
    watch: bool,
) -> None:
    """Show nodes, services, listeners, Redis groups and replica sets; with SYSTEMs, also whether each is up on this node, and why not.

    \b
    osvc-ha status
    osvc-ha status --watch
    osvc-ha status haproxy redis --format json

    Exit code: the highest of 0 up, 1 down, 2 a label is wrong, 3 cannot tell, 6 something to do.
    """
    host = Host()
    wanted = options.systems_of(system_names, settings, pairs, host)
    reader = options.Source(snapshot, node, host)
    # HAProxy's keyword: where the logins are that labels name.
    haproxy = dict((system.name, config) for system, config in wanted).get("haproxy")
    haproxy = haproxy or options.systems_of(("haproxy",), settings, (), host)[0][1]

    def look() -> Page:
        return _page(reader, wanted, haproxy.credentials_dir, host)

    if watch:
        again.watch_page(lambda: look()[0], _text, form)
    document, worst = look()
    if form == "json":
        options.show(form, document, [])
    else:
        listing.print_page(lambda console: page.fill_page(console, document))
    ctx.exit(worst)


def _page(reader: options.Source, wanted: list[Tuple[System[Any, Any, Any], Any]], credentials: Path, host: Host) -> Page:
    cluster = reader.read()
    found = discover(cluster, cluster.containers)
    document = {
        **page.cluster_rows(cluster),
        "listeners": listing.listener_rows(found),
        "groups": page.group_rows(cluster, credentials, host),
        "sets": page.set_rows(cluster, host),
        "problems": listing.problem_rows(found.problems + reader.problems),
        "systems": {},
    }
    worst = ConfigError.exit_code if document["problems"] else 0
    for system, config in wanted:
        health = status(system, config, cluster, host)
        facts = [list(fact) for fact in health.facts]
        document["systems"][system.name] = {"status": health.status.value, "messages": list(health.lines), "facts": facts}
        worst = max(worst, EXIT[health.status])
    return document, worst


def _text(document: dict[str, Any]) -> str:
    return listing.page_text(lambda console: page.fill_page(console, document))
