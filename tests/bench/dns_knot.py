"""From a placement change to the record answering on Knot, against one bare update of a record beside it; and with 10,000 foreign records.

The cluster is a value that is handed to the writer's follower, as the watcher does it; everything after that is real.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from stage import Say

from osvc_ha.drill.report import Case
from osvc_ha.planner.errors import ApplyError, HaError
from osvc_ha.planner.types import Verb

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

LEAST_RUNS = 20
FOREIGN = 10_000
SECONDS = 10.0
POLL_SECONDS = 0.001
ANSWER = Case("DNS on Knot: placement change to the record answering", "s", (), 0.5)
RATIO = Case("DNS on Knot, against a bare update: from the change to the record answering", "s", ())
LARGE = Case("DNS on Knot, 10,000 foreign records: placement change to the record answering", "s", (), 0.5)
NOTHING = Case("DNS on Knot, 10,000 foreign records: reconcile with nothing to do", "s", ())
FIRST = Case("DNS on Knot, 10,000 foreign records: observe and plan, against listing them", "s", (), 1.5)
MEMORY = Case("DNS on Knot, 10,000 foreign records: peak memory", "MB", (), 150.0, 150.0)
FIGURES = (ANSWER, RATIO, LARGE, NOTHING, FIRST, MEMORY)


def measure(runs: int, say: Say) -> list[Case]:
    """A small zone and a large one in turn, each change followed by a bare update of a record that nobody manages."""
    from dns_servers import dns_server, why_not

    if why_not("knot"):
        raise ApplyError(f"{why_not('knot')}; install it, with its nsupdate (Debian: knot, knot-dnsutils)")
    many = "".join(f"host-{number} A 198.51.100.{number % 256}\n" for number in range(FOREIGN))
    changes: list[tuple[float, float, float, float]] = []
    firsts: list[tuple[float, float]] = []
    with dns_server("knot") as few, dns_server("knot", extra=many) as large, tempfile.TemporaryDirectory() as folder:
        stages = [_stage(server, Path(folder) / str(server.port)) for server in (few, large)]
        for number in range(1, runs + 1):
            small, bare, big = _change(stages[0], number), _bare(few, number), _change(stages[1], number)
            changes.append((small, bare, big, _nothing(stages[1])))
            firsts.append((_first_look(stages[1]), _listing(large)))
            say(
                f"run {number}/{runs}: {small:.3f} s (bare {bare:.4f}), large zone {big:.3f}, nothing to do {changes[-1][3]:.4f}, "
                f"first look {firsts[-1][0]:.3f} (listing {firsts[-1][1]:.3f})"
            )
    small_runs, bare_runs, big_runs, idle = zip(*changes)
    looks, transfers = zip(*firsts)
    return [
        replace(ANSWER, runs=small_runs),
        replace(RATIO, runs=small_runs, baseline=bare_runs),
        replace(LARGE, runs=big_runs),
        replace(NOTHING, runs=idle),
        replace(FIRST, runs=looks, baseline=transfers),
        replace(MEMORY, runs=(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,)),
    ]


def _stage(server: Any, folder: Path) -> Any:
    from dns_cluster import Stage

    stage = Stage(server, folder)
    stage.resource("n1").do(Verb.START)
    return stage


def _change(stage: Any, number: int) -> float:
    """The instance moves; until the address of its new node is what clients are told."""
    from dns_cluster import NODES, PUBLIC
    from dns_servers import ZONE

    stage.redis = NODES[number % len(NODES)]
    failed: list[HaError] = []

    def follow() -> None:
        try:
            stage.follow("n1")
        except HaError as error:
            failed.append(error)

    began = time.perf_counter()
    following = threading.Thread(target=follow)
    following.start()
    took = _until(stage.server, f"redis.{ZONE}", PUBLIC[stage.redis], began)
    following.join(SECONDS)
    if took is None or failed:
        raise ApplyError(f"redis.{ZONE} did not get {PUBLIC[stage.redis]} within {SECONDS:g} s: {failed}")
    return took


def _bare(server: Any, number: int) -> float:
    """One signed update with dnspython, of a record that is ready in memory; the same wait for the answer."""
    import dns.query
    import dns.tsig
    import dns.update
    from dns_servers import KEY, ZONE

    algorithm, secret = server.keys[KEY]
    address = f"192.0.2.{number % 250 + 1}"
    message = dns.update.UpdateMessage(f"{ZONE}.", keyring=dns.tsig.Key(f"{KEY}.", secret, algorithm))
    message.replace("bare", 60, "A", address)
    began = time.perf_counter()
    dns.query.tcp(message, server.address, port=server.port, timeout=SECONDS)
    took = _until(server, f"bare.{ZONE}", address, began)
    if took is None:
        raise ApplyError(f"bare.{ZONE} did not get {address} within {SECONDS:g} s")
    return took


def _until(server: Any, name: str, address: str, began: float) -> Optional[float]:
    while time.perf_counter() - began < SECONDS:
        if server.ask(name, "A") == [address]:
            return time.perf_counter() - began
        time.sleep(POLL_SECONDS)
    return None


def _nothing(stage: Any) -> float:
    began = time.perf_counter()
    if stage.follow("n1").steps:
        raise ApplyError("there was something to do where nothing had changed")
    return time.perf_counter() - began


def _first_look(stage: Any) -> float:
    """What a new process does: the whole zone, and the plan."""
    from osvc_ha.host import Host

    stage.hosts["n1"] = Host()
    return _nothing(stage)


def _listing(server: Any) -> float:
    """The same zone by the provider alone. (dnspython's own transfer is no measure: Knot cuts it off, for it parses while it reads.)"""
    from dns_stage import provider

    fresh = provider(server)
    began = time.perf_counter()
    fresh.listing()
    return time.perf_counter() - began
