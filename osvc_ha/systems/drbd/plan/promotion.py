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

from .protection import doubt_refusal
from .splitting import all_same, known_harmless, proven, split_refusal

PASSING = frozenset({"Attaching", "Negotiating", "Detaching"})
RESUME = "run drbdadm resume-sync {res} on the node where it was paused, and it goes on"
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
    split = _unmet(actual, desired, resource)
    hard = (
        doubt_refusal(actual, desired)
        or _peers_refusal(actual, desired, resource)
        or (split.why if split and split.kind is Kind.REFUSED else "")
        or _local_refusal(actual, resource)
    )
    if hard:
        return Outlook(Kind.REFUSED, hard)
    return (
        split
        or _disks(actual, desired, resource)
        or _fading(desired, resource)
        or _resynced(actual, desired, resource)
        or _apart(actual, desired, resource)
        or Outlook(Kind.READY)
    )


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
    names = {actual.local, *(peer.name for peer in resource.peers)} & set(actual.fenced) if all_same(resource) else set()
    said = f"is noted as fenced off from {resource.name}, although all copies are the same now"
    return {name: f"{name} {said}; run osvc-ha drbd unfence {resource.name} {name} to take that back" for name in sorted(names)}


def _peers_refusal(actual: Actual, desired: Desired, resource: Resource) -> str:
    writers = [peer.name for peer in resource.peers if peer.role == PRIMARY and not _dead(desired, peer)]
    if writers:
        return f"{' '.join(writers)} is Primary of {resource.name}; stop the service there first"
    alone = [peer.name for peer in resource.peers if peer.connection == STANDALONE]
    if alone and actual.dropped:
        kept = f"osvc-ha drbd resolve {resource.name} --keep NODE decides which side stays"
        return f"{resource.name} is StandAlone towards {' '.join(alone)}: {actual.dropped}; {kept}"
    return ""


def _unmet(actual: Actual, desired: Desired, resource: Resource) -> Optional[Outlook]:
    """The mark of a split brain. One that our own connect has left is no refusal yet: the peer lives, and is met any moment."""
    why = split_refusal(actual, resource, desired.config.allow_promote_alone)
    if not why or actual.split is None:
        return None
    coming = any(peer.name in desired.alive and peer.connection not in (STANDALONE, CONNECTED) for peer in resource.peers)
    return Outlook(Kind.CONNECTING if coming and not actual.split.known else Kind.REFUSED, why)


def _dead(desired: Desired, peer: Peer) -> bool:
    """To a majority of the cluster, this node included."""
    return peer.name in desired.cluster and peer.name not in desired.alive and desired.majority


def _fading(desired: Desired, resource: Resource) -> Optional[Outlook]:
    """The cluster may be quicker than DRBD, whose own time-out then runs still: the writer is dead, and looks alive here."""
    names = " ".join(peer.name for peer in resource.peers if peer.role == PRIMARY)
    if not names:
        return None
    why = f"{names} is Primary of {resource.name}, and dead to a majority of the cluster: DRBD has not noticed yet, or it is back"
    return Outlook(Kind.CONNECTING, f"{why}; stop the service there, or let connect_timeout be longer than DRBD's timeout and ping-timeout")


def _resynced(actual: Actual, desired: Desired, resource: Resource) -> Optional[Outlook]:
    """The mark outlives the resync where its handler was killed: then it holds until all copies are seen to be the same."""
    if not actual.resyncing or all_same(resource):
        return None
    numbers = " ".join(str(number) for number in actual.resyncing)
    what = f"a resync to volume {numbers} of {resource.name} on {actual.local} has begun, and was not seen to end"
    files = " ".join(f"{desired.config.runtime_dir}/{resource.name}.resync-{number}" for number in actual.resyncing)
    return Outlook(Kind.REFUSED, f"{what}; connect its source, or, if the data is known to be good, remove {files}")


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
            return Outlook(Kind.REFUSED, f"{where}: {told}; {RESUME.format(res=resource.name)}")
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
        return _overridden(actual, desired, resource)
    for peer in resource.peers:
        if peer.connected or known_harmless(peer):
            continue
        if peer.name not in desired.cluster:
            named = f"{peer.name}, a peer of {resource.name}, is no node of the cluster, so whether it lives cannot be told"
            return Outlook(Kind.REFUSED, f"{named}; name its `on` section as its node is named")
        if peer.name in desired.alive:
            why = f"{peer.name} is alive but not connected ({peer.connection}), so it may have newer data of {resource.name}"
            # DRBD asks before it makes this node Primary, over another path, which we have not: 8.4 by its handler, 9 by its quorum.
            hand = f"drbdadm primary {resource.name} here, by hand, which has {peer.name} asked over another path"
            return Outlook(Kind.CONNECTING, f"{why}; mend the link between them, or, with the service stopped there, run {hand}")
        if not desired.majority:
            why = f"{peer.name} is not connected, and {actual.local} sees {len(desired.alive)} of {len(desired.cluster)} nodes"
            return Outlook(Kind.REFUSED, f"{why}: no majority, so the others may be writing {resource.name}; bring them back")
        if peer.connection == STANDALONE and not proven(actual, resource, peer):
            why = f"{resource.name} is StandAlone towards {peer.name}, and nobody knows why: it may be a split brain"
            ways = f"bring {peer.name} back and run drbdadm connect {resource.name}, which compares the two and discards nothing"
            lost = f"osvc-ha drbd resolve {resource.name} --keep {actual.local}"
            return Outlook(Kind.REFUSED, f"{why}; {ways}, or, if {peer.name} is lost for good, run {lost}")
    return None


def _overridden(actual: Actual, desired: Desired, resource: Resource) -> Optional[Outlook]:
    """The override is ours; on 8.4 DRBD asks its fence-peer handler besides, which says no where it would have been needed."""
    asks = not actual.versions.nine and actual.configured is not None and actual.configured.fencing != "dont-care"
    for peer in resource.peers if asks else ():
        answered = peer.name in desired.cluster and (peer.name in desired.alive or desired.majority)
        if not (peer.connected or known_harmless(peer) or answered):
            why = f"allow_promote_alone does not help: the fence-peer handler of {resource.name} lets nobody write without a majority"
            hand = f"drbdadm disk-options --fencing=dont-care {resource.name} && drbdadm primary {resource.name}"
            return Outlook(Kind.REFUSED, f"{why}; if {peer.name} is lost for good, and its last writes with it, run by hand: {hand}")
    return None
