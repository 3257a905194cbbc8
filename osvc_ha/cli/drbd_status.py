"""osvc-ha drbd status: every resource of this node, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Tuple

import click

from osvc_ha.cli import again, listing, options
from osvc_ha.cli.drbd_asked import alone, config_of, local_name
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, HaError, NotConverged, ObserveError
from osvc_ha.systems.drbd.client.asking import ask
from osvc_ha.systems.drbd.client.kernel import PROC
from osvc_ha.systems.drbd.client.reading import look
from osvc_ha.systems.drbd.config import RESOURCE
from osvc_ha.systems.drbd.plan.diagnosis import wrong
from osvc_ha.systems.drbd.state import Actual

if TYPE_CHECKING:
    from rich.console import Console

DOWN = 1
Rows = Tuple[dict[str, Any], int]


@click.command()
@click.argument("resources", metavar="[RES]...", nargs=-1)
@options.output
@again.option
@click.option("--config-dir", default="/etc/drbd.d", show_default=True, help="Where the .res files are.")
@click.pass_context
def command(ctx: click.Context, resources: tuple[str, ...], form: str, watch: bool, config_dir: str) -> None:
    """Show role, disks, peers and resync of RESources (default: all of this node), and each thing that is wrong with its way out.

    \b
    osvc-ha drbd status
    osvc-ha drbd status r0 --watch
    osvc-ha drbd status --format json

    Exit code: the highest of 0 all is well, 1 one is not up, 3 cannot tell, 6 something is wrong.
    """
    host = Host()
    if watch:
        again.watch_page(lambda: _look(resources, config_dir, host)[0], _text, form)
    document, worst = _look(resources, config_dir, host)
    options.show(form, document, [_text(document)])
    ctx.exit(worst)


def _look(names: Tuple[str, ...], config_dir: str, host: Host) -> Rows:
    local, worst, rows = local_name(), 0, []
    for name in names or _names(host):
        config = config_of(name, config_dir=config_dir)
        try:
            actual = look(config, local, host)
        except HaError as error:
            rows.append({"name": name, "role": "", "suspended": "", "volumes": [], "peers": [], "wrong": [f"cannot tell: {error}"]})
            worst = max(worst, ObserveError.exit_code)
            continue
        nowhere = actual.resource is None and actual.configured is None and actual.file is None
        if names and nowhere and not actual.config_trouble and not actual.doubts:
            raise ConfigError(f"{name}: no such resource on {local}; there are {' '.join(_names(host)) or 'none'}")
        troubles = list(wrong(actual, alone(config, local)))
        rows.append({"name": name, **_row(actual), "wrong": troubles})
        told = ObserveError.exit_code if actual.doubts else 0
        worst = max(worst, told, DOWN if actual.resource is None else NotConverged.exit_code if troubles else 0)
    return {"node": local, "resources": rows}, worst


def _names(host: Host) -> Tuple[str, ...]:
    """Of the files and of the kernel: a broken file hides the former only."""
    found = set(ask(host, ("drbdadm", "sh-resources")).out.split())
    if host.read(Path(PROC)) is not None:
        lines = ask(host, ("drbdsetup", "events2", "--now")).out.splitlines()
        found |= {line.split()[2].partition(":")[2] for line in lines if line.startswith("exists resource name:")}
    return tuple(sorted(name for name in found if RESOURCE.match(name)))


def _row(actual: Actual) -> dict[str, Any]:
    resource = actual.resource
    if resource is None:
        return {"role": "", "suspended": "", "volumes": [], "peers": []}
    return {
        "role": resource.role,
        "suspended": resource.suspended,
        "volumes": [
            {"volume": one.number, "device": f"/dev/drbd{one.minor}", "disk": one.disk, "size": one.size, "quorum": one.quorum}
            for one in resource.volumes
        ],
        "peers": [
            {
                "name": peer.name,
                "connection": peer.connection,
                "role": peer.role,
                "volumes": [
                    {
                        "volume": one.number,
                        "disk": one.disk,
                        "replication": one.replication,
                        "done": one.done,
                        "left": one.left,
                        "out_of_sync": one.out_of_sync,
                    }
                    for one in peer.volumes
                ],
            }
            for peer in resource.peers
        ],
    }


def _text(document: dict[str, Any]) -> str:
    return listing.page_text(lambda console: _fill(console, document))


def _fill(console: Console, document: dict[str, Any]) -> None:
    table = listing.new_table(("resource", "node", "role", "volume", "disk", "connection", "resync"))
    for row in document["resources"]:
        table.add_row(row["name"], document["node"], row["role"] or "not up", *_volume_cells(row["volumes"]), "", "")
        for peer in row["peers"]:
            disks = " ".join(one["disk"] for one in peer["volumes"])
            table.add_row("", peer["name"], peer["role"], "", disks, peer["connection"], _resync(peer["volumes"]))
    console.print(table)
    for row in document["resources"]:
        for sentence in row["wrong"]:
            console.print(sentence if row["name"] in sentence else f"{row['name']}: {sentence}", soft_wrap=True)
    if not document["resources"]:
        console.print(f"no DRBD resource on {document['node']}")


def _volume_cells(volumes: list[dict[str, Any]]) -> Tuple[str, str]:
    return " ".join(one["device"] for one in volumes), " ".join(one["disk"] for one in volumes)


def _resync(volumes: list[dict[str, Any]]) -> str:
    told = []
    for one in volumes:
        if one["replication"] not in ("Off", "Established"):
            done = "" if one["done"] is None else f" {one['done']:g} %"
            left = "" if one["left"] is None else f", {one['left']} s left"
            told.append(f"{one['replication']}{done}{left}")
        elif one["out_of_sync"]:
            told.append(f"{one['out_of_sync']} KiB out of sync")
    return " ".join(told)
