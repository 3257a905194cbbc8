"""A mongod that runs and does not listen yet, and one that hangs: nobody may take it for gone, nor wait for it for long."""

import contextlib
import itertools
import signal
import threading
import time

import pytest

from osvc_ha.drill.processes import listening
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError, NotConverged, ObserveError
from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.mongo.client import processes
from osvc_ha.systems.mongo.client.finding import configuration, find_process
from osvc_ha.systems.mongo.client.link import Trouble, session
from osvc_ha.systems.mongo.client.peers import peer_at

pytestmark = pytest.mark.live
# As one that reads its journal: the process is there, and its port is not.
WAITS = """#!/bin/sh
while ! test -e {go}; do sleep 0.05; done
exec {program} "$@"
"""


class Start(threading.Thread):
    """START as the agent of a node does it, all the while that its mongod does not listen."""

    def __init__(self, group, node="n3"):
        super().__init__(daemon=True)
        self.group, self.node, self.error = group, node, None

    def run(self):
        """Keep the error."""
        try:
            self.group.reconcile(self.node, Verb.START)
        except HaError as error:
            self.error = error


@pytest.fixture
def go(running):
    """n3 is stopped, and its mongod will not listen before this file is there; its START is under way."""
    running.stop("n3")
    script, file = running.directory / "mongod-that-waits", running.directory / "go"
    script.write_text(WAITS.format(go=file, program=running.program))
    script.chmod(0o755)
    running.own["n3"] = {"mongod": str(script)}
    running.placed.add("n3")
    running.starting = Start(running)
    running.starting.start()
    running.eventually(lambda: find_process(running.config("n3"), running.host) > 0)
    yield file
    file.touch()
    running.starting.join(60)


def test_stop_ends_one_that_does_not_listen_yet(running, go):
    """Its status is a warning, and STOP ends the process; only then is it down."""
    health = running.status("n3")
    assert health.status is Status.WARN
    assert "mongod runs on n3, and does not listen yet or any more" in health.lines
    running.reconcile("n3", Verb.STOP)
    assert find_process(running.config("n3"), running.host) == 0
    running.starting.join(30)
    assert "it ended at once" in str(running.starting.error)
    assert running.status("n3").status is Status.DOWN
    assert (running.directory / "n3" / "data").exists()


def test_unprovision_takes_no_data_away_under_a_process(running, go):
    """The directory goes when the process has ended, and not before."""
    running.leaving = {"n3"}
    seen = []

    def report(step):
        seen.append((step.do, find_process(running.config("n3"), running.host) > 0))

    running.reconcile("n3", Verb.UNPROVISION, report)
    assert seen == [("remove", True), ("stop", True), ("remove-directory", False)]
    assert not (running.directory / "n3").exists()


def test_a_second_start_waits_for_the_first_ones_mongod(running, go):
    """The run that launched it may be dead: another one launches nothing beside it, and takes it in when it listens."""
    again = Start(running)
    again.start()
    go.touch()
    for one in (again, running.starting):
        one.join(60)
        assert one.error is None
    assert (running.directory / "n3" / "mongod.log").read_text().count('"msg":"MongoDB starting"') == 2
    assert listening(running.addresses["n3"], running.port)
    assert running.status("n3").status is Status.UP


def test_a_conversation_with_one_that_hangs_half_way_is_over_in_time(make_group):
    """All commands together have the three seconds; mongod is stopped after two of them."""
    group = make_group(1)
    group.start()
    peer = peer_at(group.config("n1"), f"{group.addresses['n1']}:{group.port}", group.host)
    began = time.monotonic()
    try:
        with session(peer, 3.0) as talk:
            first = talk.hello()
            # It answers when something changes, and that is never here.
            talk.ask("hello", topologyVersion=first["topologyVersion"], maxAwaitTimeMS=2000)
            group.signal("n1", signal.SIGSTOP)
            with pytest.raises(Trouble, match="ping: no answer within 3 s"):
                talk.ask("ping")
        assert 3.0 <= time.monotonic() - began < 4.5
    finally:
        group.signal("n1", signal.SIGCONT)


class Unsteady(Host):
    """Somebody sets its clock, an hour ahead each time that it is asked."""

    def __init__(self):
        self.hours = itertools.count()

    def now(self):
        """Each time another."""
        return super().now() + 3600 * next(self.hours)


def test_a_clock_that_is_set_ends_no_wait(group):
    """START has its ready_timeout by a clock that nobody can set."""
    group.host = Unsteady()
    group.start()
    assert group.settled()


def leads(group, head, other):
    """Does head, with a configuration that is committed, and does the other read from it? As long as that asks the one that hangs, head
    may hear too little of it, and stand down once more."""
    from pymongo.errors import NotPrimaryError

    if group.ask(other, "replSetGetStatus").get("syncSourceHost") != f"{group.addresses[head]}:{group.port}":
        return False
    try:
        return group.ask(head, "replSetGetConfig", commitmentStatus=True)["commitmentStatus"]
    except NotPrimaryError:
        return False


def test_a_mongod_that_hangs_on_the_first_node_keeps_nobody_from_following(make_group):
    """n1's is stopped (SIGSTOP) and another is primary: n1's follower stays the one writer and goes on, and its status says what hangs."""
    # The keyword's default. With the 2 s of the other tests, which are MongoDB's own time between heartbeats, n2 stands down now and then.
    group = make_group(election_timeout="5200")
    group.start()
    group.eventually(lambda: group.primary() == "n1")
    group.signal("n1", signal.SIGSTOP)
    try:
        group.eventually(lambda: leads(group, "n2", "n3"), 60)
        config = group.ask("n2", "replSetGetConfig")["config"]
        config["version"] += 1
        last = next(member for member in config["members"] if member["host"] == f"{group.addresses['n3']}:{group.port}")
        last["priority"] = 7
        group.ask("n2", "replSetReconfig", config, seconds=30)
        assert "priority" not in [step.do for step in group.plan("n2", Verb.FOLLOW)]

        def put_right() -> bool:
            # As the follower does: again and again. The first may meet a change that is not committed yet, or see no primary.
            with contextlib.suppress(ObserveError, NotConverged):
                group.reconcile("n1", Verb.FOLLOW)
            members = group.ask("n2", "replSetGetConfig")["config"]["members"]
            return sorted(member["priority"] for member in members) == [98, 99, 100]

        group.eventually(put_right, 30)
        health = group.status("n1")
        assert health.status is Status.WARN
        assert any("mongod on n1 is silent" in line and "see whether the process hangs" in line for line in health.lines)
    finally:
        group.signal("n1", signal.SIGCONT)


def test_a_mongod_that_hangs_while_nobody_leads_is_no_news_of_the_set(make_group):
    """Nothing is known then, and that is what its status says."""
    group = make_group(1)
    group.start()
    group.signal("n1", signal.SIGSTOP)
    try:
        health = group.status("n1")
        assert health.status is Status.UNDEF and "see whether the process hangs" in health.lines[0]
    finally:
        group.signal("n1", signal.SIGCONT)


def test_a_container_is_waited_for_as_long_as_a_member(make_group):
    """With launch=false, ready_timeout says how long START waits for the mongod that another starts."""
    group = make_group(1, launch="false", ready_timeout="3")
    began = time.monotonic()
    with pytest.raises(HaError, match="nothing answers on .* after 3 s; with launch=false its container or app has to run"):
        group.reconcile("n1", Verb.START)
    assert 3.0 <= time.monotonic() - began < 12.0


def test_a_container_that_has_ended_is_not_waited_for(make_group, monkeypatch):
    """Its mongod was seen, and is gone before it listened: START fails long before its time is over, so that OpenSVC starts it again."""
    seen = threading.Event()

    def find(config, host):
        found = find_process(config, host)
        if found:
            seen.set()
        return found

    monkeypatch.setattr(processes, "ENDED_SECONDS", 1.0)
    monkeypatch.setattr(processes, "find_process", find)
    group = make_group(1, launch="false", ready_timeout="60")
    group.reconcile("n1", Verb.PROVISION)
    script = group.directory / "mongod-that-waits"
    script.write_text(WAITS.format(go=group.directory / "never", program=group.program))
    script.chmod(0o755)
    container = group.run.start("container", [str(script), "--config", str(configuration(group.config("n1")))])
    group.eventually(lambda: find_process(group.config("n1"), group.host) > 0)
    starting = Start(group, "n1")
    starting.start()
    # Once by the look, and once by the step that waits.
    for _ in range(2):
        seen.clear()
        assert seen.wait(20)
    container.kill()
    began = time.monotonic()
    starting.join(60)
    assert "the mongod that ran has ended" in str(starting.error)
    assert time.monotonic() - began < 20
