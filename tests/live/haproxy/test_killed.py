"""A reconcile that is killed at any moment: the next one converges."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable

import pytest

from osvc_ha.drill.process import residents
from osvc_ha.drill.processes import wait_until
from osvc_ha.host import Host
from osvc_ha.planner.errors import NotConverged, ObserveError
from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live
PATIENCE = 30.0
DOORS = ("run", "launch", "replace", "remove", "exchange", "kill", "lock")


class Doomed(Host):
    """The real machine, until the n-th thing done to it: just before it, or just after it, this process is killed."""

    def __init__(self, number: int, after: bool) -> None:
        self.left = number
        self.after = after
        for door in DOORS:
            setattr(self, door, self.counted(getattr(super(), door)))

    def counted(self, call: Callable[..., object]) -> Callable[..., object]:
        """The same call, with death around the last one."""

        def last(*args: object, **keywords: object) -> object:
            self.left -= 1
            if self.left == 0 and not self.after:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = call(*args, **keywords)
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return last


def killed(front, verb: Verb, number: int, after: bool) -> bool:
    """Run in a child that is killed at its n-th deed; False when it came to its end before."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            front.host = Doomed(number, after)
            front.do(verb)
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


def converge(front, verb: Verb) -> None:
    """The next runs: while HAProxy is half way through its own start or reload they may say so, then all is done."""

    def is_done() -> bool:
        with contextlib.suppress(ObserveError, NotConverged):
            return front.do(verb).steps == ()
        return False

    wait_until("converged", is_done, PATIENCE)


def one_master(front) -> bool:
    """Is there one HAProxy master and one worker?"""
    pids = {int(line.split()[0]) for line in front.processes().splitlines() if line[:1].isdigit()}
    return len(pids) == 2 and pids == set(residents(front.directory))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_start_killed_anywhere_is_finished_by_the_next(make_front, group, ports, ask, after) -> None:
    """However far it came, there is one HAProxy in the end, with the right config, and it serves the master alone."""
    front = make_front()
    front.port = next(ports)
    front.service("cache", front.port, "redis", target_port=group.port, sentinel_port=group.sentinel_port)
    front.service("web", next(ports), "tcp", up=("n1",), target_port=group.port)
    number = 1
    while killed(front, Verb.START, number, after):
        converge(front, Verb.START)
        front.await_up("n3", part=":cache:")
        front.await_up("n1", part=":web:")
        assert front.health().status is Status.UP
        wait_until("one master, one worker", lambda: one_master(front), PATIENCE)
        front.do(Verb.STOP)
        wait_until("nothing is left", lambda: residents(front.directory) == [], PATIENCE)
        front.config.config_file.unlink()
        number += 1
    assert number > 8


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_reload_killed_anywhere_is_finished_by_the_next(make_front, group, ports, ask, after) -> None:
    """The listeners in use are never touched, and the new one comes."""
    front = make_front(workers="100")
    front.port = next(ports)
    front.service("cache", front.port, "redis", target_port=group.port, sentinel_port=group.sentinel_port)
    front.start()
    front.await_up("n3")
    port, number, more = next(ports), 1, True
    while more:
        if not front.objects.pop("prod/svc/web", None):
            front.service("web", port, "tcp", up=("n1",), target_port=group.port)
        more = killed(front, Verb.FOLLOW, number, after)
        assert "master" in ask(front.addresses["n1"], front.port, "ROLE")
        converge(front, Verb.FOLLOW)
        front.await_up("n3", part=":cache:")
        front.await_up(*(["n1"] if "prod/svc/web" in front.objects else []), part=":web:")
        assert front.health().status is Status.UP
        number += 1
    assert number > 8
    wait_until("one master, one worker", lambda: one_master(front), PATIENCE)
