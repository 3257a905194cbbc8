"""PROVISION and UNPROVISION. Pure.

The only place that ever forces a role, and only on disks through which no data ever went: the first node to be provisioned
cannot tell whether another one has data, so it waits until its peers are connected and as empty (provision_alone says otherwise), or
OpenSVC says that they are alive and hold nothing of the service: agent 2.1 provisions no other node before the leader is done, with
its file system. Should such a peer hold data all the same, DRBD refuses to connect the two (unrelated data), and nothing is overwritten.
A leader reborn empty that forced itself would hand out an empty disk as the good one.
"""

from __future__ import annotations

from osvc_ha.planner.types import Plan, Step
from osvc_ha.systems.drbd.config import GUARD
from osvc_ha.systems.drbd.state import Actual, Desired, Resource
from osvc_ha.systems.drbd.state.rendering import is_ours

from .protection import config_refusal, doubt_refusal
from .starting import stop, written
from .steps import asked, resolve


def provision(actual: Actual, desired: Desired) -> Plan:
    """The .res, metadata where there is none, up; and the first sync once all peers are seen to be empty too."""
    if desired.config.mode == GUARD:
        return ()
    if actual.doubts:
        return (resolve(desired, doubt_refusal(actual, desired)),)
    res = desired.config.res
    file = written(actual, desired)
    if file is not None and file.do == "resolve":
        return (file,)
    wrong = "" if file else config_refusal(actual, desired)
    if wrong:
        return (resolve(desired, wrong),)
    steps = [file] if file else []
    if _half_up(actual):
        steps.append(Step("down", res, f"{res} is in the kernel of {actual.local} without a disk, which has no metadata yet"))
    if actual.resource is None or _half_up(actual):
        if file or any(found.kind == "none" for found in actual.metadata):
            # Without --force: drbdmeta then refuses a disk that holds a file system, and leaves metadata that is there.
            steps.append(Step("create-metadata", res, f"the disk of {res} on {actual.local} has no metadata yet", asked(desired)))
        steps.append(Step("up", res, f"{res} is not in the kernel of {actual.local}"))
        steps.append(Step("first-sync", res, "if no node holds data of it, one has to be the source of the first sync", asked(desired)))
    elif may_force(actual, desired):
        steps.append(Step("first-sync", res, f"no node holds data of {res} yet, so this one becomes the source", asked(desired)))
    return tuple(steps)


def _half_up(actual: Actual) -> bool:
    """What an `up` by hand leaves where there is no metadata."""
    resource = actual.resource
    bare = resource is not None and not resource.primary and all(volume.disk == "Diskless" for volume in resource.volumes)
    return bare and any(found.kind == "none" for found in actual.metadata)


def may_force(actual: Actual, desired: Desired) -> bool:
    """Is every disk of every node empty, as far as anybody can know? With provision_alone, what is not connected is taken for empty."""
    resource = actual.resource
    if resource is None or not resource.volumes or resource.primary:
        return False
    ours = all(volume.disk == "Inconsistent" for volume in resource.volumes)
    fresh = {found.volume for found in actual.metadata if found.kind == "just-created"}
    return ours and fresh >= {volume.number for volume in resource.volumes} and _peers_empty(resource, desired)


def _peers_empty(resource: Resource, desired: Desired) -> bool:
    if any(peer.role == "Primary" for peer in resource.peers):
        return False
    alone = desired.config.provision_alone or all(peer.connected or peer.name in desired.unused for peer in resource.peers)
    there = [peer for peer in resource.peers if peer.connected or not alone]
    tiebreaker = ("Diskless",)
    return all(
        peer.connected and peer.volumes and all(volume.disk in ("Inconsistent", *tiebreaker) for volume in peer.volumes) for peer in there
    ) and (alone or any(volume.disk == "Inconsistent" for peer in there for volume in peer.volumes))


def unprovision(actual: Actual, desired: Desired) -> Plan:
    """STOP, down, and the .res if we wrote it. Data and metadata stay: `drbdadm wipe-md` is for a person."""
    if desired.config.mode == GUARD:
        return ()
    config = desired.config
    steps = list(stop(actual, desired))
    if actual.resource is not None:
        steps.append(Step("down", config.res, f"OpenSVC unprovisions {config.path} on {actual.local}"))
    if config.render and actual.file is not None and is_ours(actual.file, config.path):
        steps.append(Step("remove-config", config.file, f"osvc_ha wrote {config.file} for {config.path}"))
    return tuple(steps)
