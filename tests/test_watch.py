"""The follower's promises: coalescing, what is left alone, back-off, its log, and how it ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import pytest

from osvc_ha.cluster.types import Cluster, Node
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.planner.types import Follows, Step, System
from osvc_ha.wakers import follow_file
from osvc_ha.watch import Followed, StoppableHost, Watch


def cluster(name: str = "test") -> Cluster:
    """A cluster whose name is the state that a system should follow."""
    return Cluster("id", name, "n1", {"n1": Node("n1", True)}, {})


@dataclass
class Follower:
    """A system whose one value should be the cluster's name; it counts how many reconciles run at the same time."""

    value: str = ""
    name: str = "toy"
    broken: bool = False
    notes: tuple[str, ...] = ()
    pause: Callable[[], object] = lambda: None
    running: int = 0
    most: int = 0
    observed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def followed(self) -> Followed:
        """As the watch takes it."""
        found: System[Any, Any, Any] = System(
            self.name, Follows.EVERYTHING, (), dict, self.observe, lambda config, cluster, verb: cluster.name, self.plan, self.apply,
            notes=lambda actual, desired: self.notes,
        )  # fmt: skip
        return Followed(found, None)

    def observe(self, config: object, cluster: Cluster, host: Host) -> str:
        with self.lock:
            self.running += 1
            self.observed += 1
            self.most = max(self.most, self.running)
        try:
            self.pause()
        finally:
            with self.lock:
                self.running -= 1
        if self.broken:
            raise ObserveError("toy:\n  cannot be asked")
        return self.value

    def plan(self, actual: str, desired: str) -> tuple[Step, ...]:
        return () if actual == desired else (Step("set", "value", f"it is {actual!r}\nand should be {desired!r}", (("to", desired),)),)

    def apply(self, config: object, step: Step, host: Host) -> None:
        self.value = step.arg("to")


Start = Callable[[Watch], threading.Thread]


@pytest.fixture
def start() -> Iterator[Start]:
    """Run a watch in a thread, and end it with the test."""
    begun: list[tuple[Watch, threading.Thread]] = []

    def run(watch: Watch) -> threading.Thread:
        thread = threading.Thread(target=watch.run)
        begun.append((watch, thread))
        thread.start()
        return thread

    yield run
    for watch, thread in begun:
        watch.stop()
        thread.join(5)
        assert not thread.is_alive()


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for it."""
    assert Host().wait(condition, seconds, 0.002)


def test_ten_thousand_wake_ups_are_one_running_and_one_queued(start: Start) -> None:
    """However many events come from however many threads while a reconcile runs, exactly one more follows, with the last state."""
    gate, inside = threading.Semaphore(0), threading.Semaphore(0)
    toy = Follower(pause=lambda: (inside.release(), gate.acquire()))
    state = ["first"]
    watch = Watch(lambda: cluster(state[0]), [toy.followed()], Host(), resync=600, settle=0)
    start(watch)
    assert inside.acquire(timeout=5)

    def storm() -> None:
        for _ in range(1250):
            watch.wake()

    threads = [threading.Thread(target=storm) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state[0] = "last"
    watch.wake()
    assert (watch.runs, toy.running) == (1, 1)
    # Each reconcile that changes something looks twice.
    gate.release(1000)
    until(lambda: toy.value == "last" and toy.running == 0 and toy.observed == 4)
    toy.pause = lambda: None
    assert (watch.runs, toy.most) == (2, 1)


def test_a_storm_that_lasts_never_overlaps(start: Start) -> None:
    """Ten thousand wake-ups while reconciles come and go: one at a time, far fewer of them, and the last state is followed."""
    toy = Follower(pause=lambda: Host().sleep(0.01))
    state = ["0"]
    watch = Watch(lambda: cluster(state[0]), [toy.followed()], Host(), resync=600)
    start(watch)

    def storm(number: int) -> None:
        for count in range(2000):
            state[0] = f"{number}.{count}"
            watch.wake()
            if not count % 100:
                Host().sleep(0.01)

    threads = [threading.Thread(target=storm, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state[0] = "last"
    watch.wake()
    until(lambda: toy.value == "last")
    assert toy.most == 1
    assert watch.runs < 200


def test_a_wake_up_during_a_reconcile_is_never_lost(start: Start) -> None:
    """What changed while the world was being read is read again."""
    gate, inside = threading.Semaphore(0), threading.Semaphore(0)
    toy = Follower(pause=lambda: (inside.release(), gate.acquire()))
    state = ["a"]
    watch = Watch(lambda: cluster(state[0]), [toy.followed()], Host(), resync=600, settle=0)
    start(watch)
    assert inside.acquire(timeout=5)
    state[0] = "b"
    watch.wake()
    gate.release(1000)
    until(lambda: toy.value == "b")


def test_what_no_event_told_is_found_by_the_resync(start: Start) -> None:
    """A change without any wake-up is followed after the resync period."""
    toy = Follower()
    state = ["a"]
    start(Watch(lambda: cluster(state[0]), [toy.followed()], Host(), resync=0.05))
    until(lambda: toy.value == "a")
    state[0] = "b"
    until(lambda: toy.value == "b")


def test_failures_are_retried_ever_less_often(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """A system that fails is tried again after about 1, 2, 4 s, at most 30, and never later than the resync."""
    watch = Watch(cluster, [], Host(), resync=600)
    pauses = []
    for watch._failures in (0, 1, 2, 3, 5, 6, 10_000):
        pauses.append(watch._pause())
    assert pauses[0] == 600
    for pause, longest in zip(pauses[1:], (1, 2, 4, 16, 30, 30)):
        assert 0.8 * longest <= pause <= longest
    quick = Watch(cluster, [], Host(), resync=0.5)
    quick._failures = 9
    assert quick._pause() <= 0.5


def test_a_wake_up_does_not_wait_for_the_back_off(start: Start) -> None:
    """The event may be what ends the failure: it is followed at once."""
    toy = Follower(broken=True)
    watch = Watch(cluster, [toy.followed()], Host(), resync=600)
    start(watch)
    until(lambda: watch.runs == 4 or bool(watch.wake()))
    toy.broken = False
    watch.wake()
    until(lambda: toy.value == "test", 0.5)


def test_one_line_for_each_step_and_each_new_trouble(caplog: pytest.LogCaptureFixture) -> None:
    """A step is one line with its reason, a failure one line until it changes, its end one line more."""
    caplog.set_level(logging.INFO)
    toy = Follower()
    watch = Watch(cluster, [toy.followed()], Host())
    toy.broken = True
    assert [watch.follow() for _ in range(3)] == [False] * 3
    toy.broken = False
    assert [watch.follow() for _ in range(3)] == [True] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "toy: toy: cannot be asked",
        "toy: set value: it is '' and should be 'test'",
        "toy: well again",
    ]


def test_a_note_is_said_when_it_becomes_true(caplog: pytest.LogCaptureFixture) -> None:
    """A label that was dropped is said once, a second one when it comes, although everything converged."""
    toy = Follower("test", notes=("port 7 is taken",))
    watch = Watch(cluster, [toy.followed()], Host())
    assert watch.follow() and watch.follow()
    toy.notes = ("port 7 is taken", "check=tpc is unknown")
    assert watch.follow()
    assert [record.getMessage() for record in caplog.records] == ["toy: port 7 is taken", "toy: check=tpc is unknown"]


def test_a_failing_system_does_not_stop_the_other() -> None:
    """Redis that cannot be asked keeps no placement change from HAProxy."""
    bad, good = Follower(name="bad", broken=True), Follower(name="good")
    assert not Watch(cluster, [bad.followed(), good.followed()], Host()).follow()
    assert good.value == "test"


def test_a_cluster_that_cannot_be_read_touches_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Cannot tell is not down: no system is even looked at, what depends on the cluster keeps the last one, and it is said once."""
    toy = Follower("before")
    seen: list[Cluster] = []

    def read() -> Cluster:
        raise ObserveError("cluster.json: truncated")

    watch = Watch(read, [toy.followed()], Host(), after=lambda cluster, followed: seen.append(cluster))
    assert [watch.follow(), watch.follow()] == [False, False]
    assert (toy.value, toy.observed, seen) == ("before", 0, [])
    assert [record.getMessage() for record in caplog.records] == ["cluster: cluster.json: truncated"]


def test_trouble_of_what_depends_on_it_does_not_end_the_watch() -> None:
    """A credentials file that cannot be read is a message and a later attempt, not the end of the follower."""
    toy = Follower()

    def after(cluster: Cluster, followed: Sequence[Followed]) -> None:
        raise ObserveError("credentials/redis: cannot be read")

    assert not Watch(cluster, [toy.followed()], Host(), after=after).follow()
    assert toy.value == "test"


def test_a_stop_ends_it_at_once_while_it_waits(start: Start) -> None:
    """A watch with nothing to do for ten minutes ends in well under a second."""
    toy = Follower()
    watch = Watch(cluster, [toy.followed()], Host(), resync=600)
    thread = start(watch)
    until(lambda: toy.value == "test")
    began = time.monotonic()
    watch.stop()
    thread.join(5)
    assert time.monotonic() - began < 0.5


def test_a_stop_cuts_a_long_wait_short() -> None:
    """A step that waits for the reload budget gives up when the watch is to end; a poll for the end of something does not."""
    host = StoppableHost()
    threading.Timer(0.05, lambda: setattr(host, "stopping", True)).start()
    began = time.monotonic()
    with pytest.raises(ApplyError, match="stopped while waiting"):
        host.sleep(30)
    assert time.monotonic() - began < 5
    host.sleep(0.02)
    assert not host.wait(lambda: False, 0.05)


@pytest.mark.parametrize("way", ["replaced", "removed", "made"])
def test_a_file_that_changes_wakes(tmp_path: Path, way: str) -> None:
    """A snapshot that is renamed into place, goes, or comes for the first time, is noticed."""
    file, woken = tmp_path / "cluster.json", threading.Event()
    if way != "made":
        file.write_text("old")
    with follow_file(file, woken.set, 0.01):
        if way == "removed":
            file.unlink()
        else:
            Host().replace(file, "new")
        assert woken.wait(5)


def test_without_a_file_nothing_is_followed() -> None:
    """The agent's node has no snapshot to look at."""
    before = threading.active_count()
    none: Optional[Path] = None
    with follow_file(none, lambda: None, 0.01):
        assert threading.active_count() == before


def test_a_dead_node_keeps_the_address_it_had() -> None:
    """Both agents drop a dead peer's labels with its status; what follows must not change its config for that."""
    alive = Node("n2", True, labels={"osvc_ha_address": "10.0.0.2"})
    here = Node("n1", True, labels={"osvc_ha_address": "10.0.0.1"})
    readings = [Cluster("id", "c", "n1", {"n1": here, "n2": peer}, {}) for peer in (alive, Node("n2", False))]
    seen: list[Cluster] = []
    watch = Watch(lambda: readings.pop(0), [], Host(), after=lambda cluster, followed: seen.append(cluster))
    assert watch.follow() and watch.follow()
    assert [cluster.nodes["n2"].address for cluster in seen] == ["10.0.0.2", "10.0.0.2"]
    assert not seen[1].nodes["n2"].alive
