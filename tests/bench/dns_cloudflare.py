"""What keeping a zone at Cloudflare right costs, in calls and in time, against the double of its API in tests/lab.

The double is a process of its own, and so is every reconcile; the API's own time, and the network's, are not in the figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stage import Say

from osvc_ha.discovery import load_cluster
from osvc_ha.drill.report import Case
from osvc_ha.planner.errors import ApplyError, HaError
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Verb

HERE = Path(__file__).resolve().parent
LAB = HERE.parent / "lab"
sys.path.insert(0, str(LAB))

LEAST_RUNS = 5
FOREIGN, CHANGED = 10_000, 1000
NODES = ("n1", "n2", "n3")
SECONDS = 120.0
# A budget that flapping spends, on each of three nodes; what the account may have is Cloudflare's.
BUDGET, FLAPPING, EVERY, WINDOW = 100, 600, 2, 310
DNS, REDIS = "prod/svc/dns", "prod/svc/redis"
Calls = list[tuple[str, str, int]]

LOOK = Case("Cloudflare, 10,000 foreign records: observe and plan, against listing them", "s", (), 1.5)
MEMORY = Case("Cloudflare, 10,000 foreign records: peak memory", "MB", (), 150.0, 150.0)
QUIET = Case("Cloudflare, nothing changed: calls of a look for each 5,000 records", "calls", (), 1, 1)
QUIET_WRITES = Case("Cloudflare, nothing changed: writes", "calls", (), 0, 0)
CHANGE = Case("Cloudflare, one placement change: calls", "calls", (), 2, 2)
MANY = Case("Cloudflare, 1,000 changed records on the free plan: write calls", "calls", (), 6, 6)
FLAP = Case("Cloudflare, three nodes flapping for 10 minutes: calls within 5 minutes, budget 3 x 100", "calls", (), 300, 300)
FLAP_WRONG = Case("Cloudflare, three nodes flapping for 10 minutes: wrong records in the end", "records", (), 0, 0)
FIGURES = (LOOK, MEMORY, QUIET, QUIET_WRITES, CHANGE, MANY, FLAP, FLAP_WRONG)


def measure(runs: int, say: Say) -> list[Case]:
    """Each run with doubles of its own; the flapping once, since its clock is simulated."""
    seen: list[dict[str, float]] = []
    for number in range(1, runs + 1):
        with tempfile.TemporaryDirectory(prefix="osvc_ha-bench-", dir=_memory()) as folder:
            seen.append({**_large_zone(Path(folder)), **_many_records(Path(folder))})
        say(f"run {number}/{runs}: " + ", ".join(f"{name} {figure:.4g}" for name, figure in seen[-1].items()))

    with tempfile.TemporaryDirectory(prefix="osvc_ha-bench-", dir=_memory()) as folder:
        flap = _flapping(Path(folder))
    say("flapping: " + ", ".join(f"{name} {figure:.4g}" for name, figure in flap.items()))

    def of(name: str) -> tuple[float, ...]:
        return tuple(each[name] for each in seen)

    return [
        replace(LOOK, runs=of("look"), baseline=of("list")),
        replace(MEMORY, runs=of("memory")),
        replace(QUIET, runs=of("quiet")),
        replace(QUIET_WRITES, runs=of("quiet_writes")),
        replace(CHANGE, runs=of("change")),
        replace(MANY, runs=of("many")),
        replace(FLAP, runs=(flap["flap"],)),
        replace(FLAP_WRONG, runs=(flap["wrong"],)),
    ]


def _memory() -> str:
    """Where /run is on a node: no disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()


class Stage:
    """A double as a process, a directory, and reconciles as processes."""

    def __init__(self, folder: Path, plan: str, foreign: int = 0) -> None:
        self.folder = folder
        folder.mkdir()
        argv = [sys.executable, "-m", "cloudflare_double", "--plan", plan, "--foreign", str(foreign)]
        self.env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(LAB)])}
        self.double = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.env)
        told = json.loads(self._line() or "null") or {}
        if not told:
            raise ApplyError("the double of Cloudflare's API did not start")
        (folder / "token").write_text(told["token"])
        (folder / "token").chmod(0o600)
        self.keywords = {
            "domain": "example.com",
            "token_file": str(folder / "token"),
            "api_url": told["url"],
            "runtime_dir": str(folder / "run"),
        }
        (folder / "settings.yaml").write_text(json.dumps(self.keywords))

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.double.stdin is not None and self.double.stdout is not None
        self.double.stdin.close()
        self.double.wait(SECONDS)
        self.double.stdout.close()

    def look(self, what: str, services: Mapping[str, str]) -> dict[str, float]:
        """What dns_look.py tells about a cluster whose services are placed so."""
        snapshot = self.folder / "snapshot.json"
        snapshot.write_text(json.dumps(_document("n1", services)))
        argv = [sys.executable, str(HERE / "dns_look.py"), what, str(snapshot), str(self.folder / "settings.yaml")]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, env=self.env, check=False)
        if done.returncode:
            raise ApplyError(f"dns_look.py {what}: {done.stderr[-2000:]}")
        found: dict[str, float] = json.loads(done.stdout)
        return found

    def calls(self) -> Calls:
        """Every call since this was last asked."""
        assert self.double.stdin is not None
        self.double.stdin.write("calls\n")
        self.double.stdin.flush()
        found: Calls = json.loads(self._line())
        return found

    def _line(self) -> str:
        assert self.double.stdout is not None
        return self.double.stdout.readline()


def _writes(calls: Calls) -> int:
    return sum(method != "GET" for method, _, _ in calls)


def _large_zone(folder: Path) -> dict[str, float]:
    with Stage(folder / "large", "enterprise", FOREIGN) as stage:
        stage.look("follow", {})
        stage.calls()
        stage.look("follow", {})
        quiet = stage.calls()
        # Two nodes' names and wildcards, and a third's: six records of ours beside the foreign ones.
        pages = -(-(FOREIGN + 2 * len(NODES)) // 5000)
        figures = {"quiet": len(quiet) / pages, "quiet_writes": float(_writes(quiet))}
        found = stage.look("measure", {})
        return {**figures, **{name: found[name] for name in ("look", "list", "memory")}}


def _many_records(folder: Path) -> dict[str, float]:
    """1,000 names that services ask for. All move while nobody knows yet how large a batch may be; then one moves back."""
    paths = [f"prod/svc/s{number:04}" for number in range(CHANGED)]
    with Stage(folder / "free", "free") as stage:
        stage.look("follow", dict.fromkeys(paths, "n1"))
        (Path(stage.keywords["runtime_dir"]) / "cloudflare-zone.json").unlink()
        stage.calls()
        moved = stage.look("follow", dict.fromkeys(paths, "n2"))
        many = _writes(stage.calls())
        back = stage.look("follow", {**dict.fromkeys(paths, "n2"), paths[0]: "n1"})
        change = len(stage.calls())
        if (moved["steps"], back["steps"]) != (CHANGED, 1):
            raise ApplyError(f"{moved['steps']:.0f} and {back['steps']:.0f} records changed, not {CHANGED} and 1")
        return {"many": float(many), "change": float(change)}


def _flapping(folder: Path) -> dict[str, float]:
    """Every two simulated seconds the writer and a service that has a name move to other nodes, each writer with its own budget."""
    from cloudflare_lab import Lab, Node

    from osvc_ha.systems.dns import SYSTEM

    lab = Lab(folder)
    try:
        hosts = {node: Node(lab.clock) for node in NODES}
        configs = {}
        for node in NODES:
            given = {"domain": "example.com", "path": DNS, "token_file": str(lab.token_file), "api_url": lab.double.url}
            configs[node] = SYSTEM.parse({**given, "budget": str(BUDGET), "runtime_dir": str(folder / node)})

        def step(verb: Verb, writer: str, placed: str) -> None:
            snapshot = folder / f"{writer}-{placed}.json"
            if not snapshot.exists():
                snapshot.write_text(json.dumps(_document(writer, {DNS: writer, REDIS: placed})))
            cluster, _ = load_cluster(snapshot, hosts[writer])
            reconcile(SYSTEM, configs[writer], cluster, verb, hosts[writer])

        end, turn = lab.clock.now + FLAPPING, 0
        while lab.clock.now < end:
            writer, placed = NODES[turn % 3], NODES[turn // 2 % 3]
            for verb in (Verb.START, Verb.START, Verb.STOP):
                try:
                    step(verb, writer, placed)
                except HaError:
                    # No budget left, or the mark was put only now: what OpenSVC would see as a warning.
                    continue
            lab.clock.now += EVERY
            turn += 1
        refused = 429 in {status for _, _, status in lab.double.calls}
        lab.clock.now += WINDOW
        for _ in range(2):
            _quietly(lambda: step(Verb.START, "n1", "n2"))
        step(Verb.FOLLOW, "n1", "n2")
        most = 1201.0 if refused else float(lab.double.limit.most_seen)
        return {"flap": most, "wrong": float(len(_wrong(lab.there())))}
    finally:
        lab.close()


def _quietly(act: Any) -> None:
    """The first START puts the mark, and finds that the records are still to do; the agent starts again."""
    try:
        act()
    except HaError:
        return


def _wrong(there: Sequence[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Records that should not be there, or are missing."""
    addresses = {f"{node}.example.com": address for node, address in _addresses().items()}
    wanted = {(name, "A", address) for name, address in addresses.items()}
    wanted |= {(f"*.{name}", "A", address) for name, address in addresses.items()}
    return set(there) ^ (wanted | {("redis.example.com", "A", _addresses()["n2"])})


def _addresses() -> dict[str, str]:
    return {node: f"203.0.113.{number}" for number, node in enumerate(NODES, 1)}


def _document(local: str, services: Mapping[str, str]) -> dict[str, Any]:
    """Three nodes, and services that are placed so; each but the writer's asks for the name that it has."""
    objects = {}
    for path, placed in services.items():
        env = {} if path == DNS else {"osvc.dns.name": path.rpartition("/")[2], "osvc.dns.target": "instance"}
        instances = {node: {"avail": "up" if node == placed else "down", "state": "idle"} for node in NODES}
        objects[path] = {"scope": list(NODES), "topology": "failover", "config": {"env": env}, "instances": instances}
    labels = {node: {"osvc_ha_public_address": address} for node, address in _addresses().items()}
    return {
        "format": "osvc-ha-snapshot",
        "version": 1,
        "agent": "2.1",
        "local": local,
        "cluster": {"id": "bench", "name": "bench", "quorum": True},
        "nodes": {node: {"alive": True, "frozen": False, "labels": labels[node]} for node in NODES},
        "objects": objects,
    }
