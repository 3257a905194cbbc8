"""The shared words: what a Step shows and hides, and what the errors tell a shell."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest

from osvc_ha.planner import errors
from osvc_ha.planner.types import Follows, Step

STEP = Step("write", "/etc/haproxy.cfg", "listener redis moved", (("lines", "12"),), payload="password hunter2")


def test_a_payload_never_shows() -> None:
    """Neither a log line, a traceback nor the JSON output can show a config file's secrets."""
    assert "hunter2" not in f"{STEP} {STEP!r} {json.dumps(STEP.public())}"


def test_a_step_in_json_is_what_is_done_to_what_and_why() -> None:
    """The JSON form of a step has its four public fields."""
    assert STEP.public() == {"do": "write", "on": "/etc/haproxy.cfg", "why": "listener redis moved", "args": {"lines": "12"}}


def test_a_missing_argument_is_an_error() -> None:
    """An apply that asks for an argument its plan did not set fails instead of going on with nothing."""
    assert STEP.arg("lines") == "12"
    with pytest.raises(KeyError):
        STEP.arg("mode")


def test_a_plan_cannot_be_changed_between_look_and_leap() -> None:
    """What was shown and guarded is what runs."""
    with pytest.raises(FrozenInstanceError):
        STEP.on = "/etc/passwd"  # type: ignore[misc]


def test_each_degree_of_following_covers_the_ones_below() -> None:
    """Nothing, membership, everything: in this order."""
    assert sorted(Follows, reverse=True) == [Follows.EVERYTHING, Follows.MEMBERSHIP, Follows.NOTHING]


def test_a_shell_can_tell_the_errors_apart() -> None:
    """Every kind of error has its own exit code, none is success, and all are caught as one family."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.HaError)]
    codes = {kind.exit_code for kind in kinds}
    assert len(kinds) >= 6
    assert len(codes) == len(kinds)
    assert 0 not in codes
