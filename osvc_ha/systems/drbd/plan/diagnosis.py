"""What is wrong with a resource, for a person: each thing one sentence, with the way out. Pure."""

from __future__ import annotations

from typing import List, Tuple

from osvc_ha.systems.drbd.state import CONNECTED, PRIMARY, RECEIVING, STANDALONE, UP_TO_DATE, VERIFYING, Actual, Desired, Peer, Resource

from .promotion import DISK_WAYS, RESUME, kept_notes, progress, receiving
from .protection import config_notes, config_refusal, doubt_refusal, protection_refusal
from .splitting import split_refusal


def wrong(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """All of it, the worst first; nothing while all is well."""
    resource = actual.resource
    refusals = (doubt_refusal(actual, desired), config_refusal(actual, desired), protection_refusal(actual, desired))
    files = [line for line in refusals if line]
    if resource is None:
        name = desired.config.res
        return (*files, f"{name} is not up on {actual.local}; start its service (or the standby of it), or run drbdadm up {name}")
    return (*_states(actual, resource), *files, *config_notes(actual, desired))


def _states(actual: Actual, resource: Resource) -> List[str]:
    lines = []
    if resource.suspended:
        why = f"all I/O of {resource.name} is frozen ({resource.suspended}): the fence-peer handler has not let this node go on"
        lines.append(f"{why}; bring the peer back, and it goes on; was that promoted, see `A Primary that stands still` in docs/hooks.md")
    if len([role for role in (resource.role, *(peer.role for peer in resource.peers)) if role == PRIMARY]) > 1:
        lines.append(f"{resource.name} has two Primaries; stop the service on one of them now")
    lines += filter(None, [split_refusal(actual, resource)])
    kept = kept_notes(actual, resource)
    lines += kept.values()
    if actual.local in actual.fenced and actual.local not in kept:
        lines.append(f"{actual.local} was fenced off, and not resynced since: its data is old; connect the node that went on")
    for volume in resource.volumes:
        if volume.quorum is False:
            lines.append(f"volume {volume.number} of {resource.name} has no quorum; bring back the other nodes")
        if volume.disk != UP_TO_DATE:
            lines.append(_disk(actual, resource, volume.number, volume.disk))
    for peer in resource.peers:
        lines += _peer(actual, resource, peer)
    return lines


def _disk(actual: Actual, resource: Resource, number: int, disk: str) -> str:
    where = f"volume {number} of {resource.name} on {actual.local} is {disk}"
    running = [progress(peer, volume) for peer, volume in receiving(resource) if volume.number == number]
    if running:
        return f"{where}: {running[0]}; {_patience(running[0], resource.name)}"
    return f"{where}: {DISK_WAYS.get(disk, 'see drbdadm status {res}').format(res=resource.name)}"


def _patience(told: str, name: str) -> str:
    return RESUME.format(res=name) if "paused" in told else "wait for it"


def _peer(actual: Actual, resource: Resource, peer: Peer) -> List[str]:
    name = resource.name
    if peer.connection == STANDALONE and actual.dropped:
        keep = f"osvc-ha drbd resolve {name} --keep NODE shows both sides, and decides which one stays"
        return [f"{name} is StandAlone towards {peer.name}: {actual.dropped}; {keep}"]
    if peer.connection == STANDALONE:
        return [f"{name} is StandAlone towards {peer.name}: nothing is replicated; run drbdadm connect {name}, which discards nothing"]
    if peer.connection != CONNECTED:
        ways = f"bring {peer.name} back, mend the link, or run drbdadm connect {name} there if it is StandAlone"
        return [f"{peer.name} is not connected ({peer.connection}): nothing is replicated there; {ways}"]
    lines = []
    for volume in peer.volumes:
        if volume.replication not in ("Off", "Established") and volume.replication not in RECEIVING and volume.replication not in VERIFYING:
            told = progress(peer, volume)
            lines.append(f"the disk of {peer.name} is {volume.disk}: {told}; {_patience(told, name)}")
        elif volume.disk != UP_TO_DATE and volume.replication not in RECEIVING:
            way = DISK_WAYS.get(volume.disk, "see drbdadm status {res}").format(res=name)
            lines.append(f"the disk of {peer.name} is {volume.disk}: nothing is replicated there; on {peer.name}: {way}")
        elif volume.out_of_sync and volume.replication == "Established":
            lines.append(f"{volume.out_of_sync} KiB differ from {peer.name}, as a verify found; osvc-ha drbd verify {name} says what to do")
    return lines
