"""The figures of docs/bench.md on this machine: a table on standard output, and build/bench.json.

Exit code 0: every figure is within its limit. 1: one is not, or could not be measured. 130: interrupted, and nothing
written. Progress goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Optional

import agent_cost
import agent_placement
import agent_power
import agent_services
import cut_off_master
import dns_cloudflare
import dns_knot
import drbd_partitions
import drbd_promotion
import killed_master
import mongo_killed
import mongo_l4
import mongo_moved
import mongo_replaced
import mongo_start
import paused_master
import planned_handover
import postgres_drbd
import postgres_kills
import reloads
import start_up
import thousand_listeners

from osvc_ha.drill.report import Case, write_bench
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError

REPORT = Path(__file__).resolve().parents[2] / "build" / "bench.json"
# Each has FIGURES (its cases, still without runs), LEAST_RUNS, and measure(runs, say).
MODULES = (
    planned_handover,
    killed_master,
    paused_master,
    cut_off_master,
    reloads,
    thousand_listeners,
    start_up,
    mongo_start,
    mongo_moved,
    mongo_killed,
    mongo_l4,
    mongo_replaced,
    agent_placement,
    agent_power,
    agent_cost,
    agent_services,
    dns_cloudflare,
    dns_knot,
    drbd_partitions,
    drbd_promotion,
    postgres_kills,
    postgres_drbd,
)
BENCHES: Mapping[str, ModuleType] = {module.__name__: module for module in MODULES}


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=BENCHES, default=list(BENCHES), help=", ".join(BENCHES))
    parser.add_argument("--runs", type=int, help="runs of each (default: what its limits ask for, 10 or 20)")
    parser.add_argument("--list", action="store_true", help="print every figure and its limits as JSON, and measure nothing")
    parser.add_argument("--output", type=Path, default=REPORT, help="the file to write (default: build/bench.json)")
    given = parser.parse_args()
    if given.list:
        json.dump({name: [_limits(case) for case in bench.FIGURES] for name, bench in BENCHES.items()}, sys.stdout, indent=2)
        return 0
    measured: list[Case] = []
    failed = False
    for name in given.only:
        cases = _measure(name, given.runs)
        failed = failed or cases is None
        measured.extend(cases or ())
    code = write_bench(given.output, measured, sys.stdout, Host())
    return 1 if failed else code


def _measure(name: str, runs: Optional[int]) -> Optional[list[Case]]:
    """The cases of one bench; None, with the reason said, when a run of it came to no end: nothing is tried twice."""
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {name}: {line}", file=sys.stderr, flush=True)

    try:
        return list(BENCHES[name].measure(runs or BENCHES[name].LEAST_RUNS, say))
    except HaError as error:
        say(f"NOT MEASURED: {error}")
        return None


def _limits(case: Case) -> dict[str, object]:
    return {"name": case.name, "unit": case.unit, "limit": case.limit, "worst_limit": case.worst_limit}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
