"""Who is entitled to take writes now: ``authority``. Pure.

HAProxy's own checks decide that by themselves: role:master on the node, and a majority of Sentinels
naming it. What is granted here only makes it faster, so it must never say more than the Sentinels
have already made irrevocable. A grant always needs the node's own word, ROLE master, and one of:

(a) A majority of the configured Sentinels names it, none names another under a higher config epoch,
    none is failing over from it, and nobody else says master. The last two are for a master that was
    paused and comes back in the second between the promotion of its replica and ``+promoted-slave``:
    it still says master and everybody still names it.

(b) A Sentinel names it under a config epoch higher than that of every one that names another or nobody,
    at least one still names the one it replaces, none is failing over from it, and a majority of the
    configured Sentinels answered. In redis' sentinel.c the leader raises its config epoch to the
    epoch it won, and from then on names the new master (sentinelGetCurrentMasterAddress), in
    sentinelRefreshInstanceInfo, at ``+promoted-slave``, after the replica itself said role:master.
    A failover can be given up only up to WAIT_PROMOTION (sentinelAbortFailover asserts it), so it is
    past that point. The same function forces a hello to all Sentinels, and each adopts an address
    that comes with a higher epoch than its own (sentinelProcessHelloMessage). That is about a second
    before ``+switch-master``, and one hello before (a) holds.
    What breaks it is a double fault within that one hello: the leader is cut off from every other
    Sentinel before its hello leaves, and a Sentinel that did not answer us wins a later epoch with
    the votes of those that did, still seeing the old master down. The later epoch wins; the node
    granted here loses its replicas to it, min-replicas-to-write stops its writes, and the lease given
    for the grant lapses within 3 s. Writes taken in between are lost, as in any asynchronous failover.

(c) Abdication: the node that a majority still names says it is a replica *of* this one. Nobody but the
    one entitled to write has passed that on, and a planned handover does it before Sentinel announces.

Two nodes that qualify mean that the reading is torn: nobody gets a grant. Votes are read epoch first,
name second (client.py): a switch in between then pairs the new name with the old epoch, which is
refused under (b), and never the old name with the new epoch.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class Vote:
    """One configured Sentinel: the node it names ("" for none), under which config epoch, and whether it answered.

    deposing: it leads a failover away from the node it still names.
    """

    sentinel: str
    master: str = ""
    epoch: int = -1
    answered: bool = True
    deposing: bool = False


@dataclass(frozen=True)
class Claim:
    """One redis-server's own word: role ``master``, ``slave`` or "" (no answer), and whom it follows."""

    node: str
    role: str = ""
    follows: str = ""


@dataclass(frozen=True)
class View:
    """One vote for each configured Sentinel and one claim for each server, in any order."""

    votes: Tuple[Vote, ...]
    claims: Tuple[Claim, ...]


@dataclass(frozen=True)
class Grant:
    """``node`` may take writes; ``revoked`` must not, though it claims to or was named. ``reason``: a sentence."""

    node: str
    reason: str
    revoked: Tuple[str, ...] = ()


def authority(view: View) -> Optional[Grant]:
    """The one node entitled to write, or None when that cannot be proved. See the module's text."""
    entitled = {claim.node: why for claim in view.claims if claim.role == "master" for why in (_entitled(claim.node, view),) if why}
    if len(entitled) != 1:
        return None
    node, reason = next(iter(entitled.items()))
    named = {vote.master for vote in view.votes if vote.answered}
    others = {claim.node for claim in view.claims if claim.node != node and (claim.role == "master" or claim.node in named)}
    return Grant(node, reason, tuple(sorted(others)))


def named(view: View) -> str:
    """The node, or foreign address, that a majority of the configured Sentinels names, unless another is named under
    a higher config epoch; "" when there is none."""
    counted = Counter(vote.master for vote in _answered(view) if vote.master)
    for node, count in counted.items():
        if 2 * count > len(view.votes) and not _outranked(node, view):
            return node
    return ""


def _entitled(node: str, view: View) -> str:
    if named(view) == node and not _contested(node, view):
        return f"{node} says it is the master and a majority of the Sentinels names it"
    if _by_epoch(node, view):
        return f"{node} says it is the master and the elected Sentinel names it under the highest config epoch"
    if _by_abdication(node, view):
        return f"{node} says it is the master and the one the Sentinels still name has become its replica"
    return ""


def _contested(node: str, view: View) -> bool:
    return _deposed(node, view) or any(claim.role == "master" and claim.node != node for claim in view.claims)


def _deposed(node: str, view: View) -> bool:
    return any(vote.deposing for vote in _answered(view) if vote.master == node)


def _answered(view: View) -> Tuple[Vote, ...]:
    return tuple(vote for vote in view.votes if vote.answered)


def _outranked(node: str, view: View) -> bool:
    own = max((vote.epoch for vote in _answered(view) if vote.master == node), default=-1)
    return any(vote.epoch > own for vote in _answered(view) if vote.master and vote.master != node)


def _by_epoch(node: str, view: View) -> bool:
    answered = _answered(view)
    if 2 * len(answered) <= len(view.votes) or _deposed(node, view):
        return False
    own = max((vote.epoch for vote in answered if vote.master == node), default=-1)
    replaced = [vote for vote in answered if vote.master not in ("", node)]
    return own >= 0 and bool(replaced) and all(vote.epoch < own for vote in answered if vote.master != node)


def _by_abdication(node: str, view: View) -> bool:
    before = named(view)
    return bool(before) and any(claim.node == before and claim.role == "slave" and claim.follows == node for claim in view.claims)
