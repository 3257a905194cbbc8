"""What goes wrong at the worst moment: races, kills and reboots."""

import os
import signal
import threading
import time

import pytest

from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.mongo import client

pytestmark = pytest.mark.live


@pytest.mark.parametrize("pause", (0.5, 0.0))
def test_a_persons_reconfigs_and_ours_both_arrive(running, pause):
    """Somebody changes tags again and again, also without a pause, while n3 enters anew: n3 gets its vote, and the last tag is there."""
    running.leaving = {"n3"}
    running.reconcile("n3", Verb.UNPROVISION)
    running.leaving = set()
    # A person's change is on a majority after a heartbeat, 2 s, and the next one comes at once.
    running.keywords["ready_timeout"] = "120"
    made, ended = [0], threading.Event()

    def person():
        from pymongo.errors import PyMongoError

        while not ended.wait(pause):
            config = running.ask("n1", "replSetGetConfig")["config"]
            config["version"] += 1
            config["members"][0].setdefault("tags", {})["person"] = str(made[0] + 1)
            try:
                running.ask("n1", "replSetReconfig", config, seconds=20)
                made[0] += 1
            except PyMongoError:
                continue

    thread = threading.Thread(target=person, daemon=True)
    thread.start()
    try:
        running.start("n3")
    finally:
        ended.set()
        thread.join(30)
    config = running.ask("n1", "replSetGetConfig")["config"]
    assert made[0] > 1
    assert config["members"][0]["tags"]["person"] == str(made[0])
    assert running.votes() == {"n1": 1, "n2": 1, "n3": 1}


def test_a_start_killed_between_its_two_reconfigs_is_ended_by_whoever_looks_next(make_group):
    """kill -9 when n3 is a member and is about to get its vote: FOLLOW on n1 gives it the vote, and so would another START."""
    group = make_group()
    group.placed = {"n1", "n2"}
    group.start("n1", "n2")
    group.placed.add("n3")
    child = os.fork()
    if child == 0:
        client.DO["vote"] = lambda config, step, host: os.kill(os.getpid(), signal.SIGKILL)
        try:
            group.reconcile("n3", Verb.START)
        finally:
            os._exit(0)
    _, result = os.waitpid(child, 0)
    assert os.WIFSIGNALED(result)
    assert (group.votes()["n3"], group.states()["n3"]) == (0, 2)
    # The last look of the one that was killed was at a moment when the vote could be given.
    group.eventually(lambda: any(step.do == "vote" for step in group.plan("n1", Verb.FOLLOW)))
    group.reconcile("n1", Verb.FOLLOW)
    assert group.votes() == {"n1": 1, "n2": 1, "n3": 1}
    group.reconcile("n3", Verb.START)
    assert group.status("n3").status is Status.UP


def test_three_rebooted_at_once_are_the_same_set_with_the_same_data(running):
    """The power goes everywhere: started together again, nobody begins a second set, and every acknowledged write is there."""
    with running.writer("before") as load:
        load.progress()
    made = running.ask("n1", "replSetGetConfig")["config"]["settings"]["replicaSetId"]
    for node in running.nodes:
        running.signal(node, signal.SIGKILL)
    running.start()
    running.eventually(running.settled)
    assert running.ask("n2", "replSetGetConfig")["config"]["settings"]["replicaSetId"] == made
    assert load.lost() == set()


def test_a_start_without_a_majority_leaves_mongod_running_for_those_who_return(running):
    """The power goes everywhere, and n3 is back first: its START ends well without a wait, says what is missing, and n1 finds it there."""
    for node in running.nodes:
        running.signal(node, signal.SIGKILL)
    said = []
    began = time.monotonic()
    steps = running.reconcile("n3", Verb.START, lambda step: said.append(step.why)).steps
    assert time.monotonic() - began < 0.5 * running.config("n3").ready_timeout
    assert [step.do for step in steps] == ["launch", "wait-ready"]
    assert "majority lost: 1 of 3" in said[-1]
    pid = running.pid("n3")
    assert running.status("n3").status is Status.WARN
    assert running.reconcile("n3", Verb.START).steps == ()
    running.start("n1")
    running.eventually(lambda: running.settled("n1", "n3"))
    assert running.pid("n3") == pid
    assert running.status("n3").status is Status.UP


def test_a_primary_that_is_killed_is_replaced_by_the_set_itself(running):
    """No START, no FOLLOW: within the election time-out another is primary, nothing acknowledged is lost, and status says what is."""
    with running.writer("crash") as load:
        running.signal("n1", signal.SIGKILL)
        load.progress()
    assert load.lost() == set()
    assert load.outage() <= 2.0 + 2.0
    assert running.status("n1").status is Status.DOWN
    assert running.status("n2").status is Status.UP
    running.start("n1")
    assert running.votes() == {"n1": 1, "n2": 1, "n3": 1}


def test_a_lost_majority_is_said_in_one_sentence_and_left_to_a_person(running):
    """Two of three are dead: the third is no primary, START and FOLLOW change nothing, and the status names the way out."""
    for node in ("n1", "n2"):
        running.signal(node, signal.SIGKILL)
    running.dead = {"n1", "n2"}
    running.placed = {"n3"}
    running.eventually(lambda: any("majority lost" in line for line in running.status("n3").lines))
    assert running.plan("n3", Verb.FOLLOW) == ()
    assert len(running.ask("n3", "replSetGetConfig")["config"]["members"]) == 3
