"""1,000 listeners on 10 nodes: what a look, a move and nothing to do cost, against `haproxy -c` of the same file; and on 100 nodes.

Each run is a process of its own, with an HAProxy of its own that has every listener open. The servers
need not exist: nobody connects, and checks are rare.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from stage import Say

from osvc_ha.drill.processes import Reserved, Run, reserve
from osvc_ha.drill.report import Case
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError

LEAST_RUNS = 10
LISTENERS = 1000
NODES, MANY_NODES = 10, 100
SECONDS = 120.0
NOBODY = 9  # the discard port

LOOK = Case("1,000 x 10: observe, plan and render, against haproxy -c", "s", (), 0.5)
CHANGE = Case("1,000 x 10: one placement change, without reload", "s", (), 1.0, 1.0)
NOTHING = Case("1,000 x 10: reconcile with nothing to do", "s", (), 0.15, 0.15)
MEMORY = Case("1,000 x 10: peak memory", "MB", (), 120.0, 120.0)
LINEAR = Case("1,000 x 100: observe, plan and render per server, against 1,000 x 10", "us", (), 1.3)
FIGURES = (LOOK, CHANGE, NOTHING, MEMORY, LINEAR)


def measure(runs: int, say: Say) -> list[Case]:
    """The small and the large in turn, so that a busy moment hits both."""
    small: list[dict[str, float]] = []
    large: list[dict[str, float]] = []
    with Run("osvc_ha-bench-") as run, reserve(addresses=1, ports=LISTENERS) as reserved:
        settings = _settings(run, reserved)
        few, many = _snapshots(run, reserved, NODES), _snapshots(run, reserved, MANY_NODES)
        for number in range(1, runs + 1):
            small.append(_look(run, f"small{number}", [*few, settings, "serve"]))
            large.append(_look(run, f"large{number}", [*many, settings, "look"]))
            told = ", ".join(f"{name} {figure:.3f}" for name, figure in small[-1].items())
            say(f"run {number}/{runs}: {told}; with {MANY_NODES} nodes idle {large[-1]['idle']:.3f}, memory {large[-1]['memory']:.0f}")
    return [
        replace(LOOK, runs=_of("running", small), baseline=_of("check", small)),
        replace(CHANGE, runs=_of("change", small)),
        replace(NOTHING, runs=_of("nothing", small)),
        replace(MEMORY, runs=_of("memory", small)),
        replace(LINEAR, runs=_of("idle", large, LISTENERS * MANY_NODES), baseline=_of("idle", small, LISTENERS * NODES)),
    ]


def _of(name: str, seen: Sequence[dict[str, float]], servers: int = 0) -> tuple[float, ...]:
    return tuple(each[name] * 1e6 / servers if servers else each[name] for each in seen)


def _look(run: Run, name: str, arguments: list[str]) -> dict[str, float]:
    process = run.start(name, [sys.executable, str(Path(__file__).with_name("one_look.py")), *arguments])
    if not process.wait(SECONDS) or process.returncode:
        raise ApplyError(f"{name}: {process.words()}")
    assert process.log is not None
    found: dict[str, float] = json.loads(process.log.read_text())
    return found


def _settings(run: Run, reserved: Reserved) -> str:
    file = run.directory / "settings.yaml"
    keywords = {
        "config_file": str(run.directory / "haproxy.cfg"),
        "runtime_dir": str(run.directory / "run"),
        "credentials_dir": str(run.directory / "credentials"),
        "bind": reserved.addresses[0],
        "check_interval": "60000",
    }
    Host().replace(file, yaml.safe_dump(keywords))
    return str(file)


def _snapshots(run: Run, reserved: Reserved, nodes: int) -> list[str]:
    """The cluster, and the same with the first service on the second node instead of the first."""
    files = []
    for moved in (0, 1):
        files.append(str(run.directory / f"{nodes}-{moved}.json"))
        Host().replace(Path(files[-1]), json.dumps(_document(reserved, nodes, moved)))
    return files


def _document(reserved: Reserved, nodes: int, moved: int) -> dict[str, Any]:
    network = reserved.addresses[0].rpartition(".")[0]
    names = [f"n{number:03}" for number in range(1, nodes + 1)]
    services = {}
    for number, port in enumerate(reserved.ports):
        placed = names[(number + (moved if number == 0 else 0)) % nodes]
        env = {"osvc.l4.enable": "true", "osvc.l4.port": str(port), "osvc.l4.target_port": str(NOBODY)}
        instances = {name: {"avail": "up" if name == placed else "down", "state": "idle"} for name in names}
        services[f"prod/svc/s{number:04}"] = {"scope": names, "topology": "failover", "config": {"env": env}, "instances": instances}
    labels = {name: {"osvc_ha_address": f"{network}.{number}"} for number, name in enumerate(names, 1)}
    return {
        "format": "osvc-ha-snapshot",
        "version": 1,
        "agent": "2.1",
        "local": names[0],
        "cluster": {"id": "bench", "name": "bench", "quorum": True},
        "nodes": {name: {"alive": True, "frozen": False, "labels": labels[name]} for name in names},
        "objects": services,
    }
