"""osvc-ha drbd verify and invalidate: are both copies the same, and throw this one away while a good one is connected."""

from __future__ import annotations

import time

import click

from osvc_ha.cli.drbd_asked import Tell, config_of, confirmed, go_on, local_host, progress
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, NotConverged, UnsafePlan
from osvc_ha.systems.drbd.client.doing import drbdadm
from osvc_ha.systems.drbd.client.reading import look
from osvc_ha.systems.drbd.client.resolving import said
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.plan import upkeep
from osvc_ha.systems.drbd.plan.resolving import Course, course
from osvc_ha.systems.drbd.state import Actual

EVERY = 0.2
DIFFERENT = 1


@click.command()
@click.argument("res")
@click.pass_context
def verify(ctx: click.Context, res: str) -> None:
    """Compare both copies of RES, block by block, while it is in use. Changes nothing; it costs disks and network.

    \b
    osvc-ha drbd verify r0

    Exit code 0: identical; 1: they differ, with how much and what to do.
    """
    host, local = local_host()
    config = config_of(res)
    actual = look(config, local, host)
    wrong = upkeep.verify_refusal(actual)
    if wrong:
        raise UnsafePlan(wrong)
    assert actual.resource is not None
    if not upkeep.verifying(actual.resource):
        drbdadm(config, host, "verify")
    with progress() as tell:
        found = _verified(config, local, tell, host)
    click.echo(upkeep.verify_result(found))
    ctx.exit(DIFFERENT if found.resource and upkeep.differing(found.resource) else 0)


def _verified(config: Config, local: str, tell: Tell, host: Host) -> Actual:
    while True:
        actual = look(config, local, host, states=True)
        if actual.resource is None or not any(peer.connected for peer in actual.resource.peers):
            raise ApplyError(f"{config.res}: the connection was lost while it was verified; begin again when it is back")
        if not upkeep.verifying(actual.resource):
            return actual
        tell(*said(actual.resource, "verifying"))
        host.sleep(EVERY)


@click.command()
@click.argument("res")
@click.option("--patience", default=30.0, show_default=True, help="Seconds to wait for the peer when it is lost meanwhile.")
@confirmed
def invalidate(res: str, patience: float, yes: bool, dry_run: bool) -> None:
    """Throw away this node's copy of RES, and copy all of it from the peer. Only while that is connected and UpToDate.

    \b
    osvc-ha drbd invalidate r0
    osvc-ha drbd invalidate r0 --yes

    For a copy that a verify or a broken disk has made doubtful. Until it is done, the peer's is the only copy.
    """
    host, local = local_host()
    config = config_of(res)
    peer, size = _guarded(config, local, host)
    click.echo(f"would overwrite all {size} KiB of {res} on {local} from {peer}; what only {local} has is lost")
    click.echo(f"until that is done, {peer} has the only copy, and {local} cannot take over")
    if not go_on(f"Throw away the copy of {local}?", yes, dry_run):
        return
    # Once more: it may have taken a while until somebody answered.
    peer, _ = _guarded(config, local, host)
    drbdadm(config, host, "invalidate")
    with progress() as tell:
        _copied(config, local, peer, patience, tell, host)
    click.echo(f"{res} on {local} is UpToDate again, copied from {peer}")


def _copied(config: Config, local: str, peer: str, patience: float, tell: Tell, host: Host) -> None:
    """Until it is. NotConverged when the peer is lost and stays away: it is resumed whenever that is back."""
    heard = time.monotonic()
    while True:
        actual = look(config, local, host, states=True)
        now = course(actual.resource, peer)
        if now is Course.DONE:
            return
        if now is Course.DROPPED:
            raise ApplyError(f"{config.res} is StandAlone in the middle of the resync: {actual.dropped or 'see dmesg'}; connect it again")
        heard = time.monotonic() if now is not Course.APART else heard
        if time.monotonic() - heard > patience:
            lost = f"{peer}, which has the only copy of {config.res}, was lost in the middle of the resync, and has not come back"
            raise NotConverged(f"{lost}; bring it back, and the resync goes on by itself: osvc-ha drbd status {config.res} shows it")
        tell(*said(actual.resource, f"waiting for {peer}"))
        host.sleep(EVERY)


def _guarded(config: Config, local: str, host: Host) -> tuple[str, int]:
    actual = look(config, local, host)
    wrong = upkeep.invalidate_refusal(actual)
    if wrong:
        raise UnsafePlan(wrong)
    assert actual.resource is not None
    peer = upkeep.source(actual.resource)
    assert peer is not None
    return peer.name, sum(volume.size for volume in actual.resource.volumes)
