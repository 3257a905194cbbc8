"""osvc-ha drbd check: what goes before the agent's own disk.drbd."""

from __future__ import annotations

from dataclasses import replace

import click

from osvc_ha.cli.drbd_asked import alone, config_of, local_name
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError
from osvc_ha.planner.types import Verb
from osvc_ha.systems.drbd.client.reading import look
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.plan import Kind, check, desired, outlook
from osvc_ha.systems.drbd.state import Actual, Desired

EVERY = 0.2


@click.command()
@click.argument("res")
@click.option("--wait", default=10.0, show_default=True, help="Seconds to wait for peers that may still connect.")
@click.option("--fencing", type=click.Choice(["auto", "off"]), default="auto", help="off: neither fencing nor quorum is asked for.")
@click.option("--config-dir", default="/etc/drbd.d", show_default=True, help="Where the .res files are.")
@click.pass_context
def command(ctx: click.Context, res: str, wait: float, fencing: str, config_dir: str) -> None:
    """May the agent's disk.drbd start RES on this node? For its blocking_pre_start.

    \b
    osvc-ha drbd check r0

    Exit code 0: nothing speaks against it; 1: it would go wrong, or cannot be told, with one sentence why. A peer that is Primary is no
    objection: the agent asks for the passive side too, and DRBD itself refuses a second Primary. The cluster is asked only
    when a peer is not connected.
    """
    host = Host()
    try:
        config = config_of(res, fencing=fencing == "auto", config_dir=config_dir)
        actual, asked, why = _judge(config, wait, host)
    except HaError as error:
        click.echo(f"osvc-ha: {error}", err=True)
        ctx.exit(1)
    if why:
        click.echo(why, err=True)
        ctx.exit(1)
    click.echo(f"{res} may be started on {asked.local}{_because(actual)}")


def _judge(config: Config, wait: float, host: Host) -> tuple[Actual, Desired, str]:
    local = local_name()
    actual = look(config, local, host)
    asked = alone(config, local)
    resource = actual.resource
    if resource is None or resource.primary or all(peer.connected for peer in resource.peers):
        return actual, asked, check(actual, asked)
    wrong = check(actual, _trusting(asked, actual))
    if wrong:
        return actual, asked, wrong
    asked = _with_cluster(config, host)

    def connecting() -> bool:
        nonlocal actual
        actual = look(config, asked.local, host)
        return bool(check(actual, asked)) and outlook(actual, asked).kind is Kind.CONNECTING

    host.wait(lambda: not connecting(), wait, EVERY)
    return actual, asked, check(actual, asked)


def _trusting(asked: Desired, actual: Actual) -> Desired:
    """As if every peer that is not heard were dead to a majority: what is refused then, no cluster needs to be asked about."""
    peers = tuple(peer.name for peer in actual.resource.peers) if actual.resource else ()
    return replace(asked, cluster=peers, majority=True)


def _with_cluster(config: Config, host: Host) -> Desired:
    from osvc_ha.systems.drbd.client.witness import Eyes

    return desired(config, Eyes(None, host).look(), Verb.START)


def _because(actual: Actual) -> str:
    resource = actual.resource
    if resource is None:
        return ": it is not up yet, and its .res and protection are sound"
    writers = [peer.name for peer in resource.peers if peer.role == "Primary"]
    return f" as the passive side: {writers[0]} is Primary, and DRBD refuses a second one" if writers else ""
