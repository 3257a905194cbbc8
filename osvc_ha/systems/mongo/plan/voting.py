"""Who should vote: at most seven, and an odd number from three on. Pure.

Two members both vote, so w:majority means both, and either has whatever was acknowledged. With either away nobody is primary. With one
vote the one that has it could go on alone, and nobody could when it is the one that is lost, nor with all that was acknowledged.
Four members have three votes, six five, eight and more seven: the last in scope order has none.
An even number is passed through one vote at a time, and only towards an odd one.
"""

from __future__ import annotations

from typing import Optional, Tuple

from osvc_ha.systems.mongo.state import Actual, Desired, Member, SetConfig
from osvc_ha.systems.mongo.state.setconfig import MOST_VOTERS

from .standing import caught_up, keeps_majority, primary, well, where, with_votes


def wanted_votes(voters: int, ready: int) -> int:
    """How many votes there should be, with so many that vote and so many more that could."""
    total = min(voters + ready, MOST_VOTERS)
    return total if total < 3 or total % 2 else total - 1


def candidates(config: SetConfig, actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """Nodes whose member could be given its vote now, in scope order: ours, placed, SECONDARY, and not far behind."""
    found = {where(member, actual, desired) for member in config.members if member.ours and not member.votes}
    return tuple(node for node in desired.members if node in found and caught_up(node, desired.config.max_lag, actual, desired))


def next_voter(config: SetConfig, actual: Actual, desired: Desired) -> str:
    """The node to be given its vote now; "" when there is none, or when the set would be left without a majority by it."""
    ready = candidates(config, actual, desired)
    if not ready or len(config.voters) >= wanted_votes(len(config.voters), len(ready)):
        return ""
    return ready[0] if keeps_majority(_voting(ready[0], config, actual, desired), actual, desired) else ""


def wants_vote(node: str, config: SetConfig, actual: Actual, desired: Desired) -> bool:
    """Is this node's member to have a vote, now or as soon as it is in sync? As many nodes as votes are wanted may ask at once;
    each gets its own in a reconfig of its own."""
    mine = [member for member in config.members if where(member, actual, desired) == node]
    if not mine or mine[0].votes or not mine[0].ours:
        return False
    ready = candidates(config, actual, desired)
    turn = tuple(one for one in desired.scope if one in ready or one == node)
    return node in turn[: wanted_votes(len(config.voters), len(turn)) - len(config.voters)]


def may_vote(node: str, config: SetConfig, actual: Actual, desired: Desired) -> bool:
    """May it be given its vote now?"""
    if not wants_vote(node, config, actual, desired) or not caught_up(node, desired.config.max_lag, actual, desired):
        return False
    return keeps_majority(_voting(node, config, actual, desired), actual, desired)


def next_unvoted(config: SetConfig, actual: Actual, desired: Desired) -> Optional[Member]:
    """The member whose vote is one too many; None when none is.

    The last of the scope, one that is away before one that is there; never the primary, nor one that a person has made special.
    Where an arbiter makes the number even, it is the arbiter that is too many, and that is a person's.
    """
    if any(member.arbiter for member in config.voters):
        return None
    ready = candidates(config, actual, desired)
    if len(config.voters) <= wanted_votes(len(config.voters), len(ready)):
        return None
    head = primary(actual, desired)
    free = [member for member in config.voters if member.ours and where(member, actual, desired) != head]
    free.sort(key=lambda member: (well(member, actual, desired), -_place(member, actual, desired)))
    for member in free:
        if keeps_majority(with_votes(config, member.host, 0, 0), actual, desired):
            return member
    return None


def _place(member: Member, actual: Actual, desired: Desired) -> int:
    node = where(member, actual, desired)
    return desired.scope.index(node) if node in desired.scope else len(desired.scope)


def _voting(node: str, config: SetConfig, actual: Actual, desired: Desired) -> SetConfig:
    member = next(one for one in config.members if where(one, actual, desired) == node)
    return with_votes(config, member.host, 1, desired.priority(node))
