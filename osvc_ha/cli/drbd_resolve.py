"""osvc-ha drbd resolve: after a split brain, a person names the copy that stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Optional, Tuple

import click

from osvc_ha.cli import listing
from osvc_ha.cli.drbd_asked import config_of, confirmed, go_on, local_host, progress, remote
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, UnsafePlan
from osvc_ha.systems.drbd.client.doing import drbdadm
from osvc_ha.systems.drbd.client.marks import Marks
from osvc_ha.systems.drbd.client.reading import look
from osvc_ha.systems.drbd.client.resolving import Resolver
from osvc_ha.systems.drbd.client.sides import given, look_here, look_there, with_holders
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.plan.resolving import Side, Way, opinion, peer_of, refusal, steps
from osvc_ha.systems.drbd.state import STANDALONE, Actual
from osvc_ha.systems.drbd.state.superblock import Superblock


@click.command()
@click.argument("res")
@click.option("--keep", required=True, metavar="NODE", help="The node whose copy stays.")
@click.option("--save", default="", metavar="DIR", help="First save this node's copy there: a sparse image for each volume.")
@click.option("--peer-gi", multiple=True, metavar="WORDS", help="What `drbdadm get-gi` prints on NODE, if it cannot be asked from here.")
@click.option("--patience", default=30.0, show_default=True, help="Seconds to wait for NODE to connect.")
@confirmed
@remote
def command(res: str, keep: str, save: str, peer_gi: Tuple[str, ...], patience: float, yes: bool, dry_run: bool, remote: str) -> None:
    """Make this node's copy of RES the one of NODE again, after a split brain. Run it on the node whose copy goes.

    \b
    osvc-ha drbd resolve r0 --keep n1 --dry-run
    osvc-ha drbd resolve r0 --keep n1 --save /var/tmp/r0

    Shows both sides first: generation identifiers, when the file system was last written, what is out of sync. Run on NODE itself, it only
    connects there. The service has to be stopped on the node whose copy goes. No driver ever does this.
    """
    host, local = local_host()
    config = config_of(res)
    actual = with_holders(look(config, local, host), host)
    other = _other(actual, keep, res)
    ours, theirs = look_here(config, actual, other, host), look_there(config, actual, other, remote, host)
    if peer_gi:
        theirs = replace(theirs, generations=given(peer_gi))
    _show(ours, theirs, keep)
    if local == keep:
        _keep_here(config, actual, other, yes, dry_run, host)
        return
    _guarded(actual, ours, theirs, keep, res)
    found = opinion(ours, theirs)
    if found.way is None:
        raise UnsafePlan(found.why)
    click.echo(found.why)
    _do(config, actual, ours, theirs, found.way, save, patience, remote, yes, dry_run, host)


def _other(actual: Actual, keep: str, res: str) -> str:
    hosts = [one.host for one in actual.configured.hosts] if actual.configured else []
    if keep not in hosts:
        there = actual.config_trouble or "; ".join(actual.doubts) or f"there are {' '.join(hosts) or 'none'}"
        raise ConfigError(f"--keep {keep}: no node of {res}; {there}")
    if actual.local not in hosts:
        raise ConfigError(f"{res} has no copy on {actual.local}; run this on one of {' '.join(hosts)}")
    if actual.local != keep:
        return keep
    apart = [peer.name for peer in actual.resource.peers if peer.connection == STANDALONE] if actual.resource else []
    return next(iter(apart), next(host for host in hosts if host != keep))


def _guarded(actual: Actual, ours: Side, theirs: Side, keep: str, res: str) -> None:
    peer = peer_of(actual.resource, keep) if actual.resource else None
    if peer is not None and peer.connected:
        raise UnsafePlan(f"{res} is connected to {keep}: there is nothing to resolve; osvc-ha drbd status {res} says what else is wrong")
    wrong = refusal(actual, ours, theirs)
    if wrong:
        raise UnsafePlan(wrong)


def _keep_here(config: Config, actual: Actual, other: str, yes: bool, dry_run: bool, host: Host) -> None:
    """On the node that stays: nothing here is ever given up; at most a plain connect, and the mark that kept it from being promoted."""
    click.echo(f"{actual.local} stays; on {other}, whose copy goes: osvc-ha drbd resolve {config.res} --keep {actual.local}")
    peer = peer_of(actual.resource, other) if actual.resource else None
    apart = peer is not None and peer.connection == STANDALONE
    marks = Marks(config, host)
    if actual.split is not None:
        click.echo(f"would remove {marks.file}, so that {actual.local} may be promoted without {other}")
    if apart:
        click.echo(f"would run here: drbdadm connect {config.res}, which waits for {other}")
    if not (apart or actual.split is not None) or not go_on(f"Does {actual.local} stay?", yes, dry_run):
        return
    # Last: while it is StandAlone, a look would read the reason in the kernel's log, and leave the mark again.
    if apart:
        drbdadm(config, host, "connect")
        click.echo(f"{actual.local} waits for {other}")
    if actual.split is not None:
        marks.lift_split()


def _do(
    config: Config,
    actual: Actual,
    ours: Side,
    theirs: Side,
    way: Way,
    save: str,
    patience: float,
    remote: str,
    yes: bool,
    dry_run: bool,
    host: Host,
) -> None:
    plan = steps(actual, theirs.node, way, save, theirs.connection == STANDALONE)
    for step in plan:
        click.echo(f"{'' if yes and not dry_run else 'would '}{step.do} {step.on}: {step.why}")
    if not go_on(f"Give up the copy of {config.res} on {ours.node}?", yes, dry_run):
        return
    with progress() as tell:
        resolver = Resolver(config, actual, theirs.node, remote, tell, host)
        for step in plan:
            for sentence in resolver.do(step, ours):
                click.echo(sentence)
        resolver.wait(patience)
    click.echo(f"{config.res} is UpToDate on both, with the data of {theirs.node}")


def _show(ours: Side, theirs: Side, keep: str) -> None:
    table = listing.new_table(("node", "", "role", "disk", "connection", "generation : before it", "file system written", "out of sync"))
    for side in (ours, theirs):
        part = "stays" if side.node == keep else "goes"
        identifiers = "\n".join(f"{one.current} : {one.bitmap or '-'}" if one else "unknown" for one in side.generations) or "unknown"
        written = "\n".join(_written(one) for one in side.superblocks) or "unknown"
        count = "unknown" if side.out_of_sync is None else f"{side.out_of_sync} KiB"
        disks = "\n".join(side.disks) or "unknown"
        table.add_row(side.node, part, side.role or "unknown", disks, side.connection or "unknown", identifiers, written, count)
    listing.print_page(lambda console: console.print(table))
    if theirs.trouble:
        click.echo(f"{theirs.node} could not be asked: {theirs.trouble}")


def _written(found: Optional[Superblock]) -> str:
    if found is None or found.written is None:
        return f"unknown ({found.kind})" if found and found.kind else "unknown"
    return datetime.fromtimestamp(found.written, timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
