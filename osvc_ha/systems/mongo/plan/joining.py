"""START and PROVISION: this node's mongod becomes a member. Pure. plan/__init__.py has the theory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from osvc_ha.planner.types import Plan, Step
from osvc_ha.systems.mongo.state import Actual, Desired, Health, MemberView
from osvc_ha.systems.mongo.state.documents import Change
from osvc_ha.systems.mongo.state.setconfig import MOST_MEMBERS, Member, SetConfig

from . import leading, readiness
from .membership import reconfig, vote
from .standing import configuration, member_of, of_set, primary
from .steps import at, group_args, resolve
from .voting import may_vote, wants_vote

MOST_ASKED = 3
"""A new set needs a majority of so many nodes, or of the scope where that is smaller, to have shown that they hold nothing."""
FIRST_PAUSE, PAUSE = 1.0, 2.0
"""Seconds between the two looks that have to agree before a set is begun: of the first of the scope, and of any other node.

A node that is started a moment later listens after another's last look, and OpenSVC may not have told of it there. Its own last look comes
so long after that, and sees the set which the other has begun by then. The others wait for a heartbeat, and so leave it to the first.
"""

HANGS = "see whether the process hangs"
BY_HAND = 'if it is new, begin the set by hand, once: docs/systems/mongo.md, "Begun by hand"'
"""Before 5.1 a mongod that is in no set counts nothing."""


def provision(actual: Actual, desired: Desired) -> Plan:
    """mongod.conf as it should be, and the data directory, while nothing runs."""
    if actual.disk.config or actual.runs:
        return ()
    why = f"{desired.local} has no mongod.conf yet, or one of other keywords"
    return (Step("write-config", desired.local, why, at(desired, desired.local)),)


def start(actual: Actual, desired: Desired) -> Plan:
    """The steps by which this node's instance becomes a member with its vote; empty when it is one."""
    if actual.disk.secret_trouble:
        return (resolve(desired, actual.disk.secret_trouble),)
    if actual.here.health is Health.ABSENT:
        # That nobody listens is known from the kernel; by this name nobody would ever be found.
        words = _misled(actual, desired)
        return (resolve(desired, words),) if words else (*provision(actual, desired), _run(actual, desired), _wait_ready(actual, desired))
    refusal = _refusal(actual, desired)
    if refusal:
        return (resolve(desired, refusal),)
    steps = tuple(_moves(actual, desired))
    if steps and steps[0].do == "resolve":
        return steps
    if not steps and _does_its_part(actual, desired):
        words = leading.leaderless(actual, desired)
        if words:
            return (Step("await-majority", desired.config.replica_set, words, theirs=True),)
    if not steps and not _pending(actual, desired):
        return ()
    return (*steps, _wait_ready(actual, desired))


def _does_its_part(actual: Actual, desired: Desired) -> bool:
    """It runs, answers, and is in the configuration that it knows: without a majority a start can do no more.

    It must not fail for that either: agent 2.1 would stop the mongod again, which the others need for their majority.
    Whatever its state: a member that copies or recovers votes all the same.
    """
    here = actual.here
    return here.answers and bool(here.initiated) and here.state != "REMOVED" and member_of(desired.local, actual, desired) is not None


def _run(actual: Actual, desired: Desired) -> Step:
    node = desired.local
    if desired.config.launch:
        found = f"mongod runs on {node}, and does not listen yet or any more" if actual.runs else f"mongod is not running on {node}"
        return Step("launch", node, found, at(desired, node))
    return Step("wait", node, f"wait for mongod on {node}, which OpenSVC or its container runs", at(desired, node))


def _wait_ready(actual: Actual, desired: Desired) -> Step:
    lacking = _pending(actual, desired)
    why = f"wait until {desired.local} is a member that is in sync" + (f": {lacking}" if lacking else "")
    return Step("wait-ready", desired.config.replica_set, why, group_args(desired))


def _refusal(actual: Actual, desired: Desired) -> str:
    """What only a person can mend: another's mongod or data, a name that leads elsewhere, a member that can never catch up."""
    words = readiness.refusal(actual, desired) or _misled(actual, desired)
    return words or readiness.stale(desired.local, actual, desired)


def _misled(actual: Actual, desired: Desired) -> str:
    """That this node's member's name leads elsewhere, or nowhere; or ""."""
    own = desired.member_at(desired.local)
    if own not in actual.unreached:
        return ""
    # replSetReconfig would refuse: "No host described in new configuration ... maps to this node".
    return f"{own} does not lead {desired.local} to its own mongod: {actual.unreached[own]}; mend the name, or bind="


def _pending(actual: Actual, desired: Desired) -> str:
    """What is still to come, as a sentence; "" when this member is as it should be now."""
    here = actual.here
    if here.health is Health.ABSENT:
        return ""
    if here.health is not Health.ANSWERS and here.initiated is not False:
        way_out = f"; {HANGS}" if here.health is Health.SILENT else ""
        return f"mongod on {desired.local} is {here.health.value} ({here.trouble}){way_out}"
    if not here.initiated and not of_set(actual, desired):
        return _unfounded(actual, desired)
    words = readiness.missing(actual, desired)
    member, config = member_of(desired.local, actual, desired), configuration(actual, desired)
    if words or config is None or member is None:
        return words
    if wants_vote(desired.local, config, actual, desired):
        return f"{desired.local} is to get its vote once it is at most {desired.config.max_lag:g} s behind"
    return ""


def _moves(actual: Actual, desired: Desired) -> Iterator[Step]:
    """What can be done about it now: begin the set, enter it, get a vote. At most one change of the configuration."""
    here, config, head = actual.here, configuration(actual, desired), primary(actual, desired)
    if not here.initiated and not of_set(actual, desired):
        if not _unfounded(actual, desired):
            yield from _found(desired)
        return
    if here.state == "PRIMARY" and here.no_users and desired.config.username:
        yield _create_users(desired)
    # Whether it is committed is asked by the step, at the moment that counts: who looks while a person changes it again and again
    # may never see it so.
    if not head or config is None:
        return
    if member_of(desired.local, actual, desired) is None:
        yield _add(config, actual, desired)
    elif may_vote(desired.local, config, actual, desired):
        yield vote(desired.local, config, actual, desired)


def _add(config: SetConfig, actual: Actual, desired: Desired) -> Step:
    node, host = desired.local, desired.member_at(desired.local)
    if len(config.members) >= MOST_MEMBERS:
        return resolve(
            desired, f"{desired.config.replica_set} has {MOST_MEMBERS} members, the most there may be; remove one that is not needed"
        )
    why = f"{node} enters {desired.config.replica_set} without a vote, until it has the data"
    entered = Member(config.next_id, host, votes=0, priority=0)
    after = SetConfig(config.name, config.version + 1, config.term, (*config.members, entered), config.id)
    return reconfig("add", node, why, Change("add", host, now=_now(actual, desired)), desired, config, after, actual)


def _now(actual: Actual, desired: Desired) -> int:
    """By the primary's clock, with which its silence will be told; by ours where the primary is none of our nodes."""
    head = actual.views.get(primary(actual, desired))
    return int(head.clock if head is not None and head.clock else actual.now)


def _found(desired: Desired) -> Iterator[Step]:
    node, name = desired.local, desired.config.replica_set
    pause = 0.0 if len(desired.scope) == 1 else FIRST_PAUSE if node == desired.scope[0] else PAUSE
    args = (("priority", str(desired.priority(node))), ("pause", f"{pause:g}"), *at(desired, node))
    yield Step("initiate", name, f"{node} is the first, nobody holds any data, and there is no replica set yet: it begins {name}", args)
    if desired.config.username:
        yield _create_users(desired)


def _create_users(desired: Desired) -> Step:
    node = desired.local
    return Step("create-users", node, f"{node} has no user yet: {desired.config.username} is created", at(desired, node))


def _unfounded(actual: Actual, desired: Desired) -> str:
    """Why this node must not begin the set now, as a sentence; "" when it is to.

    Exactly one begins it: the first of the scope among those that run or are being started, and only when each of them, and whoever
    else answers, has shown that it holds nothing. Who sees a set instead enters that.
    """
    if not desired.majority:
        return "a new replica set needs a majority of the cluster's nodes; bring back the others first"
    asked = [actual.views[node] for node in desired.scope if node in desired.members or actual.views[node].health is not Health.ABSENT]
    for view in asked:
        words = _not_empty(view, view.node == desired.local)
        if words:
            return words
    # Agent 2.1 provisions the others after this one: OpenSVC says of them that they never had anything, and nothing runs there.
    empty = [node for node in desired.waiting if actual.views[node].health is Health.ABSENT]
    least = min(len(desired.scope), MOST_ASKED) // 2 + 1
    if len({*(view.node for view in asked), *empty}) < least:
        return f"{len(asked)} of {least} nodes have shown that they hold no data, which a new replica set needs; start the others too"
    return "" if asked[0].node == desired.local else f"{asked[0].node} is to begin the replica set"


def _not_empty(view: MemberView, mine: bool) -> Optional[str]:
    node = view.node
    if view.health in (Health.ABSENT, Health.SILENT):
        return f"{node} is {view.health.value}, and must show first that it holds no data"
    if view.initiated is None or (view.initiated and not view.set_name):
        return f"{node} does not say whether it is in a replica set ({view.trouble or view.health.value})"
    if view.initiated:
        return f"{node} is in the replica set {view.set_name}"
    # One that lets nobody in yet is judged by its own node, which alone may ask for it to be added.
    if view.has_data is None and not (view.health is Health.DENIED and not mine):
        words = f"{node} does not say whether it holds data"
        return f"{words} ({view.trouble})" if view.trouble else f"{words}, as mongod does from 5.1 on; {BY_HAND}"
    return f"{node} holds data and was never in a replica set" if view.has_data else None
