"""May this node become Primary now? Pure. Asked when a start is planned, and again right before ``primary``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Dict, Iterable, Optional, Tuple

from osvc_ha.systems.drbd.state import (
    CONNECTED,
    PRIMARY,
    RECEIVING,
    STANDALONE,
    UP_TO_DATE,
    Actual,
    Desired,
    Peer,
    PeerVolume,
    Resource,
    Volume,
)

# Of a peer with such a disk we know that it cannot be promoted: it has no good data, and knows it.
HARMLESS_DISKS = frozenset({"Outdated", "Inconsistent", "Diskless", "Failed"})
PASSING = frozenset({"Attaching", "Negotiating", "Detaching"})
DISK_WAYS = {
    "Diskless": "its disk is detached; look for I/O errors in the kernel log, then run drbdadm attach {res}",
    "Failed": "its disk failed; replace it, then run drbdadm create-md {res} and drbdadm up {res}, and the peer resyncs it",
    "Inconsistent": "a resync was cut short, or never ran; connect a peer that is UpToDate, which ends it",
    "Outdated": "a peer went on without it; connect that peer, which resyncs it",
    "Consistent": (
        "whether a peer went on without it is not known; bring the peer back, or, if that is lost for good and so may be its last "
        "writes, run drbdadm primary --force {res} by hand, once"
    ),
    "DUnknown": "its state is not known; see drbdadm status {res}",
}


class Kind(Enum):
    """Now; after more waiting for peers, or for a resync; or not at all."""

    READY = "ready"
    CONNECTING = "connecting"
    SYNCING = "syncing"
    REFUSED = "refused"


@dataclass(frozen=True)
class Outlook:
    """``why`` it is not READY, in one sentence with the way out."""

    kind: Kind
    why: str = ""


def outlook(actual: Actual, desired: Desired) -> Outlook:
    """The rules, hardest first: what waiting cannot cure is said before what it may."""
    resource = actual.resource
    if resource is None:
        return Outlook(Kind.CONNECTING, f"{desired.config.res} is not up on {actual.local}")
    hard = _peers_refusal(actual, resource) or _local_refusal(actual, resource)
    if hard:
        return Outlook(Kind.REFUSED, hard)
    return _disks(actual, desired, resource) or _apart(actual, desired, resource) or Outlook(Kind.READY)


def progress(peer: Peer, volume: PeerVolume) -> str:
    """``resync from n2 43.8 % done, 12 s left``."""
    words = {"Verify": "verify with", "Sync": "resync from" if volume.replication in RECEIVING else "resync to"}
    what = words["Verify"] if volume.replication.startswith("Verify") else words["Sync"]
    done = "" if volume.done is None else f" {volume.done:g} % done"
    left = "" if volume.left is None else f", {volume.left} s left"
    paused = ", paused" if volume.replication.startswith("Paused") else ""
    return f"{what} {peer.name}{done}{left}{paused}"


def receiving(resource: Resource) -> Tuple[Tuple[Peer, PeerVolume], ...]:
    """What this node is being resynced from."""
    return tuple((peer, volume) for peer in resource.peers for volume in peer.volumes if volume.replication in RECEIVING)


def kept_notes(actual: Actual, resource: Resource) -> Dict[str, str]:
    """Nodes that are noted as fenced off (fencing.py, 3) while all copies are the same: a sentence for each, with the way out.

    The handler had said 7, and DRBD did not take it: the peer was back by then, or the promotion failed. Said, and never taken back by
    itself: whoever lifts a note cannot tell it from the same note, written anew a moment ago by a majority that has just lost this node.
    """
    same = bool(resource.volumes and resource.peers) and all(volume.disk == UP_TO_DATE for volume in resource.volumes)
    for peer in resource.peers:
        good = all(volume.disk == UP_TO_DATE and volume.replication == "Established" for volume in peer.volumes)
        same = same and peer.connected and bool(peer.volumes) and good
    names = {actual.local, *(peer.name for peer in resource.peers)} & set(actual.fenced) if same else set()
    said = f"is noted as fenced off from {resource.name}, although all copies are the same now"
    return {name: f"{name} {said}; run osvc-ha drbd unfence {resource.name} {name} to take that back" for name in sorted(names)}


def _peers_refusal(actual: Actual, resource: Resource) -> str:
    writers = [peer.name for peer in resource.peers if peer.role == PRIMARY]
    if writers:
        return f"{' '.join(writers)} is Primary of {resource.name}; stop the service there first"
    alone = [peer.name for peer in resource.peers if peer.connection == STANDALONE]
    if alone and actual.dropped:
        kept = f"osvc-ha drbd resolve {resource.name} --keep NODE decides which side stays"
        return f"{resource.name} is StandAlone towards {' '.join(alone)}: {actual.dropped}; {kept}"
    return ""


def _local_refusal(actual: Actual, resource: Resource) -> str:
    kept = kept_notes(actual, resource)
    if actual.local in kept:
        return kept[actual.local]
    if actual.local in actual.fenced:
        since = f"{actual.local} was fenced off from {resource.name}, and not resynced since: its data is old"
        return f"{since}; connect the node that went on, which resyncs it"
    if not resource.volumes:
        return f"{resource.name} has no volume on {actual.local}; run drbdadm up {resource.name}"
    lost = [str(volume.number) for volume in resource.volumes if volume.quorum is False]
    if lost:
        return f"volume {' '.join(lost)} of {resource.name} has no quorum; bring back the other nodes"
    return ""


def _worst(volumes: Iterable[Volume]) -> Optional[Volume]:
    bad = [volume for volume in volumes if volume.disk != UP_TO_DATE]
    return next((volume for volume in bad if volume.disk not in PASSING), bad[0] if bad else None)


def _disks(actual: Actual, desired: Desired, resource: Resource) -> Optional[Outlook]:
    bad = _worst(resource.volumes)
    if bad is None:
        return None
    where = f"volume {bad.number} of {resource.name} on {actual.local} is {bad.disk}"
    running = receiving(resource)
    if running:
        told = ", ".join(progress(peer, volume) for peer, volume in running)
        if any(volume.replication.startswith("Paused") for _, volume in running):
            return Outlook(Kind.REFUSED, f"{where}: {told}; drbdadm resume-sync {resource.name} lets it go on")
        return Outlook(Kind.SYNCING, f"{where}: {told}; start again when it is done, or set wait_sync to let a start wait")
    if bad.disk in PASSING:
        return Outlook(Kind.CONNECTING, f"{where} still")
    why = f"{where}: {DISK_WAYS.get(bad.disk, 'see drbdadm status {res}').format(res=resource.name)}"
    # Outdated, Consistent and Inconsistent data is made good by a peer: one that may still come is worth the wait.
    curable = bad.disk in ("Outdated", "Consistent", "Inconsistent")
    coming = any(peer.connection not in (STANDALONE, CONNECTED) and peer.name in desired.alive for peer in resource.peers)
    return Outlook(Kind.CONNECTING if curable and coming else Kind.REFUSED, why)


def _apart(actual: Actual, desired: Desired, resource: Resource) -> Optional[Outlook]:
    """A peer that is not connected may be writing, or have written what we have not."""
    if desired.config.allow_promote_alone:
        return None
    for peer in resource.peers:
        if peer.connected or _known_harmless(peer):
            continue
        alone = peer.connection == STANDALONE
        if peer.name not in desired.cluster:
            named = f"{peer.name}, a peer of {resource.name}, is no node of the cluster, so whether it lives cannot be told"
            return Outlook(Kind.REFUSED, f"{named}; name its `on` section as its node is named")
        if peer.name in desired.alive:
            why = f"{peer.name} is alive but not connected ({peer.connection}), so it may have newer data of {resource.name}"
            return Outlook(Kind.CONNECTING, f"{why}; mend the link between them, or run drbdadm outdate {resource.name} on {peer.name}")
        if not desired.majority:
            why = f"{peer.name} is not connected, and {actual.local} sees {len(desired.alive)} of {len(desired.cluster)} nodes"
            return Outlook(Kind.REFUSED, f"{why}: no majority, so the others may be writing {resource.name}; bring them back")
        if alone:
            why = f"{resource.name} is StandAlone towards {peer.name}: it may be a split brain"
            return Outlook(Kind.CONNECTING, f"{why}; see dmesg, then drbdadm connect {resource.name}")
    return None


def _known_harmless(peer: Peer) -> bool:
    """Known Outdated: the fence-peer handler has seen to it, or DRBD remembers it."""
    return bool(peer.volumes) and all(volume.disk in HARMLESS_DISKS for volume in peer.volumes)
