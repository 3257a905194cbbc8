"""One process at a large cluster: ``python one_look.py snapshot other-snapshot settings serve|look``. Prints its times in seconds, as JSON.

The two snapshots differ in the placement of one service. look: HAProxy is not needed. serve: it is started, followed and stopped.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from osvc_ha.cluster.types import Cluster
from osvc_ha.discovery import load_cluster
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Step, Verb
from osvc_ha.systems.haproxy import SYSTEM


def seconds(act: Callable[[], Any]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def look(config: Any, cluster: Cluster, host: Host) -> None:
    """What every reconcile begins with; the plan holds the rendered config."""
    SYSTEM.plan(SYSTEM.observe(config, cluster, host), SYSTEM.desired(config, cluster, Verb.FOLLOW))


def serve(config: Any, before: Cluster, after: Cluster, host: Host) -> dict[str, float]:
    """The times with a running HAProxy. Nothing here may reload it."""
    done: list[Step] = []
    reconcile(SYSTEM, config, before, Verb.START, host)
    try:
        times = {
            "running": seconds(lambda: look(config, before, host)),
            "check": seconds(lambda: host.run([config.haproxy, "-c", "-f", str(config.config_file)], seconds=60)),
            "nothing": seconds(lambda: reconcile(SYSTEM, config, before, Verb.FOLLOW, host, done.append)),
        }
        assert not done, f"there was something to do: {done[0].why}"
        times["change"] = seconds(lambda: reconcile(SYSTEM, config, after, Verb.FOLLOW, host, done.append))
        assert {step.do for step in done} == {"set"}, f"a placement change took {[step.do for step in done]}"
    finally:
        reconcile(SYSTEM, config, before, Verb.STOP, host)
    return times


def peak() -> float:
    """Most memory this program ever held, in MB. Not ru_maxrss: that begins with what the parent held when it forked."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def main(argv: list[str]) -> int:
    """See the module."""
    snapshot, other, settings, what = argv
    host = Host()
    config = SYSTEM.parse(yaml.safe_load(Path(settings).read_text()))
    before, _ = load_cluster(Path(snapshot), host)
    # The first one pays for what a process does once.
    look(config, before, host)
    times = {"idle": seconds(lambda: look(config, before, host))}
    if what == "serve":
        after, _ = load_cluster(Path(other), host)
        times.update(serve(config, before, after, host))
    print(json.dumps({**times, "memory": peak()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
