"""`drbdadm verify` and `drbdadm invalidate`, by a person: when, and what comes of them. Pure."""

from __future__ import annotations

from typing import Optional

from osvc_ha.systems.drbd.state import UP_TO_DATE, VERIFYING, Actual, Peer, Resource


def verify_refusal(actual: Actual) -> str:
    """Why the two sides cannot be compared now, or ""."""
    resource = actual.resource
    if resource is None:
        return f"the resource is not up on {actual.local}; run drbdadm up there first"
    if verifying(resource):
        return ""
    if _whole(resource) is None:
        return f"{state_of(actual, resource)}: only two sides that are connected and UpToDate can be compared"
    if actual.running is not None and not actual.running.net.get("verify-alg"):
        way = f"write `verify-alg crc32c;` into its net section, and run drbdadm adjust {resource.name} on both nodes"
        return f"{resource.name} has no verify-alg; {way}"
    return ""


def verifying(resource: Resource) -> bool:
    """Does a verify run?"""
    return any(volume.replication in VERIFYING for peer in resource.peers for volume in peer.volumes)


def differing(resource: Resource) -> int:
    """KiB known to be out of sync, over all volumes and peers."""
    return sum(volume.out_of_sync for peer in resource.peers for volume in peer.volumes)


def verify_result(actual: Actual) -> str:
    """After one, in one sentence; begins with ``identical`` when the sides are."""
    resource = actual.resource
    assert resource is not None
    name, count = resource.name, differing(resource)
    if not count:
        return f"identical: both sides of {name} hold the same"
    stale = next((peer.name for peer in resource.peers if peer.connected), "the peer") if resource.primary else actual.local
    found = f"{count} KiB of {name} differ: look for a failing disk or memory, on both nodes, before you choose"
    if not resource.primary and not any(peer.role == "Primary" for peer in resource.peers):
        return f"{found}; nobody is Primary, so on the node with the wrong copy: osvc-ha drbd invalidate {name} --yes"
    return f"{found}; to resync them from the Primary, on {stale}: drbdadm disconnect {name} && drbdadm connect {name}"


def invalidate_refusal(actual: Actual) -> str:
    """Why this node's copy may not be thrown away: only while another, complete one is connected."""
    resource = actual.resource
    if resource is None:
        return f"the resource is not up on {actual.local}; run drbdadm up there first"
    if resource.primary:
        return f"{actual.local} is Primary of {resource.name}; stop the service first: what it has is what counts now"
    if any(volume.disk in ("Diskless", "Failed") for volume in resource.volumes) or not resource.volumes:
        return f"{actual.local} has no disk attached for {resource.name}; run drbdadm attach {resource.name}"
    peer = source(resource)
    if peer is None:
        return f"{state_of(actual, resource)}: no peer is connected and UpToDate, so the copy on {actual.local} may be the only one"
    if any(volume.replication != "Established" for volume in peer.volumes):
        return f"{peer.name} and {actual.local} are busy ({peer.volumes[0].replication}); wait until that is done"
    return ""


def source(resource: Resource) -> Optional[Peer]:
    """A connected peer whose disks are all UpToDate."""
    return next((peer for peer in resource.peers if peer.connected and peer.volumes and _good(peer)), None)


def _good(peer: Peer) -> bool:
    return all(volume.disk == UP_TO_DATE for volume in peer.volumes)


def _whole(resource: Resource) -> Optional[Peer]:
    peer = source(resource)
    ours = resource.volumes and all(volume.disk == UP_TO_DATE for volume in resource.volumes)
    return peer if ours and peer and all(volume.replication == "Established" for volume in peer.volumes) else None


def state_of(actual: Actual, resource: Resource) -> str:
    """Disks here and there, in a clause."""
    here = "/".join(volume.disk for volume in resource.volumes) or "without a disk"
    there = [f"{peer.name} {peer.connection} {'/'.join(volume.disk for volume in peer.volumes)}".strip() for peer in resource.peers]
    return f"{resource.name} is {here} on {actual.local}, {', '.join(there) or 'without a peer'}"
