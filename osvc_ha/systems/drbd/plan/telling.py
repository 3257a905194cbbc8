"""What an operator should read: notes (warnings, while there is nothing to do) and facts. Pure."""

from __future__ import annotations

from typing import List, Tuple

from osvc_ha.planner.types import Facts
from osvc_ha.systems.drbd.state import STANDALONE, UP_TO_DATE, Actual, Desired, Peer, Resource

from .promotion import kept_notes, progress
from .protection import config_notes, config_refusal, doubt_refusal, protection_refusal
from .splitting import split_refusal


def notes(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """What is wrong although this node may go on."""
    resource = actual.resource
    refusals = (doubt_refusal(actual, desired), config_refusal(actual, desired), protection_refusal(actual, desired))
    wrong = [line for line in refusals if line]
    states = _resource_notes(actual, resource) if resource else []
    if desired.config.allow_promote_alone:
        states.append("allow_promote_alone is set: a promotion may lose what a peer has written; take it back")
    return (*wrong, *states, *config_notes(actual, desired))


def _resource_notes(actual: Actual, resource: Resource) -> List[str]:
    lines = []
    if resource.suspended:
        lines.append(f"all I/O of {resource.name} is frozen ({resource.suspended}); it goes on when the peer is back, or fenced off")
    for volume in resource.volumes:
        if volume.disk != UP_TO_DATE:
            lines.append(f"volume {volume.number} of {resource.name} on {actual.local} is {volume.disk}, not UpToDate")
        if volume.quorum is False:
            lines.append(f"volume {volume.number} of {resource.name} has no quorum")
    for peer in resource.peers:
        lines += _peer_notes(actual, resource, peer)
    lines += filter(None, [split_refusal(actual, resource)])
    lines += kept_notes(actual, resource).values()
    if len([one for one in (resource.role, *(peer.role for peer in resource.peers)) if one == "Primary"]) > 1:
        lines.append(f"{resource.name} has two Primaries; stop the service on one of them now")
    return lines


def _peer_notes(actual: Actual, resource: Resource, peer: Peer) -> List[str]:
    if peer.connection == STANDALONE:
        why = actual.dropped or "disconnected by hand, or dropped by DRBD; see dmesg"
        return [f"{resource.name} is StandAlone towards {peer.name}: {why}; nothing is replicated there"]
    if not peer.connected:
        return [f"{peer.name} is not connected ({peer.connection}): nothing is replicated there"]
    return [
        f"{progress(peer, volume)}: {peer.name} is {volume.disk} until then"
        if volume.replication not in ("Off", "Established")
        else f"the disk on {peer.name} is {volume.disk}: nothing is replicated there"
        for volume in peer.volumes
        if volume.disk != UP_TO_DATE
    ]


def facts(actual: Actual, desired: Desired) -> Facts:
    """Role, disks, each peer, and how it is kept from splitting."""
    found = []
    resource, configured = actual.resource, actual.configured
    if resource is None:
        return (("role", "not in the kernel"),)
    found.append(("role", resource.role))
    for volume in resource.volumes:
        found.append((f"volume {volume.number}", f"/dev/drbd{volume.minor} {volume.disk}, {volume.size} KiB"))
    for peer in resource.peers:
        found.append((peer.name, _peer_fact(peer)))
    if configured is not None:
        kept = f"quorum {configured.quorum}" if configured.quorum != "off" else f"fencing {configured.fencing}"
        found.append(("protection", kept))
    return tuple(found)


def _peer_fact(peer: Peer) -> str:
    if not peer.connected:
        return peer.connection
    disks = " ".join(volume.disk for volume in peer.volumes) or "no volume"
    running = [progress(peer, volume) for volume in peer.volumes if volume.done is not None]
    return ", ".join((f"{peer.connection} {peer.role} {disks}", *running))
