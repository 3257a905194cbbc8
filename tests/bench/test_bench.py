"""The bench measures what is promised, says so when it cannot, and its tooling works; the figures themselves are `make bench`'s."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from osvc_ha.drill.ledger import Ledger, Op, Outcome

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "bench.md"
# (bench, part of the figure's name, limit, limit of the worst run) for each row of what it must reach.
PROMISED = (
    ("planned_handover", "acknowledged writes lost", 0, 0),
    ("planned_handover", "failed operations", 1, 1),
    ("planned_handover", "stall, reconnecting", 0.35, 0.6),
    ("planned_handover", "stall, persistent", 0.35, 0.6),
    ("killed_master", "killed: replicated writes lost", 0, 0),
    ("killed_master", "killed: outages", 1, 1),
    ("killed_master", "killed: first write", 0.15, 0.4),
    ("killed_master", "killed: outage,", 1.1, None),
    ("killed_master", "alone: replicated writes lost", 0, 0),
    ("killed_master", "alone: outages", 1, 1),
    ("killed_master", "alone: first write", 0.4, 0.8),
    ("paused_master", "paused: acknowledged writes lost", 0, 0),
    ("paused_master", "paused: outages", 1, 1),
    ("paused_master", "paused: outage of", 3.0, 3.0),
    ("paused_master", "after the promotion: acknowledged writes lost", 0, 0),
    ("paused_master", "after the promotion: outages", 1, 1),
    ("paused_master", "after the promotion: outage of", 3.0, 3.0),
    ("cut_off_master", "acknowledged writes lost", 0, 0),
    ("cut_off_master", "outages", 1, 1),
    ("cut_off_master", "outage of", 3.0, 3.0),
    ("reloads", "refused", 0, 0),
    ("reloads", "reset", 0, 0),
    ("reloads", "answered by a replica", 0, 0),
    ("thousand_listeners", "observe, plan and render, against haproxy -c", 0.5, None),
    ("thousand_listeners", "placement change, without reload", 1.0, 1.0),
    ("thousand_listeners", "nothing to do", 0.15, 0.15),
    ("thousand_listeners", "peak memory", 120.0, 120.0),
    ("thousand_listeners", "1,000 x 100", 1.3, None),
    ("dns_cloudflare", "observe and plan, against listing", 1.5, None),
    ("dns_cloudflare", "peak memory", 150.0, 150.0),
    ("dns_cloudflare", "calls of a look for each 5,000 records", 1, 1),
    ("dns_cloudflare", "nothing changed: writes", 0, 0),
    ("dns_cloudflare", "one placement change: calls", 2, 2),
    ("dns_cloudflare", "1,000 changed records on the free plan: write calls", 6, 6),
    ("dns_cloudflare", "calls within 5 minutes, budget 3 x 100", 300, 300),
    ("dns_cloudflare", "wrong records in the end", 0, 0),
    ("dns_knot", "Knot: placement change to the record answering", 0.5, None),
    ("dns_knot", "observe and plan, against listing", 1.5, None),
    ("dns_knot", "peak memory", 150.0, 150.0),
    ("drbd_partitions", "partition: runs with two writers", 0, 0),
    ("drbd_partitions", "partition: acknowledged writes lost", 0, 0),
    ("drbd_partitions", "partition: split brains", 0, 0),
    ("drbd_promotion", "what the guard adds", 0.15, None),
    ("drbd_promotion", "promoted, recovered and mounted", 1.3, None),
    ("drbd_promotion", "acknowledged writes lost", 0, 0),
    ("postgres_kills", "acknowledged commits lost, torn or invented", 0, 0),
    ("postgres_kills", "against pg_ctl start -w", 1.5, None),
    ("postgres_drbd", "acknowledged commits lost, torn or invented", 0, 0),
    ("start_up", "--help", 6.0, None),
    ("start_up", "hook", 6.0, None),
    ("mongo_start", "until PRIMARY and all vote", 1.5, None),
    ("mongo_moved", "outage, against replSetStepDown", 1.2, None),
    ("mongo_moved", "acknowledged w:majority writes lost", 0, 0),
    ("mongo_killed", "outage beyond the election time-out", 1.0, None),
    ("mongo_killed", "acknowledged w:majority writes lost", 0, 0),
    ("mongo_l4", "outage through the L4 port", 0.5, None),
    ("mongo_l4", "acknowledged w:majority writes lost", 0, 0),
    ("mongo_replaced", "fewer healthy voters", 0, 0),
    ("agent_placement", "agent 2.1: an instance's change to every HAProxy", 0.45, 0.9),
    ("agent_placement", "agent 3: an instance's change to every HAProxy", None, 0.4),
    ("agent_power", "agent 2.1, defaults: power cut of the master's node, outage", 1.1, 4.0),
    ("agent_power", "agent 2.1, tuned: power cut of the master's node, outage", 1.1, 4.0),
    ("agent_power", "agent 3, defaults: power cut of the master's node, outage", 1.1, 4.0),
    ("agent_power", "agent 3, tuned: power cut of the master's node, outage", 1.1, 4.0),
    ("agent_power", "agent 2.1, defaults: power cut: replicated writes lost", 0, 0),
    ("agent_power", "agent 3, defaults: power cut: replicated writes lost", 0, 0),
    ("agent_cost", "agent 2.1: our CPU in one status evaluation", 0.06, None),
    ("agent_cost", "agent 2.1: idle follower, share of a core", 0.5, None),
    ("agent_cost", "agent 2.1: idle follower, memory", 60.0, None),
    ("agent_cost", "agent 3: idle follower, share of a core", 0.5, None),
    ("agent_cost", "agent 3: idle follower, memory", 60.0, None),
    ("agent_services", "50 services: follower's CPU for an event", 1.3, None),
    ("agent_services", "200 services: follower's CPU for an event", 1.3, None),
    ("agent_services", "200 services: idle follower", 0.5, None),
)


def bench(*arguments: str, seconds: float = 110.0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the bench as `make bench` does."""
    argv = [sys.executable, str(HERE / "run.py"), *arguments]
    env = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), **environment}
    return subprocess.run(argv, capture_output=True, text=True, timeout=seconds, env=env, check=False)


@pytest.fixture(scope="module")
def figures():
    """Every figure by bench, with its limits."""
    return json.loads(bench("--list").stdout)


@pytest.mark.parametrize("promise", PROMISED, ids=lambda promise: f"{promise[0]}: {promise[1]}")
def test_every_promised_figure_is_measured_against_its_limit(figures, promise):
    """A limit that is promised cannot be dropped or loosened in silence."""
    name, part, limit, worst = promise
    (found,) = [figure for figure in figures[name] if part in figure["name"]]
    assert (found["limit"], found["worst_limit"]) == (limit, worst)


def test_every_figure_is_explained(figures):
    """Whoever reads a figure in the table finds in docs/bench.md what it is and how it was measured."""
    text = DOCUMENT.read_text(encoding="utf-8")
    names = [figure["name"] for bench_figures in figures.values() for figure in bench_figures]
    assert [name for name in names if f"| {name} |" not in text] == []


def test_what_cannot_be_measured_is_a_failure(tmp_path):
    """Without the servers the bench says which is missing and fails; it does not pass for want of figures."""
    done = bench("--only", "planned_handover", "--runs", "1", "--output", str(tmp_path / "bench.json"), PATH=str(tmp_path))
    assert done.returncode == 1
    assert "NOT MEASURED" in done.stderr and "haproxy: not found" in done.stderr
    assert json.loads((tmp_path / "bench.json").read_text()) == {}


def test_two_outages_are_not_one_long_one():
    """A client that could write in between was cut off twice; short waits do not count."""
    spec = importlib.util.spec_from_file_location("bench_stage", HERE / "stage.py")
    stage = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = stage
    spec.loader.exec_module(stage)
    ledger = Ledger.of("c", [Op(number, at, 0.01, Outcome.OK) for number, at in enumerate((0.0, 0.4, 1.0, 1.1, 2.0))])
    assert stage.outages_over(ledger, 0.5) == 2


@pytest.mark.bench
@pytest.mark.timeout(300)
def test_one_run_of_each_leaves_a_figure_for_every_promise(figures, tmp_path):
    """The whole bench works from end to end, whatever the figures are on this machine."""
    names = [
        name
        for name in figures
        if name not in ("paused_master", "cut_off_master", "drbd_promotion") and not name.startswith(("agent_", "mongo_", "postgres_"))
    ]
    done = bench("--only", *names, "--runs", "1", "--output", str(tmp_path / "bench.json"), seconds=290.0)
    assert "NOT MEASURED" not in done.stderr
    written = json.loads((tmp_path / "bench.json").read_text())
    assert [figure["name"] for name in names for figure in figures[name] if figure["name"] not in written] == []
