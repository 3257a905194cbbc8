"""STOP and UNPROVISION: a primary hands over before it goes, and a member leaves the set before its data does. Pure.

sync-from       the other secondaries are told to copy from the one that is to take over. Else they copy from this one until it ends,
                and who has nobody to copy from then sleeps a second (bgsync.cpp), for which w:majority waits
step-down       replSetStepDown: writes are refused, the secondaries catch up for at most catch_up s, the best is asked to stand;
                MongoDB itself refuses, and stays primary, when none has caught up by then
wait-primary    another is primary, as a majority sees it: only now is nothing lost by ending this one
drain           it runs on for a second: HAProxy's checks find both, and cut their clients off the old one when the new one is open;
                while it ends it would answer nobody, and drivers that are cut off and find nothing wait half a second
withdraw        (UNPROVISION) new clients do not find it by mongodb+srv any more
remove          (UNPROVISION) on the new primary, when the others have a majority without it
stop            SIGTERM: mongod flushes and ends
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Optional, Tuple

from osvc_ha.planner.types import Plan, Step
from osvc_ha.systems.mongo.state import Actual, Desired, Health
from osvc_ha.systems.mongo.state.documents import Change

from . import leading, readiness
from .membership import reconfig
from .seeds import withdraw
from .standing import caught_up, configuration, host_of, keeps_majority, lag, member_of, newest, primary, well, where, without
from .steps import at, group_args, resolve

OVERRIDE = "allow_stop_without_handover=true"
DRAIN_SECONDS = 1
"""HAProxy's check_interval, 200 ms by default, twice, and some."""


def stop(actual: Actual, desired: Desired) -> Plan:
    """Hand over if this node is primary and others stay, then end mongod (launch only). A secondary just ends."""
    moved = _hand_over(actual, desired)
    if moved and moved[0].do == "resolve":
        return moved
    steps, costs = (*moved, *_end(actual, desired)), _costs(actual, desired)
    # What somebody else ends has no step here: the last one that there is says it.
    return (*steps[:-1], replace(steps[-1], why=steps[-1].why + costs)) if steps and costs else steps


def _costs(actual: Actual, desired: Desired) -> str:
    """That nobody can be primary once this node has ended, to go on a step's sentence; "" when somebody can, or nobody could before."""
    config, mine = configuration(actual, desired), member_of(desired.local, actual, desired)
    if config is None or mine is None or not mine.votes or not desired.staying or not keeps_majority(config, actual, desired):
        return ""
    left = [where(one, actual, desired) for one in config.voters if well(one, actual, desired)]
    left = [place for place in left if place in desired.staying or place not in desired.scope]
    if len(left) >= config.majority:
        return ""
    return (
        f"; {desired.config.replica_set} loses its majority with it: {len(left)} of {len(config.voters)} voting members "
        f"({' '.join(left) or 'nobody'}) stay and {config.majority} are needed, so nothing can be written until one is back"
    )


def _hand_over(actual: Actual, desired: Desired) -> Plan:
    here, node = actual.here, desired.local
    leads = here.state == "PRIMARY" and here.health in (Health.ANSWERS, Health.DENIED) and not readiness.stranger(here, desired)
    if not leads or not desired.staying:
        return ()
    if not takers(actual, desired):
        if desired.config.allow_stop_without_handover:
            return ()
        reasons = "; ".join(filter(None, (_unfit(other, actual, desired) for other in desired.staying)))
        return (resolve(desired, f"{node} is the primary and no secondary can take over: {reasons or 'there is none'}", OVERRIDE),)
    budget = desired.config
    return (
        *_line_up(actual, desired),
        Step(
            "step-down",
            node,
            f"{node} is the primary: it steps down for {budget.step_down} s once a secondary has caught up, within {budget.catch_up} s",
            (("seconds", str(budget.step_down)), ("catch_up", str(budget.catch_up)), *at(desired, node)),
        ),
        Step(
            "wait-primary",
            budget.replica_set,
            f"wait until another than {node} is primary",
            (("not", host_of(node, actual, desired)), *group_args(desired)),
        ),
        Step(
            "drain",
            node,
            f"{node} runs on for {DRAIN_SECONDS} s, so that listeners have sent its clients to the new primary before it ends",
            (("seconds", str(DRAIN_SECONDS)),),
        ),
    )


def _line_up(actual: Actual, desired: Desired) -> Iterator[Step]:
    """mongod hands over to the caught-up one of the highest priority, of equals to the first (chooseElectionHandoffCandidate)."""
    config, fit = configuration(actual, desired), takers(actual, desired)
    if config is None or sum(one.visible for one in config.members) < 3:
        return
    heir = max((one for one in config.members if where(one, actual, desired) in fit), key=lambda one: one.priority)
    yield Step(
        "sync-from",
        desired.config.replica_set,
        f"{where(heir, actual, desired)} is to take over: the others copy from it, so that writes with w:majority need not wait for them",
        (("heir", heir.host), *at(desired, desired.local)),
    )


def takers(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """Members that could become primary now: of instances that stay, or of a person's own elsewhere."""
    config = configuration(actual, desired)
    places = [where(member, actual, desired) for member in config.members] if config is not None else []
    return tuple(
        place for place in places if (place in desired.staying or place not in desired.scope) and not _unfit(place, actual, desired)
    )


def _unfit(place: str, actual: Actual, desired: Desired) -> str:
    """Why that member cannot become primary, or ""."""
    config = configuration(actual, desired)
    found = [member for member in config.members if where(member, actual, desired) == place] if config is not None else []
    if not found:
        return f"{place} is not in the set"
    if not found[0].electable:
        return f"{place} may not be primary (votes {found[0].votes}, priority {found[0].priority:g})"
    if not caught_up(place, float("inf"), actual, desired):
        view = actual.views.get(place)
        return f"{place} is {(view.state or view.health.value) if view is not None else 'away'}"
    if not caught_up(place, desired.config.catch_up, actual, desired):
        return f"{place} is {lag(place, actual, desired):.0f} s behind"
    return ""


def _end(actual: Actual, desired: Desired) -> Iterator[Step]:
    if desired.config.launch and actual.runs:
        yield Step("stop", desired.local, f"mongod runs on {desired.local}", at(desired, desired.local))


def unprovision(actual: Actual, desired: Desired) -> Plan:
    """Hand over, leave the set, end, and leave nothing behind. A container's files go once it is gone: whoever ends it asks again."""
    other = readiness.other_set(actual.here, desired)
    if other:
        return _beside(other, actual, desired)
    moved = _hand_over(actual, desired)
    if moved and moved[0].do == "resolve":
        return moved
    leave = _leave(bool(moved), actual, desired)
    if leave is not None and leave.do == "resolve":
        return (leave,)
    gone = (*withdraw(host_of(desired.local, actual, desired), desired), leave) if leave is not None else ()
    steps = (*moved, *gone, *_end(actual, desired))
    if (actual.runs and not desired.config.launch) or not (actual.disk.config or actual.disk.has_data):
        return steps
    return (*steps, _remove_directory(desired))


def _remove_directory(desired: Desired) -> Step:
    return Step("remove-directory", desired.local, f"OpenSVC unprovisions mongod on {desired.local}", at(desired, desired.local))


def _beside(other: str, actual: Actual, desired: Desired) -> Plan:
    """UNPROVISION where another set's mongod runs. Data in our directory is that set's, by a replica_set that was changed since: whether
    the set bears its loss cannot be asked under the wrong name. Without data the mongod is another service's, and left alone."""
    if actual.disk.has_data:
        return (resolve(desired, f"{other}; {desired.config.data} holds data, and nothing is removed until then"),)
    return (_remove_directory(desired),) if actual.disk.config else ()


def _may_be_in_a_set(actual: Actual, desired: Desired) -> bool:
    """Might this node's data be a copy that counts? What is stopped cannot be asked; not where all others say that there is no set."""
    mine = actual.here.initiated or (actual.here.health is Health.ABSENT and actual.disk.has_data)
    return bool(mine) and any(actual.views[node].initiated is not False for node in desired.staying)


def _leave(hands_over: bool, actual: Actual, desired: Desired) -> Optional[Step]:
    """The reconfig that removes this node's member. None: it is in no set, or the others are going too, or it stays primary to its end."""
    node, config, head = desired.local, newest(actual, desired), primary(actual, desired)
    if not desired.staying:
        return None
    if not head:
        words = (
            leading.leaderless(actual, desired)
            or leading.unread(actual, desired)
            or f"{' '.join(desired.staying)} should run, and none says it is primary"
        )
        return resolve(desired, f"{node} cannot be removed from the set now: {words}") if _may_be_in_a_set(actual, desired) else None
    member = member_of(node, actual, desired)
    if config is None or member is None or len(config.members) == 1 or (head == node and not hands_over):
        return None
    after = without(config, member.host)
    if not keeps_majority(after, actual, desired):
        return resolve(
            desired,
            f"{node} cannot be removed: of the {len(after.voters)} voting members that would be left, {after.majority} have to be there; "
            "bring the others back first",
        )
    why = f"{node} leaves the replica set, and the others have a majority without it"
    return reconfig("remove", node, why, Change("remove", member.host), desired, config, after, actual)
