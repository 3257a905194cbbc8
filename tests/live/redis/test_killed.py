"""kill -9 of the run that hands over, between any two of its steps."""

import os
import signal

import pytest

from osvc_ha.planner.types import Verb
from osvc_ha.redis_link import links

pytestmark = pytest.mark.live

STEPS = ("pause", "drain", "failover", "promoted", "demote", "disconnect", "release", "settle", "end-server", "end-sentinel")


def stop_killed_before(group, step_name):
    """STOP on n1 in a child process that kills itself when it is about to do the step."""
    links().close()
    child = os.fork()
    if child == 0:

        def report(step):
            if step.do == step_name:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            group.reconcile("n1", Verb.STOP, report)
        finally:
            os._exit(0)
    _, result = os.waitpid(child, 0)
    assert os.WIFSIGNALED(result), f"the plan had no step {step_name}"


@pytest.mark.parametrize("step_name", STEPS)
def test_a_stop_killed_before_any_step_is_healed_by_the_next_stop(running, writer, step_name):
    """Whatever STOP had done when it was killed, the next STOP ends it, and no acknowledged write is lost."""
    with writer(running) as load:
        running.leaving = {"n1"}
        stop_killed_before(running, step_name)
        running.reconcile("n1", Verb.STOP)
        running.placed.discard("n1")
        load.progress()
    assert load.lost() == set()
    assert running.plan("n1", Verb.STOP) == ()
    assert running.master() in ("n2", "n3")


@pytest.mark.parametrize("step_name", ("pause", "failover", "promoted", "demote", "release"))
def test_a_stop_killed_and_never_repeated_heals_by_itself(running, writer, step_name):
    """Nobody stops it again: the pause ends, writes go on somewhere, the fence is taken back, nothing is lost."""
    with writer(running) as load:
        stop_killed_before(running, step_name)
        load.progress()
        running.eventually(lambda: healed(running), 30)
    assert load.lost() == set()
    assert {server.min_replicas for server in running.look().servers.values()} == {1}


def healed(group):
    """Does FOLLOW, which the watcher repeats, find nothing more to do, with every node ready?"""
    try:
        group.reconcile("n1", Verb.FOLLOW)
        return all(group.status(node).status.value == "up" for node in group.nodes)
    except Exception:
        return False
