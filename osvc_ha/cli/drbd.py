"""osvc-ha drbd: what DRBD calls by its handlers (hooks/drbd-*), and what a node asks another for them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional, TypeVar

import click

from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.drbd.client.elsewhere import REMOTE

F = TypeVar("F", bound=Callable[..., Any])


# Imported when they are called: what DRBD waits for pays for no other.
FOR_PEOPLE = {
    "status": ("drbd_status", "command"),
    "check": ("drbd_check", "command"),
    "resolve": ("drbd_resolve", "command"),
    "verify": ("drbd_verify", "verify"),
    "invalidate": ("drbd_verify", "invalidate"),
}


class Group(click.Group):
    """A group, some commands of which are modules of their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Those for people first."""
        return [*FOR_PEOPLE, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """Import the module that holds it."""
        if cmd_name not in FOR_PEOPLE:
            return super().get_command(ctx, cmd_name)
        module, name = FOR_PEOPLE[cmd_name]
        found: click.Command = getattr(importlib.import_module(f"osvc_ha.cli.{module}"), name)
        return found


@click.group(cls=Group)
def command() -> None:
    """DRBD: its handlers, and what only a person may do."""


def seen_by(function: F) -> F:
    """--snapshot, --notes: where the cluster and the notes of the fenced are, when not in their usual places."""
    noted = "Where it is noted who is fenced off."
    function = click.option("--notes", type=click.Path(path_type=Path), default="/var/lib/osvc_ha/drbd", help=noted)(function)
    file = "A file that is written anew all the time, instead of the agent on this node."
    return click.option("--snapshot", type=click.Path(path_type=Path), help=file)(function)


def reaching(function: F) -> F:
    """--remote, --program: how to run a command on another node."""
    program = "osvc-ha, on the other nodes."
    function = click.option("--program", default="/usr/share/osvc-ha/bin/osvc-ha", show_default=True, help=program)(function)
    return click.option("--remote", default=REMOTE, show_default=True, help="Runs a command on another node.")(function)


@command.command("fence-peer")
@click.argument("resource", required=False, default="")
@click.option("--peer", default="", help="The peer, by its name in the cluster. Default: what DRBD says (DRBD_PEER).")
@click.option("--seconds", default=30.0, show_default=True, help="Decide within these.")
@click.option("--directory", type=click.Path(path_type=Path), default="/run/osvc_ha/drbd", help="Where the evidence is logged.")
@seen_by
@reaching
def fence_peer(
    resource: str, peer: str, seconds: float, directory: Path, snapshot: Optional[Path], notes: Path, remote: str, program: str
) -> int:
    """DRBD 8.4's fence-peer handler: may RESOURCE go on without its peer?

    Exit code 7: the peer is dead to a majority of the cluster's nodes, which have noted it. 4: it was asked over another path, and is
    Outdated. 1: neither; DRBD lets nobody write. Never 3, 5 or 6, which 8.4 would take for a success or act upon.
    """
    from osvc_ha.deadline import TimedHost
    from osvc_ha.planner.errors import HaError
    from osvc_ha.systems.drbd.client import fencing

    name = resource or os.environ.get("DRBD_RESOURCE", "")
    # Of a resource with many peers, which is DRBD 9's, each is asked about on its own.
    other = peer or os.environ.get("DRBD_PEER", "") or os.environ.get("DRBD_PEERS", "")
    try:
        if not name or not other:
            raise ConfigError("neither a resource and its peer nor DRBD_RESOURCE and DRBD_PEER; DRBD sets these when it calls a handler")
        spent = fencing.age()
        case = fencing.Case(name, other, seconds, spent, snapshot, remote, program, directory=directory, notes=notes)
        found = fencing.decide(case, TimedHost(seconds + fencing.GRACE))
    except HaError as error:
        click.echo(f"osvc-ha: {error}", err=True)
        return 1
    click.echo(found.why)
    return found.code


@command.command("witness")
@click.argument("resource")
@click.option("--peer", required=True, help="Of whom the question is.")
@click.option("--by", required=True, help="Who asks.")
@click.option("--lineage", default="", help="Generations of the data of who asks.")
@click.option("--seconds", default=3.0, help="Wait so long for the peer to be gone.")
@click.option("--note", is_flag=True, help="Note that the peer is fenced off, if it is gone and who asks is not fenced off itself.")
@seen_by
def testify(resource: str, peer: str, by: str, lineage: str, seconds: float, note: bool, snapshot: Optional[Path], notes: Path) -> None:
    """What this node says, as JSON, when the fence-peer handler of another asks: whom it hears, and who is fenced off from RESOURCE."""
    from osvc_ha.host import Host
    from osvc_ha.systems.drbd.client import witness
    from osvc_ha.systems.drbd.client.fence_notes import Lineage, Notes

    host = Host()
    eyes, kept = witness.Eyes(snapshot, host), Notes(resource, host, notes)
    click.echo(witness.written(witness.testify(eyes, kept, peer, by, Lineage.of(lineage), note, seconds, host)))


@command.command("unfence")
@click.argument("resource")
@click.argument("nodes", nargs=-1, required=True)
@click.option("--here", is_flag=True, help="On this node alone.")
@click.option(
    "--resynced", is_flag=True, help="Who calls knows that all copies are the same: drbd-after-resync-target does. DRBD is not asked."
)
@seen_by
@reaching
def unfence(
    resource: str,
    nodes: tuple[str, ...],
    here: bool,
    resynced: bool,
    snapshot: Optional[Path],
    notes: Path,
    remote: str,
    program: str,
) -> None:
    """Take back on every node of the cluster that NODES are fenced off from RESOURCE: they have the same data again.

    Only while all copies are UpToDate and connected, as this node's DRBD sees it: until then the note may be what keeps old data from being
    promoted. Is the node that went on lost for good, and its data with it, a person may say --resynced all the same.
    """
    from osvc_ha.cli import drbd_asked
    from osvc_ha.planner.errors import UnsafePlan
    from osvc_ha.systems.drbd.client import unfencing

    host, local = drbd_asked.local_host()
    wrong = "" if resynced else unfencing.refusal(drbd_asked.config_of(resource), local, host)
    if wrong:
        raise UnsafePlan(wrong)
    for sentence in unfencing.unfence(resource, nodes, notes, None if here else unfencing.Reach(snapshot, remote, program), host):
        click.echo(sentence)
