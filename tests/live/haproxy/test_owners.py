"""Two services with the same paths, and a real HAProxy that only one of them may touch."""

from __future__ import annotations

import os
import signal

import pytest

from osvc_ha.cluster.types import Instance, Object
from osvc_ha.drill.processes import wait_until
from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live
FIRST, SECOND = "prod/svc/first", "prod/svc/second"
PATIENCE = 30.0


class Pair:
    """The HAProxy of one node, asked as the one service or as the other."""

    def __init__(self, front) -> None:
        self.front = front
        for path in (FIRST, SECOND):
            self.add(path)

    def add(self, path: str) -> None:
        """The service is there."""
        nodes = tuple(self.front.addresses)
        self.front.objects[path] = Object(path, nodes, {node: Instance(node, "up") for node in nodes}, "flex")

    def at(self, path: str):
        """As this service sees it; "" for a command line that names none."""
        self.front.keywords["path"] = path
        return self.front

    def in_cluster(self, id: str) -> Pair:
        """As an agent of that cluster sees it, on the same machine."""
        self.front.cluster_id = id
        return self

    def files(self) -> dict[str, tuple[int, int]]:
        """Every file and socket that a purge takes away -> its inode and when it was written."""
        own, found = self.front.config.master_socket, {}
        for path in self.front.directory.rglob("*"):
            if path.name.startswith(own.name):
                # HAProxy's master makes it once more, by way of .tmp and .bak, after the worker has begun to answer.
                found[str(own)] = (0, 0)
            elif path.name not in ("haproxy.log", "lock") and not path.is_dir():
                found[str(path)] = (path.lstat().st_ino, path.lstat().st_mtime_ns)
        return found


@pytest.fixture
def pair(front, ports) -> Pair:
    """Two services and a listener; nothing runs."""
    front.service("web", next(ports), "tcp", target_port=next(ports))
    return Pair(front)


def test_the_second_does_nothing_to_what_the_first_runs(pair) -> None:
    """START and PROVISION are refused, the others find nothing to do, and no file, socket or process of the first is touched."""
    pair.at(FIRST).start()
    worker, files = pair.front.worker(), pair.files()
    for verb in (Verb.START, Verb.PROVISION):
        with pytest.raises(UnsafePlan, match=f"belong to {FIRST}, .* another config_file, runtime_dir and bind, or purge {FIRST}"):
            pair.at(SECOND).do(verb)
    pair.front.service("late", 1, "tcp")
    for verb in (Verb.FOLLOW, Verb.STOP, Verb.UNPROVISION):
        assert pair.at(SECOND).do(verb).steps == ()
    health = pair.at(SECOND).health()
    assert (health.status, len(health.lines)) == (Status.DOWN, 1)
    assert pair.front.worker() == worker
    assert pair.files() == files
    del pair.front.objects["prod/svc/late"]
    assert (pair.at(FIRST).health().status, pair.at(FIRST).start().steps) == (Status.UP, ())


def test_the_second_has_its_turn_when_the_first_is_purged(pair) -> None:
    """A purge leaves no mark behind, so whoever starts next has the paths."""
    pair.at(FIRST).start()
    pair.at(FIRST).do(Verb.UNPROVISION)
    assert [step.do for step in pair.at(SECOND).start().steps] == ["claim", "write", "start"]
    with pytest.raises(UnsafePlan, match=f"belong to {SECOND}"):
        pair.at(FIRST).start()
    pair.at(SECOND).do(Verb.UNPROVISION)
    assert pair.files() == {}


def test_what_is_left_of_a_deleted_service_is_taken_over_while_it_runs(pair) -> None:
    """The agent forgot the first without a purge: its HAProxy serves on as the second's, and a stop of the second alone ends nothing."""
    pair.at(FIRST).start()
    worker = pair.front.worker()
    del pair.front.objects[FIRST]
    assert pair.at(SECOND).do(Verb.STOP).steps == ()
    assert [step.do for step in pair.at(SECOND).start().steps] == ["claim"]
    assert pair.front.worker() == worker
    assert pair.at(SECOND).health().status is Status.UP
    assert [step.do for step in pair.at(SECOND).do(Verb.STOP).steps] == ["stop"]


@pytest.mark.parametrize("left", ["nothing", "half a mark", "garbage"])
def test_what_an_earlier_version_left_is_adopted(pair, left: str) -> None:
    """Without a mark, or with one that cannot be, HAProxy runs on and is the service's that starts or follows it."""
    pair.at("").start()
    worker = pair.front.worker()
    for mark in pair.front.config.marks.values():
        if left != "nothing":
            mark.write_bytes(b"prod/svc/sec" if left == "half a mark" else b"\xff\xfe\n")
    assert [step.do for step in pair.at(FIRST).follow().steps] == ["claim"]
    assert pair.at(FIRST).start().steps == ()
    assert pair.front.worker() == worker
    assert pair.at(SECOND).do(Verb.UNPROVISION).steps == ()


def test_a_hung_haproxy_of_the_first_does_not_hold_up_a_purge_of_the_second(pair) -> None:
    """What the first's sockets do not say is no concern of the second's: there is nothing for it to stop."""
    pair.at(FIRST).start()
    worker = pair.front.worker()
    os.kill(worker, signal.SIGSTOP)
    try:
        assert pair.at(SECOND).do(Verb.STOP).steps == pair.at(SECOND).do(Verb.UNPROVISION).steps == ()
        assert pair.at(SECOND).health().status is Status.DOWN
    finally:
        os.kill(worker, signal.SIGCONT)
    wait_until("the first is up", lambda: pair.at(FIRST).health().status is Status.UP, PATIENCE)
    assert pair.front.worker() == worker


def test_a_boot_gives_nobody_the_other_ones_file(pair) -> None:
    """/run is empty and nothing runs yet: the config file's own mark keeps the second out until the first has started."""
    pair.at(FIRST).start()
    pair.at(FIRST).do(Verb.STOP)
    for path in pair.front.config.runtime_dir.iterdir():
        path.unlink()
    with pytest.raises(UnsafePlan, match=f"haproxy.cfg belongs to {FIRST}"):
        pair.at(SECOND).start()
    assert [step.do for step in pair.at(FIRST).start().steps] == ["claim", "start"]


def test_the_same_service_of_another_cluster_is_another(pair) -> None:
    """One machine, two clusters, one path: while the one's HAProxy runs the other touches nothing; then whoever starts has the paths."""
    pair.at(FIRST).start()
    worker, files = pair.front.worker(), pair.files()
    pair.in_cluster("other")
    with pytest.raises(UnsafePlan, match=f"belong to {FIRST} of cluster id, .* where that cluster is no more, end"):
        pair.at(FIRST).start()
    for verb in (Verb.FOLLOW, Verb.STOP, Verb.UNPROVISION):
        assert pair.at(FIRST).do(verb).steps == ()
    assert pair.at(FIRST).health().status is Status.DOWN
    assert (pair.front.worker(), pair.files()) == (worker, files)

    pair.in_cluster("id").at(FIRST).do(Verb.STOP)
    assert [step.do for step in pair.in_cluster("other").at(FIRST).start().steps] == ["claim", "start"]
    with pytest.raises(UnsafePlan, match=f"belong to {FIRST} of cluster other"):
        pair.in_cluster("id").at(FIRST).start()


def test_a_mark_without_a_cluster_is_ours(pair) -> None:
    """An earlier version wrote the path alone: what runs goes on, and a stop ends it."""
    pair.at(FIRST).start()
    worker = pair.front.worker()
    for mark in pair.front.config.marks.values():
        mark.write_text(f"{FIRST}\n")
    assert pair.at(FIRST).follow().steps == pair.at(FIRST).start().steps == ()
    assert pair.front.worker() == worker
    assert [step.do for step in pair.at(FIRST).do(Verb.STOP).steps] == ["stop"]
