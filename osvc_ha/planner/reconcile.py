"""The only place where observe, desired, plan, guard and apply are called in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional, Tuple

from .errors import ApplyError, HaError, NotConverged, ObserveError
from .guard import refuse_beyond
from .types import Facts, Follows, Plan, Status, Step, System, Verb

if TYPE_CHECKING:
    from osvc_ha.cluster.types import Cluster
    from osvc_ha.host import Host

Report = Callable[[Step], None]


@dataclass(frozen=True)
class Outcome:
    """The steps of one reconcile, in order; empty means there was nothing to do. notes: what an operator should read.

    actual: the last look, for ``judge``; None when nobody looked.
    """

    verb: Verb
    steps: Plan
    notes: Tuple[str, ...] = ()
    actual: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Health:
    """A status, the sentences behind it (warnings), and the facts."""

    status: Status
    lines: Tuple[str, ...] = ()
    facts: Facts = ()


def silent(step: Step) -> None:
    """Report to nobody."""


def reconcile(system: System[Any, Any, Any], config: Any, cluster: Cluster, verb: Verb, host: Host, report: Report = silent) -> Outcome:
    """Make the world follow. Raises an HaError; what was done by then is in the reports.

    After the last step the world is read again, and only that decides: leftovers raise
    NotConverged, a failed step raises ApplyError once the steps marked ``always`` have run.
    What is others' to do is reported, and neither done nor missed.
    """
    left = look(system, config, cluster, verb, host)
    steps = _ours(left.steps)
    if steps:
        carry_out = _one_by_one if system.apply_all is None else _together
        failure = carry_out(system, config, steps, host, report)
        if failure is not None:
            raise failure
        left = look(system, config, cluster, verb, host)
    undone = _ours(left.steps) if steps else ()
    if undone:
        raise NotConverged(f"{system.name} {verb.value}: still to do: " + "; ".join(step.why for step in undone))
    for step in left.steps:
        report(step)
    return Outcome(verb, steps, left.notes, left.actual)


def _ours(plan: Plan) -> Plan:
    return tuple(step for step in plan if not step.theirs)


def look(system: System[Any, Any, Any], config: Any, cluster: Cluster, verb: Verb, host: Host) -> Outcome:
    """What a reconcile would do now, and the notes; change nothing."""
    if verb is Verb.FOLLOW and system.follows is Follows.NOTHING:
        return Outcome(verb, ())
    actual = system.observe(config, cluster, host)
    desired = system.desired(config, cluster, verb)
    plan = system.plan(actual, desired)
    refuse_beyond(system.follows, verb, plan)
    system.guard(actual, desired, plan)
    return Outcome(verb, plan, system.notes(actual, desired), actual)


def _one_by_one(system: System[Any, Any, Any], config: Any, plan: Plan, host: Host, report: Report) -> Optional[HaError]:
    failure: Optional[HaError] = None
    for step in plan:
        if failure is not None and not step.always:
            continue
        report(step)
        try:
            system.apply(config, step, host)
        except HaError as error:
            failure = failure or ApplyError(f"{system.name}: {step.do} {step.on}: {error}")
    return failure


def _together(system: System[Any, Any, Any], config: Any, plan: Plan, host: Host, report: Report) -> Optional[HaError]:
    assert system.apply_all is not None
    for step in plan:
        report(step)
    try:
        system.apply_all(config, plan, host)
    except HaError as error:
        return ApplyError(f"{system.name}: {error}")
    return None


def status(system: System[Any, Any, Any], config: Any, cluster: Cluster, host: Host) -> Health:
    """How it is now. Cannot tell is not down: an agent that hears "down" skips the stop, and so the demotion."""
    try:
        return judge(system, config, cluster, system.observe(config, cluster, host))
    except ObserveError as error:
        return Health(Status.UNDEF, (str(error),))


def judge(system: System[Any, Any, Any], config: Any, cluster: Cluster, actual: Any) -> Health:
    """Status is the plan: up when START has nothing to do, down when STOP has nothing to do."""
    desired = system.desired(config, cluster, Verb.START)
    start = system.plan(actual, desired)
    if not start:
        return Health(Status.UP, system.notes(actual, desired), system.facts(actual, desired))
    if not system.plan(actual, system.desired(config, cluster, Verb.STOP)):
        # A start that would be refused: whoever wonders why it stays down is told; and how far it is, whoever waits.
        return Health(Status.DOWN, tuple(step.why for step in start if step.do == "resolve"), system.facts(actual, desired))
    lines = tuple(dict.fromkeys((*(step.why for step in start), *system.notes(actual, desired))))
    return Health(Status.WARN, lines, system.facts(actual, desired))
