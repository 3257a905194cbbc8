"""The marks that outlive what they are about, and what is known of a peer that is not heard. Pure."""

from __future__ import annotations

from osvc_ha.systems.drbd.state import RECEIVING, SENDING, UP_TO_DATE, Actual, Peer, Resource, Split

# Of a peer with such a disk we know that it cannot be promoted: it has no good data, and knows it.
HARMLESS_DISKS = frozenset({"Outdated", "Inconsistent", "Diskless", "Failed"})


def all_same(resource: Resource) -> bool:
    """All copies are the same, and stay so: every disk, here and there, is UpToDate, connected and Established."""
    good = bool(resource.volumes and resource.peers) and all(volume.disk == UP_TO_DATE for volume in resource.volumes)
    for peer in resource.peers:
        there = all(volume.disk == UP_TO_DATE and volume.replication == "Established" for volume in peer.volumes)
        good = good and peer.connected and bool(peer.volumes) and there
    return good


def split_refusal(actual: Actual, resource: Resource, unheard: bool = False) -> str:
    """Why the mark of a split brain forbids it, or "". Once the two have met, DRBD has compared them, and neither is the other half.

    unheard: a peer that was never met is no objection, as allow_promote_alone has it; one that is known to have split off is.
    """
    mark = actual.split
    if mark is None or (unheard and not mark.known):
        return ""
    named = [peer for peer in resource.peers if peer.name == mark.peer] or list(resource.peers)
    harmless = {peer.name for peer in named if not mark.known and (known_harmless(peer) or proven(actual, resource, peer))}
    apart = [peer.name for peer in named if not _met(peer) and peer.name not in harmless]
    if not apart:
        return ""
    return marked_words(mark, resource.name, f"connect {' '.join(apart)}, or run")


def marked_words(mark: Split, name: str, way: str) -> str:
    """What the mark says. way: what to do before a person decides which side stays."""
    since = f" since {mark.at}" if mark.at else ""
    what = "is marked as a split brain" if mark.known else "was StandAlone, nobody knows why, and has not met its peer"
    decide = f"{way} osvc-ha drbd resolve {name} --keep NODE, which decides which side stays"
    return f"{name} {what}{since}: both sides may have been written while apart; {decide}"


def _met(peer: Peer) -> bool:
    """It is connected with its data, and that is the same as ours, or one of the two is being made so: DRBD has compared them."""
    return (
        peer.connected
        and bool(peer.volumes)
        and all(volume.disk == UP_TO_DATE or volume.replication in SENDING | RECEIVING for volume in peer.volumes)
    )


def proven(actual: Actual, resource: Resource, peer: Peer) -> bool:
    """It cannot have been written while apart: a majority had fenced it off from this very data, or DRBD 9 holds the quorum here."""
    by_quorum = actual.configured is not None and actual.configured.quorum != "off" and actual.versions.nine
    return peer.name in actual.outdone or (by_quorum and bool(resource.volumes) and all(volume.quorum for volume in resource.volumes))


def known_harmless(peer: Peer) -> bool:
    """Known Outdated: the fence-peer handler has seen to it, or DRBD remembers it."""
    return bool(peer.volumes) and all(volume.disk in HARMLESS_DISKS for volume in peer.volumes)
