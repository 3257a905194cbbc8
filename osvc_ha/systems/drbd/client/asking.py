"""Programs of DRBD that only tell something, and a failing one's own words."""

from __future__ import annotations

import re
from typing import Tuple

from osvc_ha.host import Completed, Host
from osvc_ha.planner.errors import ApplyError, ObserveError

SECONDS = 10.0
# drbdadm asks modinfo for the module before each start, which says so where there is none, and warns of a deprecated word.
NOISE = re.compile(r"modinfo: |.*DRBD module version|.*you should .*upgrade|\s*$")


def ask(host: Host, argv: Tuple[str, ...], seconds: float = SECONDS) -> Completed:
    """Run a program that only tells. ObserveError when it is missing or hangs: that is no answer."""
    try:
        return host.run(argv, seconds)
    except ApplyError as error:
        raise ObserveError(str(error)) from error


def told(done: Completed, who: str) -> str:
    """What it printed. ObserveError with its words when it failed."""
    if done.code:
        raise ObserveError(f"{who}: {said(done)}")
    return done.out


def said(done: Completed) -> str:
    """A failing program's own words, on one line, without what drbd-utils says at every start."""
    return spoken(done) or f"exit code {done.code}"


def spoken(done: Completed) -> str:
    """The same, "" when it said nothing."""
    lines = [line.strip() for line in (done.err + "\n" + done.out).splitlines() if not NOISE.match(line)]
    return " ".join(lines)[-500:]
