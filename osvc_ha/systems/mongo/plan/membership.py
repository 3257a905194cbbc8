"""FOLLOW: members come and go, votes and priorities follow. Pure. One reconfig at a time, in Percona's order.

Only the first placed node acts, while it sees a majority of the cluster, and the set a primary. First who is gone is removed, then a
vote too many is taken, then one that is missing is given, then priorities are put right. A removal comes before a new vote: between
the two, a set that was three has two voters, which are both there, rather than four of which one is away.

Nothing is planned on top of a change that is still to be made: the step ``settle`` looks again after each.
"""

from __future__ import annotations

from typing import Optional

from osvc_ha.planner.types import Follows, Plan, Step
from osvc_ha.systems.mongo.state import Actual, Desired, SetConfig
from osvc_ha.systems.mongo.state.documents import Change
from osvc_ha.systems.mongo.state.setconfig import MARK, Member

from . import leading, readiness
from .rotating import rotate
from .seeds import tell
from .standing import committed, configuration, keeps_majority, primary, unheard, where, with_votes, without
from .steps import group_args, resolve
from .voting import next_unvoted, next_voter


def follow(actual: Actual, desired: Desired) -> Plan:
    """The log, and what clients are to find, on every node; one change, and a look after it, on one. Empty when all is as it should be."""
    return (*rotate(actual, desired), *tell(actual, desired), *_follow(actual, desired))


def _follow(actual: Actual, desired: Desired) -> Plan:
    if not (desired.first and desired.majority):
        return ()
    unclear = readiness.refusal(actual, desired) or leading.lost(actual, desired)
    if unclear:
        return (resolve(desired, unclear),)
    config = configuration(actual, desired)
    # Without a primary an election is on, and an uncommitted configuration is somebody's change that is on its way.
    if config is None or not primary(actual, desired) or not committed(actual, desired):
        return ()
    step = _one(config, actual, desired)
    if step is None:
        return ()
    if step.do == "resolve":
        return (step,)
    again = Step(
        "settle",
        desired.config.replica_set,
        "look again, and go on until members, votes and priorities are as placement has them",
        group_args(desired),
        needs=Follows.MEMBERSHIP,
    )
    return step, again


def _one(config: SetConfig, actual: Actual, desired: Desired) -> Optional[Step]:
    return (
        _removal(config, actual, desired)
        or _vote_less(config, actual, desired)
        or _vote_more(config, actual, desired)
        or _priorities(config, actual, desired)
    )


def _removal(config: SetConfig, actual: Actual, desired: Desired) -> Optional[Step]:
    for member in config.members:
        place = where(member, actual, desired)
        if not _is_gone(member, actual, desired) or not keeps_majority(without(config, member.host), actual, desired):
            continue
        why = f"{place} has been gone for longer than {desired.config.grace:g} s, and the others have a majority without it"
        return reconfig("remove", place, why, Change("remove", member.host), desired, config, without(config, member.host), actual)
    return None


def _is_gone(member: Member, actual: Actual, desired: Desired) -> bool:
    """OpenSVC runs no instance there, and no member has heard it for ``grace``. A member of nobody's is a person's, and so is one that
    was never heard and that somebody else has added: it may be just about to come."""
    place, added = where(member, actual, desired), MARK in dict(member.tags)
    silent = unheard(place, actual, desired)
    if place in desired.members or member.special or silent is None or not (added or (place in desired.scope and silent.heard)):
        return False
    return silent.silent_for >= desired.config.grace


def _vote_less(config: SetConfig, actual: Actual, desired: Desired) -> Optional[Step]:
    member = next_unvoted(config, actual, desired)
    if member is None:
        return None
    place, after = where(member, actual, desired), with_votes(config, member.host, 0, 0)
    why = f"{len(config.voters)} members vote, and one less bears the loss of as many: {place} gives its vote back"
    return reconfig("unvote", place, why, Change("unvote", member.host), desired, config, after, actual)


def _vote_more(config: SetConfig, actual: Actual, desired: Desired) -> Optional[Step]:
    node = next_voter(config, actual, desired)
    return vote(node, config, actual, desired) if node else None


def vote(node: str, config: SetConfig, actual: Actual, desired: Desired) -> Step:
    """The reconfig that gives a node's member its vote and its priority."""
    member = next(one for one in config.members if where(one, actual, desired) == node)
    priority = desired.priority(node)
    why = f"{node} has the data: it gets its vote, and priority {priority}"
    after = with_votes(config, member.host, 1, priority)
    return reconfig("vote", node, why, Change("vote", member.host, ((member.host, priority),)), desired, config, after, actual)


def _priorities(config: SetConfig, actual: Actual, desired: Desired) -> Optional[Step]:
    wrong = []
    for member in config.voters:
        place = where(member, actual, desired)
        if member.ours and place in desired.scope and member.priority != desired.priority(place):
            wrong.append((member.host, desired.priority(place)))
    if not wrong:
        return None
    told = ", ".join(f"{host} {priority}" for host, priority in wrong)
    change = Change("priority", wrong[0][0], tuple(wrong))
    return reconfig(
        "priority", desired.config.replica_set, f"priorities follow the order of the scope: {told}", change, desired, config, config, actual
    )


def reconfig(do: str, on: str, why: str, change: Change, desired: Desired, before: SetConfig, after: SetConfig, actual: Actual) -> Step:
    """One replSetReconfig as a step; a ``resolve`` where 5.0 and later would refuse it for the write concern it implies."""
    head = actual.views.get(primary(actual, desired))
    implicit = head is not None and head.default_write_concern == "implicit"
    if implicit and before.implicit_write_concern != after.implicit_write_concern:
        return resolve(
            desired,
            f"{why}, but that would change the implicit default write concern, which MongoDB refuses; "
            "run db.adminCommand({setDefaultRWConcern: 1, defaultWriteConcern: {w: 'majority'}}) first",
        )
    return Step(do, on, why, (("change", change.text()), *group_args(desired)), needs=Follows.MEMBERSHIP)
