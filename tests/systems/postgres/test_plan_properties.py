"""Whatever is seen: what START, STOP and PROVISION never do, and that what nobody can tell is never called down."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.cluster.types import Cluster
from osvc_ha.planner.reconcile import judge
from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.postgres import SYSTEM
from osvc_ha.systems.postgres.config import Config
from osvc_ha.systems.postgres.state import Actual, Answer, Desired, Directory, Folder, Kind, Machine
from osvc_ha.systems.postgres.state.pidfile import PHASES, PidFile

CONFIG = Config("prod/svc/pg", "/srv/pg/data", "/srv/pg", log="/x", remove_data=True)
CLUSTER = Cluster("", "", "n1", {}, {})
pids = st.integers(0, 9)
words = st.sampled_from(["", "some words of another"])
pid_files = st.builds(PidFile, pid=pids, port=st.sampled_from([0, 5432, 5433]), phase=st.sampled_from(["", *sorted(PHASES)]))
directories = st.builds(
    Directory,
    folder=st.sampled_from(Folder),
    mounted=st.booleans(),
    trouble=words,
    major=st.sampled_from(["", "13", "15"]),
    owner=st.sampled_from([-1, 101, 105]),
    free=st.integers(0, 10),
    size=st.integers(0, 10),
    standby=st.booleans(),
    recovery=st.booleans(),
    patroni=st.booleans(),
    pid_file=st.none() | pid_files,
)
machines = st.builds(
    Machine, major=st.sampled_from(["", "15"]), trouble=words, uid=st.sampled_from([-1, 101]), rival=words, taken=words, lock=words
)
answers = st.builds(Answer, kind=st.sampled_from(Kind), words=words, in_recovery=st.booleans(), version=st.just("15.14"))
readings = st.builds(
    Actual,
    st.just("n1"),
    directories,
    machines,
    pids,
    st.lists(st.integers(10, 19), max_size=2).map(tuple),
    answers,
    words,
)


def steps_of(actual: Actual, verb: Verb) -> list[str]:
    """What would be done."""
    return [step.do for step in SYSTEM.plan(actual, Desired(verb, CONFIG))]


@given(readings)
def test_never_a_second_server(actual: Actual) -> None:
    """Nothing is launched beside a server that runs or a rival, before what a dead one left is ended, or where the volume is not."""
    steps = steps_of(actual, Verb.START)
    if "launch" in steps:
        assert not actual.postmaster or steps[0] == "await-end"
        assert actual.postmaster or (actual.directory.mounted and actual.directory.folder is Folder.CLUSTER and not actual.machine.rival)
        assert not actual.orphans or actual.postmaster or steps[0] == "end-orphans"
        assert actual.postmaster or not (actual.directory.standby or actual.directory.patroni)


@given(readings)
def test_a_lock_is_never_taken_from_the_living(actual: Actual) -> None:
    """postmaster.pid is removed only where no postmaster runs, and only on a mounted volume."""
    if {"remove-pid-file", "remove-lock"} & set(steps_of(actual, Verb.START)):
        assert actual.postmaster == 0 and actual.directory.mounted


@given(readings)
def test_data_is_made_only_where_there_is_none_and_removed_only_where_it_is(actual: Actual) -> None:
    """Neither on an empty mount point, nor over anything."""
    if "initdb" in steps_of(actual, Verb.PROVISION):
        assert actual.directory.mounted and actual.directory.folder in (Folder.ABSENT, Folder.EMPTY) and not actual.postmaster
    if "remove-data" in steps_of(actual, Verb.UNPROVISION):
        assert actual.directory.mounted and actual.directory.folder is Folder.CLUSTER
    assert not {"initdb", "remove-data"} & {*steps_of(actual, Verb.START), *steps_of(actual, Verb.STOP)}


@given(readings)
def test_whatever_runs_can_be_stopped_and_is_not_called_down(actual: Actual) -> None:
    """A stop depends on processes alone, and an agent hears "down" only when none is left."""
    runs = bool(actual.postmaster or actual.orphans)
    steps = SYSTEM.plan(actual, Desired(Verb.STOP, CONFIG))
    SYSTEM.guard(actual, Desired(Verb.STOP, CONFIG), steps)
    assert bool(steps) == runs
    health = judge(SYSTEM, CONFIG, CLUSTER, actual)
    assert (health.status is Status.DOWN) == (not runs)
    if health.status is Status.UP:
        assert actual.serves and not (actual.answer.kind is Kind.ANSWERS and actual.answer.in_recovery)


@given(readings, st.sampled_from(Verb))
def test_every_sentence_says_something(actual: Actual, verb: Verb) -> None:
    """No step, warning or fact is empty, whatever is missing."""
    wanted = Desired(verb, CONFIG)
    assert all(len(step.why) > 10 and "None" not in step.why for step in SYSTEM.plan(actual, wanted))
    assert all(SYSTEM.notes(actual, wanted))
    assert all(name and value and ":" not in name for name, value in SYSTEM.facts(actual, wanted))
