"""osvc-ha drbd verify and invalidate: are both copies the same, and throw this one away while a good one is connected."""

from __future__ import annotations

import click

from osvc_ha.cli.drbd_asked import Tell, config_of, confirmed, go_on, local_host, progress
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, UnsafePlan
from osvc_ha.systems.drbd.client.doing import drbdadm
from osvc_ha.systems.drbd.client.reading import look
from osvc_ha.systems.drbd.client.resolving import said
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.plan import upkeep
from osvc_ha.systems.drbd.plan.resolving import Course, course
from osvc_ha.systems.drbd.state import STANDALONE, Actual

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
@confirmed
def invalidate(res: str, yes: bool, dry_run: bool) -> None:
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
        while True:
            actual = look(config, local, host, states=True)
            if course(actual.resource, peer) is Course.DONE:
                break
            if actual.resource is None or any(one.connection == STANDALONE for one in actual.resource.peers):
                raise ApplyError(f"{res} is StandAlone in the middle of the resync: {actual.dropped or 'see dmesg'}; connect it again")
            tell(*said(actual.resource, f"waiting for {peer}"))
            host.sleep(EVERY)
    click.echo(f"{res} on {local} is UpToDate again, copied from {peer}")


def _guarded(config: Config, local: str, host: Host) -> tuple[str, int]:
    actual = look(config, local, host)
    wrong = upkeep.invalidate_refusal(actual)
    if wrong:
        raise UnsafePlan(wrong)
    assert actual.resource is not None
    peer = upkeep.source(actual.resource)
    assert peer is not None
    return peer.name, sum(volume.size for volume in actual.resource.volumes)
