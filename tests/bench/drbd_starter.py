"""Promotes r0 inside a node of the lab, by `drbdadm primary` or as agent 2.1 starts a resource, and says how long that took.

    python drbd_starter.py pairs SNAPSHOT COUNT             in turn, a line of JSON for each pair
    python drbd_starter.py takeover SNAPSHOT bare|driver    once, and mounted; begins with a line on standard input

The driver is imported before: agent 2.1 loads its drivers before it starts a service. A status has run before, in a process of its
own: the agent has one run every few minutes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from osvc_ha.agents.resource import Resource
from osvc_ha.discovery import load_cluster
from osvc_ha.host import RUN_SECONDS, Completed, Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Verb
from osvc_ha.systems.drbd import SYSTEM

PRIMARY = ("drbdadm", "primary", "r0")
SECONDARY = ("drbdadm", "secondary", "r0")
MOUNT = ("mount", "/dev/drbd0", "/srv/data")
LONGEST = 90.0


class Watched(Host):
    """The machine. primary: how long `drbdadm primary` took of it; programs: how many were run."""

    def __init__(self) -> None:
        self.primary = 0.0
        self.programs = 0

    def run(self, argv: Sequence[str], seconds: float = RUN_SECONDS, text: str = "", env: Optional[Mapping[str, str]] = None) -> Completed:
        """As any Host."""
        began = time.monotonic()
        try:
            return super().run(argv, seconds, text, env)
        finally:
            self.programs += 1
            if tuple(argv) == PRIMARY:
                self.primary += time.monotonic() - began


def resource(snapshot: str, host: Host) -> Resource:
    """As agents/v2.py has it in a process of its own."""
    return Resource(SYSTEM, {"res": "r0"}, "root/svc/data", lambda: load_cluster(Path(snapshot), host)[0], host)


def start(snapshot: str, host: Host) -> None:
    """All that `om start` asks of the driver: abort_start, whether a rollback would be due, and start, each with the cluster read anew."""
    asked = resource(snapshot, host)
    refusal = asked.refusal()
    if refusal:
        raise ApplyError(refusal)
    asked.is_down()
    asked.do(Verb.START)


def must(host: Host, argv: Sequence[str]) -> None:
    """Run it. ApplyError unless it succeeds."""
    done = host.run(argv, LONGEST)
    if done.code:
        raise ApplyError(f"{' '.join(argv)}: {done.words}")


def pairs(snapshot: str, count: int) -> None:
    """r0 is Secondary in the end, as before; its peer is connected."""
    resource(snapshot, Host()).health()
    for _ in range(count):
        alone, host = Watched(), Watched()
        must(alone, PRIMARY)
        must(alone, SECONDARY)
        began = time.monotonic()
        start(snapshot, host)
        whole = time.monotonic() - began
        if not host.primary:
            raise ApplyError("a START that did not promote")
        must(host, SECONDARY)
        row = {"bare": alone.primary, "whole": whole, "own": whole - host.primary, "programs": host.programs - 2}
        print(json.dumps(row), flush=True)


def takeover(snapshot: str, how: str) -> None:
    """r0 is Secondary, and its peer dead."""
    host = Host()
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    must(host, PRIMARY) if how == "bare" else start(snapshot, host)
    must(host, MOUNT)
    print(time.monotonic() - began, flush=True)


if __name__ == "__main__":
    pairs(sys.argv[2], int(sys.argv[3])) if sys.argv[1] == "pairs" else takeover(*sys.argv[2:])
