"""Volumes -> steps, sentences and facts: cases/*.json; and what holds for every volume.

A case has kind, verb, keywords, ``elsewhere`` (the service on n2) and ``actual``, the parts that are not as on a node where nothing is
mounted. It expects exactly its steps as [do, why]; its notes and facts, when it names them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.reconcile import judge
from osvc_ha.planner.types import Status
from osvc_ha.systems.volumes import SYSTEM
from osvc_ha.systems.volumes.plan.ours import GIVEN_UP
from osvc_ha.testing import Case, load_cases

KINDS = ("ext4", "xfs", "glusterfs", "ceph", "ceph-fuse", "local")


@pytest.mark.parametrize("case", load_cases(Path(__file__).parent / "cases"), ids=str)
def test_a_volume_becomes_steps(case: Case, world: Any) -> None:
    """Each case gives exactly its steps with the sentences an operator reads."""
    told = case.told
    more = {key: told[key] for key in ("elsewhere", "topology") if key in told}
    made = world(told.get("kind", "ext4"), told["verb"], **more, **told.get("keywords", {})).change(told.get("actual", {}))
    steps = SYSTEM.plan(made.actual, made.desired)
    assert [[step.do, step.why] for step in steps] == told["steps"]
    if "notes" in told:
        assert list(SYSTEM.notes(made.actual, made.desired)) == told["notes"]
    if "facts" in told:
        assert [list(fact) for fact in SYSTEM.facts(made.actual, made.desired)] == told["facts"]


MOUNTS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "fstype": st.sampled_from(("ext4", "xfs", "tmpfs", "fuse.glusterfs", "ceph")),
            "device": st.sampled_from(("147:0", "8:1")),
            "source": st.sampled_from(("/dev/drbd0", "n1:/v0", "n9:/v0", "n1:/v1", "10.0.0.1:/shop", "10.0.0.1:/")),
            "root": st.sampled_from(("/", "/part")),
            "shared": st.sampled_from((["rw"], ["ro"], ["rw", "emergency_ro"])),
            "own": st.sampled_from((["rw"], ["ro"])),
        },
    ),
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "hung": st.booleans(),
        "error": st.sampled_from(("", "EMFILE", *sorted(GIVEN_UP))),
        "same": st.booleans(),
        "used": st.integers(-1, 100),
    },
)
ACTUALS = st.fixed_dictionaries(
    {"mount": MOUNTS, "answer": ANSWERS},
    optional={
        "place": st.fixed_dictionaries(
            {},
            optional={
                "kind": st.sampled_from(("absent", "directory", "other")),
                "link": st.sampled_from(("", "/mnt")),
                "entries": st.sampled_from(([], ["a"])),
            },
        ),
        "device": st.sampled_from(({"number": "147:0"}, {"trouble": "/dev/drbd0: there is no such device"})),
        "elsewhere": st.sampled_from(([], ["/mnt"])),
        "below": st.sampled_from(([], ["/srv/shop/inner"])),
        "client": st.sampled_from(({}, {"pid": 7, "argv": ["ceph-fuse", "-r", "/shop"]}, {"pid": 7, "argv": ["ceph-fuse", "-r", "/x"]})),
        "content": st.sampled_from((None, "", "ext4", "xfs")),
        "errors": st.integers(0, 2),
    },
)
VOLUMES = {
    "kind": st.sampled_from(KINDS),
    "told": ACTUALS,
    "elsewhere": st.sampled_from(("up", "down", "warn")),
    "stuck": st.sampled_from(("refuse", "lazy")),
    "fsck": st.sampled_from(("auto", "no", "force")),
}
MANY = settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])


def made_of(world: Any, verb: str, kind: str, told: Any, elsewhere: str, stuck: str, fsck: str) -> Any:
    """The world of one example."""
    told = {key: value for key, value in told.items() if not (key == "mount" and value is None)}
    return world(kind, verb, elsewhere, stuck=stuck, fsck=fsck).change(told)


@MANY
@given(**VOLUMES)
def test_no_volume_is_both_up_and_down(world: Any, **example: Any) -> None:
    """What needs no start needs a stop, and what needs no stop needs a start; and a volume that is not mounted is down, never warn."""
    up, down = (made_of(world, verb, **example) for verb in ("start", "stop"))
    start, stop = SYSTEM.plan(up.actual, up.desired), SYSTEM.plan(down.actual, down.desired)
    assert start or stop
    if up.actual.mount is None:
        assert judge(_with(up), up.config, None, up.actual).status is Status.DOWN  # type: ignore[arg-type]


def _with(made: Any) -> Any:
    """The system, with what this world desires."""
    from dataclasses import replace

    return replace(SYSTEM, desired=lambda config, cluster, verb: replace(made.desired, verb=verb, mounted=verb.value == "start"))


@MANY
@given(**VOLUMES)
def test_every_plan_gets_there_or_is_refused(world: Any, **example: Any) -> None:
    """Done step by step, nothing is left to do; a step that only a person can do is the only one, and guard refuses it."""
    for verb in ("start", "stop"):
        made = made_of(world, verb, **example)
        plan = SYSTEM.plan(made.actual, made.desired)
        if any(step.do == "resolve" for step in plan):
            assert len(plan) == 1
            with pytest.raises(UnsafePlan):
                SYSTEM.guard(made.actual, made.desired, plan)
            continue
        if made.actual.below and plan and plan[0].do == "unmount":
            continue
        for step in plan:
            made.do(step)
        assert SYSTEM.plan(made.actual, made.desired) == ()


@MANY
@given(**VOLUMES)
def test_what_is_not_ours_is_never_touched(world: Any, **example: Any) -> None:
    """Another device, volume or folder at the mount point is neither unmounted nor mounted over."""
    example["told"] = {**example["told"], "mount": {"fstype": "tmpfs", "source": "memory", "device": "0:99"}}
    if example["kind"] == "local":
        example["told"]["answer"] = {"same": False}
    for verb in ("start", "stop", "unprovision", "provision"):
        made = made_of(world, verb, **example)
        assert {step.do for step in SYSTEM.plan(made.actual, made.desired)} <= {"resolve"}


@MANY
@given(**VOLUMES)
def test_two_nodes_never_write_one_filesystem(world: Any, **example: Any) -> None:
    """While OpenSVC has the service up on another living node, ext4 and xfs are not mounted here."""
    made = made_of(world, "start", **{**example, "elsewhere": "up"})
    fresh = made.config.kind.block and made.actual.mount is None
    assert not fresh or [step.do for step in SYSTEM.plan(made.actual, made.desired)] == ["resolve"]
