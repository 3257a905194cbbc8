"""After a split brain: which steps make the node that a person gives up a copy of the one to keep, and when not. Pure.

Theory. DRBD decides the direction of a resync by the generation identifiers when the two meet; ``--discard-my-data`` has a say only where
they show a split brain. Where they say that the victim is ahead, it would make the victim the *source*, and overwrite what was to be
kept. That is no theory: a Primary that lost its peer while it still took it for Inconsistent makes no new generation ("I shall become
SyncTarget, but I am primary!"). There, the victim is invalidated first: an Inconsistent disk is never a source (drbd_sync_handshake).
So both sides' identifiers have to be known before anything is thrown away. Only ever the victim's data is, on the victim, by a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Optional, Tuple

from osvc_ha.planner.types import Plan, Step
from osvc_ha.systems.drbd.state import CONNECTED, STANDALONE, UP_TO_DATE, Actual, Peer, Resource
from osvc_ha.systems.drbd.state.holders import sentence
from osvc_ha.systems.drbd.state.lineage import Generations, Verdict, compare
from osvc_ha.systems.drbd.state.superblock import Superblock

from .protection import HARMLESS


@dataclass(frozen=True)
class Side:
    """One node's copy. Of the other node: as far as it could be asked, else ``trouble``. Tuples are by volume; None: not known.

    out_of_sync: in KiB, what was written here while apart.
    """

    node: str
    role: str = ""
    connection: str = ""
    disks: Tuple[str, ...] = ()
    generations: Tuple[Optional[Generations], ...] = ()
    superblocks: Tuple[Superblock, ...] = ()
    out_of_sync: Optional[int] = None
    trouble: str = ""


class Way(Enum):
    """How the victim becomes a copy again."""

    CONNECT = "connect"
    DISCARD = "discard"
    INVALIDATE = "invalidate"


@dataclass(frozen=True)
class Opinion:
    """The way, and why it is that one, in one sentence; or why there is none (``way`` None)."""

    way: Optional[Way]
    why: str


def opinion(victim: Side, keep: Side) -> Opinion:
    """By both sides' generation identifiers, the worst volume first."""
    if not victim.generations or not keep.generations or None in (*victim.generations, *keep.generations):
        unknown = keep if not keep.generations or None in keep.generations else victim
        ask = f"give what `drbdadm get-gi RES` prints on {unknown.node} by --peer-gi, once for each volume"
        because = f" ({unknown.trouble})" if unknown.trouble else ""
        return Opinion(
            None, f"the generation identifiers of {unknown.node} are not known{because}, so which way DRBD would resync is not; {ask}"
        )
    if len(victim.generations) != len(keep.generations):
        return Opinion(
            None, f"{victim.node} has {len(victim.generations)} volumes, {keep.node} {len(keep.generations)}; mend the .res first"
        )
    found = {compare(goes, stays) for goes, stays in zip(victim.generations, keep.generations) if goes and stays}
    if Verdict.UNRELATED in found:
        return Opinion(None, f"the disks of {victim.node} and {keep.node} never belonged together: is `disk` right on both?")
    if Verdict.AHEAD in found:
        ahead = (
            f"to DRBD {victim.node} is ahead of {keep.node}, and would overwrite it; so {victim.node} is invalidated first: a full resync"
        )
        return Opinion(Way.INVALIDATE, ahead)
    if Verdict.SPLIT in found:
        return Opinion(Way.DISCARD, f"both were written while apart; what only {victim.node} has is discarded")
    if Verdict.BEHIND in found:
        return Opinion(Way.CONNECT, f"{victim.node} has no generation that {keep.node} lacks: a plain connect resyncs it")
    if victim.out_of_sync or keep.out_of_sync:
        return Opinion(
            Way.INVALIDATE, f"both have the same generation but differ, which DRBD would not mend; {victim.node} is resynced as a whole"
        )
    return Opinion(Way.CONNECT, "both have the same generation and nothing out of sync: a plain connect discards nothing")


def refusal(actual: Actual, victim: Side, keep: Side) -> str:
    """Why nothing may be thrown away now, in one sentence with the way out, or ""."""
    resource = actual.resource
    if resource is None:
        return f"the resource is not up on {actual.local}; run drbdadm up there first"
    name = resource.name
    wrong = _states(actual, resource, keep)
    if wrong:
        return wrong
    policies = {key: actual.running.net[key] for key in HARMLESS if actual.running and key in actual.running.net}
    bad = [f"{key} {value}" for key, value in policies.items() if value not in HARMLESS[key]]
    if bad:
        return f"{' '.join(bad)}: DRBD would choose the side by itself; write disconnect, run drbdadm adjust {name} on both nodes"
    peer = peer_of(resource, keep.node)
    apart = peer is None or STANDALONE in (peer.connection, keep.connection)
    if not apart:
        what = f"{name} is StandAlone neither on {actual.local} ({peer.connection if peer else ''}) nor, as far as is known, on {keep.node}"
        return f"{what}: no split brain has been found yet; mend the link between them first"
    return ""


def _states(actual: Actual, resource: Resource, keep: Side) -> str:
    name = resource.name
    if resource.suspended:
        frozen = f"all I/O of {name} is frozen on {actual.local} ({resource.suspended}), so it cannot be demoted"
        return f"{frozen}; docs/hooks.md, `A Primary that stands still`, has the commands, and they end with a resync from {keep.node}"
    if any(volume.disk in ("Diskless", "Failed") for volume in resource.volumes) or not resource.volumes:
        return f"{actual.local} has no disk attached for {name}, so there is nothing to discard; run drbdadm attach {name}, then connect"
    bad = [disk for disk in keep.disks if disk != UP_TO_DATE]
    if bad:
        return f"the disk of {keep.node} is {bad[0]}, not UpToDate: it cannot be what stays; keep {actual.local}, or mend it first"
    return _held(resource)


def _held(resource: Resource) -> str:
    holders = tuple(holder for volume in resource.volumes for holder in volume.holders)
    if resource.primary and holders:
        return f"{resource.name} is in use here: {sentence(holders)}; stop the service first"
    return ""


def steps(actual: Actual, keep: str, way: Way, save: str, keep_waits: bool) -> Plan:
    """What the victim does, in order. save: the directory for an image of each volume, or "". keep_waits: the other has to connect too."""
    resource = actual.resource
    assert resource is not None
    name, local = resource.name, actual.local
    found = []
    if resource.primary:
        minors = " ".join(str(volume.minor) for volume in resource.volumes)
        found.append(Step("demote", name, f"{local} gives up its copy, so it writes no more", (("minors", minors),)))
    peer = peer_of(resource, keep)
    if peer is not None and peer.connection != STANDALONE:
        found.append(Step("disconnect", name, "until the direction is set"))
    if save:
        found.append(Step("save", save, f"the copy of {local} as it is now, before it is overwritten"))
    if way is Way.INVALIDATE:
        found.append(Step("invalidate", name, f"so that {local} can only be the one that is resynced"))
    words = {Way.DISCARD: f"what only {local} has is thrown away", Way.CONNECT: "nothing needs to be thrown away"}
    found.append(Step("connect", name, words.get(way, f"{keep} resyncs it as a whole"), (("discard", str(way is Way.DISCARD).lower()),)))
    if keep_waits:
        found.append(Step("connect-there", keep, f"{keep} is StandAlone too; connecting discards nothing there"))
    return tuple(found)


def peer_of(resource: Resource, node: str) -> Optional[Peer]:
    """The connection to that node."""
    return next((peer for peer in resource.peers if peer.name == node), None)


class Course(Enum):
    """Where it stands while it is waited for."""

    DONE = "done"
    SYNCING = "syncing"
    APART = "apart"
    DROPPED = "dropped"
    WRONG = "wrong"


def course(resource: Optional[Resource], keep: str) -> Course:
    """WRONG: this node has become the source. It must never be; whoever waits disconnects at once."""
    peer = peer_of(resource, keep) if resource else None
    if resource is None or peer is None or peer.connection == STANDALONE:
        return Course.DROPPED
    if peer.connection != CONNECTED:
        return Course.APART
    if any(volume.replication in ("SyncSource", "PausedSyncS", "WFBitMapS", "StartingSyncS") for volume in peer.volumes):
        return Course.WRONG
    good = all(volume.disk == UP_TO_DATE for volume in resource.volumes) and all(volume.disk == UP_TO_DATE for volume in peer.volumes)
    return Course.DONE if good and all(volume.replication == "Established" for volume in peer.volumes) else Course.SYNCING
