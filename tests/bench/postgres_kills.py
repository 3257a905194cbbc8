"""A PostgreSQL that is killed under pgbench, and started through the slice: commits lost, and what the start costs.

Against `pg_ctl start -w` after the very same kill, for which kills alternate between the two.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

from pgbench_writer import PgbenchWriter, crash
from postgres_server import PATIENCE, PROGRAMS, Server, why_no_postgres
from stage import Say

from osvc_ha.drill.processes import Run, reserve
from osvc_ha.drill.report import Case
from osvc_ha.planner.errors import ApplyError
from osvc_ha.systems.postgres.client.account import as_owner, environment

LEAST_RUNS = 20
# Kills come at any moment of the load.
LONGEST_MOMENT = 1.0
LOST = Case("postgres killed: acknowledged commits lost, torn or invented", "commits", (), 0, 0)
ACKED = Case("postgres killed: acknowledged commits in a run", "commits", ())
START = Case("postgres killed: from the start's call to up, against pg_ctl start -w", "s", (), 1.5)
FIGURES = (LOST, ACKED, START)


def measure(runs: int, say: Say) -> list[Case]:
    """One server; before each kill a new pgbench."""
    why = why_no_postgres()
    if why:
        say(why)
        return []
    bad: list[float] = []
    acked: list[float] = []
    ours: list[float] = []
    theirs: list[float] = []
    with Run("osvc_ha-pgk-") as run, reserve(1, 4, "127.0.46") as net:
        server = Server(run, net.addresses[0], net.ports[0])
        try:
            _kill(server, runs, say, bad, acked, ours, theirs)
        finally:
            server.end()
    return [replace(LOST, runs=tuple(bad)), replace(ACKED, runs=tuple(acked)), replace(START, runs=tuple(ours), baseline=tuple(theirs))]


def _kill(server: Server, runs: int, say: Say, bad: list[float], acked: list[float], ours: list[float], theirs: list[float]) -> None:
    moments = random.Random(runs)
    server.provision()
    server.start()
    PgbenchWriter.prepare(server)
    for number in range(1, 2 * runs + 1):
        writer = PgbenchWriter(server, number)
        writer.await_flowing()
        time.sleep(moments.uniform(0, LONGEST_MOMENT))
        crash(server, everything=number % 4 < 2)
        began = time.monotonic()
        _by_hand(server) if number % 2 else server.start()
        (theirs if number % 2 else ours).append(time.monotonic() - began)
        found = writer.account()
        if number % 2 == 0:
            bad.append(found.lost + found.torn + found.invented)
            acked.append(found.acked)
            say(f"kill {number // 2}/{runs}: {found}; up after {ours[-1]:.3f} s, by hand {theirs[-1]:.3f} s")


def _by_hand(server: Server) -> None:
    options = f"-p {server.port} -k {server.config.socket_dir} -c listen_addresses={server.address}"
    argv = [str(PROGRAMS / "pg_ctl"), "-D", str(server.directory), "-o", options, "-w", "-l", "/dev/null", "start"]
    done = subprocess.run(
        [*as_owner(server.config), *argv], env=environment(server.config), stdout=subprocess.DEVNULL, timeout=PATIENCE, check=False
    )
    if done.returncode:
        raise ApplyError(f"pg_ctl start: exit code {done.returncode}")
