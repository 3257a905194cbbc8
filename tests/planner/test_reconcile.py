"""reconcile and status: observe, plan, guard, apply, and look again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, NotConverged, ObserveError, UnsafePlan
from osvc_ha.planner.reconcile import look, reconcile, status
from osvc_ha.planner.types import Follows, Status, Step, Verb

values = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 2), max_size=8)
verbs = st.sampled_from(Verb)
Make = Callable[..., Any]


@given(values, values, verbs)
def test_one_pass_converges(world: Make, cluster: Cluster, machine: Host, actual: Any, config: Any, verb: Verb) -> None:
    """From any world, one run does what is needed, and the next finds nothing to do and touches nothing."""
    toy = world(actual)
    first = reconcile(toy.system(), config, cluster, verb, machine)
    assert toy.values == ({} if verb is Verb.STOP else config)
    assert [step.on for step in first.steps] == toy.tried
    assert reconcile(toy.system(), config, cluster, verb, machine).steps == ()
    assert len(toy.tried) == len(first.steps)


@given(values, values, st.integers(0, 8))
def test_a_killed_run_is_finished_by_the_next(
    world: Make, killed: Any, cluster: Cluster, machine: Host, actual: Any, config: Any, boundary: int
) -> None:
    """kill -9 between any two steps leaves a world that the next run brings to its end."""
    toy = world(actual, killed_after=boundary)
    assume(boundary < len(look(toy.system(), config, cluster, Verb.START, machine).steps))
    with pytest.raises(killed):
        reconcile(toy.system(), config, cluster, Verb.START, machine)
    assert len(toy.tried) == boundary
    toy.killed_after = 1000
    reconcile(toy.system(), config, cluster, Verb.START, machine)
    assert toy.values == config


def test_looking_changes_nothing(world: Make, cluster: Cluster, machine: Host) -> None:
    """A plan on its own touches nothing, and each step says why."""
    toy = world({"a": 1, "old": 1})
    plan = look(toy.system(), {"a": 2}, cluster, Verb.START, machine).steps
    assert [step.why for step in plan] == ["a should be 2", "old should be gone"]
    assert (toy.values, toy.tried) == ({"a": 1, "old": 1}, [])


def test_a_failed_step_speaks_with_the_programs_words(world: Make, cluster: Cluster, machine: Host) -> None:
    """The error names the system, the step, and repeats what the failing program said; later steps do not run."""
    toy = world({}, broken=frozenset("b"))
    with pytest.raises(ApplyError, match="^toy: set b: toyctl: cannot set b: READONLY$"):
        reconcile(toy.system(), {"a": 1, "b": 1, "c": 1}, cluster, Verb.START, machine)
    assert toy.tried == ["a", "b"]
    assert toy.values == {"a": 1}


def test_steps_marked_always_still_run(world: Make, cluster: Cluster, machine: Host) -> None:
    """The end of a write pause comes even after a failure, and the first failure is the one reported."""
    toy = world({}, broken=frozenset({"b", "end2"}), always=frozenset({"end1", "end2", "end3"}))
    config = {"a": 1, "b": 1, "c": 1, "end1": 1, "end2": 1, "end3": 1}
    with pytest.raises(ApplyError, match="set b"):
        reconcile(toy.system(), config, cluster, Verb.START, machine)
    assert toy.tried == ["a", "b", "end1", "end2", "end3"]


def test_a_step_without_effect_is_not_believed(world: Make, cluster: Cluster, machine: Host) -> None:
    """When every step claims success and the world did not move, that is an error with what is left to do."""
    toy = world({}, deaf=frozenset({"b", "c"}))
    with pytest.raises(NotConverged, match="^toy start: still to do: b should be 1; c should be 1$"):
        reconcile(toy.system(), {"a": 1, "b": 1, "c": 1}, cluster, Verb.START, machine)


def test_what_is_others_to_do_fails_no_start(world: Make, cluster: Cluster, machine: Host) -> None:
    """START does its own part, says what it cannot do, and ends well; the status stays a warning until others have done theirs."""
    toy, reports = world({}, theirs=frozenset("b")), []
    for done in (["a"], []):
        outcome = reconcile(toy.system(), {"a": 1, "b": 1}, cluster, Verb.START, machine, lambda step: reports.append(step.why))
        assert [step.on for step in outcome.steps] == done
    assert (toy.tried, reports) == (["a"], ["a should be 1", "b should be 1", "b should be 1"])
    health = status(toy.system(), {"a": 1, "b": 1}, cluster, machine)
    assert (health.status, health.lines) == (Status.WARN, ("b should be 1",))
    toy.values["b"] = 1
    assert status(toy.system(), {"a": 1, "b": 1}, cluster, machine).status is Status.UP


def test_what_cannot_be_read_is_not_touched(world: Make, cluster: Cluster, machine: Host) -> None:
    """No step runs on a world that could not be observed."""
    toy = world({"a": 1}, blind=True)
    with pytest.raises(ObserveError, match="connection refused"):
        reconcile(toy.system(), {"a": 2}, cluster, Verb.START, machine)
    assert toy.tried == []


def test_a_refused_plan_touches_nothing(world: Make, cluster: Cluster, machine: Host) -> None:
    """The guard sees the world, the wish and the plan before the first step, and its word is final."""
    seen: list[Any] = []

    def guard(*arguments: Any) -> None:
        seen.append(arguments)
        raise UnsafePlan("toy: a is the last one")

    toy = world({"a": 1}, guard=guard)
    with pytest.raises(UnsafePlan, match="the last one"):
        reconcile(toy.system(), {}, cluster, Verb.START, machine)
    assert seen == [({"a": 1}, {}, (toy.step("drop", "a", "a should be gone"),))]
    assert toy.tried == []


def test_each_step_is_reported_before_it_runs(world: Make, cluster: Cluster, machine: Host) -> None:
    """A step that hangs or kills the run is in the log; one that never ran is not."""
    toy = world({}, broken=frozenset("b"))
    reports: list[tuple[str, list[str]]] = []

    def report(step: Step) -> None:
        reports.append((step.why, list(toy.tried)))

    with pytest.raises(ApplyError):
        reconcile(toy.system(), {"a": 1, "b": 1, "c": 1}, cluster, Verb.START, machine, report)
    assert reports == [("a should be 1", []), ("b should be 1", ["a"])]


def test_a_transaction_gets_the_whole_plan(world: Make, cluster: Cluster, machine: Host) -> None:
    """Where the server has a transaction, every step is reported, all are handed over at once, and a refusal undoes nothing by halves."""
    toy = world({"old": 1})
    told: list[str] = []
    handed: list[tuple[str, ...]] = []

    def apply_all(config: Any, plan: Any, host: Host) -> None:
        handed.append(tuple(step.on for step in plan))
        if "b" in config:
            raise ApplyError("toyctl: transaction refused: READONLY")
        for step in plan:
            toy.apply(config, step, host)

    system = replace(toy.system(), apply_all=apply_all)
    with pytest.raises(ApplyError, match="^toy: toyctl: transaction refused: READONLY$"):
        reconcile(system, {"a": 1, "b": 1}, cluster, Verb.START, machine, lambda step: told.append(step.on))
    assert (told, handed, toy.values) == (["a", "b", "old"], [("a", "b", "old")], {"old": 1})
    reconcile(system, {"a": 1}, cluster, Verb.START, machine)
    assert (handed[1:], toy.values) == ([("a", "old")], {"a": 1})


@given(st.sampled_from(Follows), st.sampled_from(Follows))
def test_an_event_stays_within_what_may_follow(world: Make, cluster: Cluster, machine: Host, follows: Follows, needs: Follows) -> None:
    """FOLLOW runs a step only within ``follows``, refusing the whole plan otherwise; START may always."""
    toy = world({"a": 1}, follows=follows, needs={"a": needs})
    if follows is Follows.NOTHING:
        assert reconcile(toy.system(), {"a": 2, "b": 2}, cluster, Verb.FOLLOW, machine).steps == ()
    elif needs <= follows:
        reconcile(toy.system(), {"a": 2, "b": 2}, cluster, Verb.FOLLOW, machine)
        assert toy.values == {"a": 2, "b": 2}
        return
    else:
        with pytest.raises(UnsafePlan, match="set a: only OpenSVC's start or stop may do this"):
            reconcile(toy.system(), {"a": 2, "b": 2}, cluster, Verb.FOLLOW, machine)
    assert toy.values == {"a": 1}
    reconcile(toy.system(), {"a": 2}, cluster, Verb.START, machine)
    assert toy.values == {"a": 2}


def test_a_system_that_follows_nothing_is_not_even_read(world: Make, cluster: Cluster, machine: Host) -> None:
    """An event costs such a system nothing: a world that cannot be read raises no alarm."""
    toy = world({}, follows=Follows.NOTHING, blind=True)
    assert reconcile(toy.system(), {"a": 1}, cluster, Verb.FOLLOW, machine).steps == ()


@given(values, values)
def test_status_is_the_plan(world: Make, cluster: Cluster, machine: Host, actual: Any, config: Any) -> None:
    """Up when START has nothing to do, down when STOP has nothing to do, else warn with START's reasons."""
    toy = world(actual)
    health = status(toy.system(), config, cluster, machine)
    if actual == config:
        assert (health.status, health.lines) == (Status.UP, ())
    elif not actual:
        assert (health.status, health.lines) == (Status.DOWN, ())
    else:
        assert health.status is Status.WARN
        assert health.lines == tuple(step.why for step in look(toy.system(), config, cluster, Verb.START, machine).steps)
        assert health.lines
    assert toy.tried == []


@given(values, values)
def test_cannot_tell_is_not_down(world: Make, cluster: Cluster, machine: Host, actual: Any, config: Any) -> None:
    """A world that cannot be read is undef with the reason, whatever it holds: down would skip the stop."""
    health = status(world(actual, blind=True).system(), config, cluster, machine)
    assert (health.status, health.lines) == (Status.UNDEF, ("toy: connection refused",))


@given(values, values, st.sampled_from([Verb.START, Verb.STOP]))
def test_status_agrees_with_what_was_done(world: Make, cluster: Cluster, machine: Host, actual: Any, config: Any, verb: Verb) -> None:
    """After a successful start a resource is up, after a successful stop it is down."""
    assume(config)
    toy = world(actual)
    reconcile(toy.system(), config, cluster, verb, machine)
    assert status(toy.system(), config, cluster, machine).status is (Status.UP if verb is Verb.START else Status.DOWN)
