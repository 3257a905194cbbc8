"""A command's time limit: what waits ends with an error, what does not wait is ended."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

from osvc_ha.deadline import TimedHost, TooLate, alarm
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Follows, Step, System, Verb

# Every TooLate is swallowed, as a clean-up that waits might.
STUBBORN = """
import time
from osvc_ha import deadline
deadline.AGAIN_SECONDS = 0.05
with deadline.alarm(0.05, "redis start: no end after 0.05 s", 5):
    while True:
        try:
            time.sleep(60)
        except deadline.TooLate:
            pass
"""


def test_waiting_ends_with_an_error_when_the_time_is_up() -> None:
    """Which says how long there was, however long the wait was meant to be."""
    host = TimedHost(0.1)
    began = time.monotonic()
    with pytest.raises(ApplyError, match=r"no end after 0\.1 s; what was done so far stays"):
        host.wait(lambda: False, 60)
    assert time.monotonic() - began < 5


def test_a_program_gets_no_more_than_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """But always a moment, for what has to be tidied up."""
    monkeypatch.setattr("osvc_ha.deadline.LEAST_SECONDS", 0.5)
    host = TimedHost(0.1)
    assert host.run(["true"]).code == 0
    with pytest.raises(ApplyError, match=r"no answer within 0\.5 s, killed"):
        host.run(["sleep", "60"], seconds=60)


def test_what_is_to_be_done_in_any_case_is_done() -> None:
    """The end of a write pause, say, after a wait that took too long."""
    done: list[str] = []

    def apply(config: Any, step: Step, host: Any) -> None:
        if step.do == "wait":
            host.wait(lambda: False, 60)
        done.append(step.do)

    plan = (Step("wait", "here", ""), Step("go on", "here", ""), Step("end the pause", "here", "", always=True))
    system: System[Any, Any, Any] = System(
        "slow", Follows.NOTHING, (), dict, lambda *_: None, lambda *_: None, lambda *_: plan, apply, lambda *_: None
    )
    with pytest.raises(ApplyError, match=r"slow: wait here: no end after 0\.05 s"):
        reconcile(system, None, None, Verb.STOP, TimedHost(0.05))  # type: ignore[arg-type]
    assert done == ["end the pause"]


def test_the_alarm_ends_what_does_not_wait() -> None:
    """And leaves no other alarm behind it."""
    with pytest.raises(TooLate), alarm(0.05, "", 5):
        while True:
            pass
    time.sleep(0.01)


def test_the_alarm_ends_even_what_swallows_it() -> None:
    """With its own words and exit code: the agent's SIGKILL would have none."""
    done = subprocess.run([sys.executable, "-c", STUBBORN], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (5, "redis start: no end after 0.05 s\n")
