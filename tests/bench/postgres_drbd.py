"""PostgreSQL on DRBD whose node loses its power under pgbench, and is started on the other: commits lost, and how long a START takes.

The nodes are User-Mode-Linux kernels with real DRBD (osvc_ha/drill/uml). pgbench runs on the third, which has no disk and lives on.
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

from pgbench_writer import CLIENTS, SCRIPT, TABLES, Account, acknowledged, rows_of, torn_of, weigh
from postgres_server import PROGRAMS, why_no_postgres
from stage import Say

from osvc_ha.drill.report import Case
from osvc_ha.drill.uml.drbd import DrbdLab
from osvc_ha.drill.uml.guest import addresses
from osvc_ha.drill.uml.lab import SNAPSHOT, missing
from osvc_ha.planner.errors import ApplyError

LEAST_RUNS = 20
LONGEST_MOMENT = 1.0
SECONDS = 180.0
LEAST_ROWS = 20
SECRET = "pgbench"
PSQL = "runuser -u postgres -- psql -qAtX -h /var/run/postgresql -v ON_ERROR_STOP=1"
# In the order of the template postgres-drbd.conf.
RESOURCES = (
    ("drbd", "--set res=r0"),
    ("volumes", "--set kind=ext4 --set device=/dev/drbd0 --set mount=/srv/data"),
    (
        "postgres",
        f"--set mount=/srv/data --set directory=/srv/data/pg --set programs={PROGRAMS} --set 'clients=10.77.0.0/24' "
        "--set password_file=/run/pg.password",
    ),
)
# A client of a node that is gone hears nothing: libpq gives up.
PATIENCE = "connect_timeout=5 tcp_user_timeout=3000 keepalives_idle=1 keepalives_interval=1 keepalives_count=3"

LOST = Case("postgres on DRBD, node killed: acknowledged commits lost, torn or invented", "commits", (), 0, 0)
ACKED = Case("postgres on DRBD, node killed: acknowledged commits in a run", "commits", ())
START = Case("postgres on DRBD, node killed: promoted, mounted and recovered, by programs of their own", "s", ())
FIGURES = (LOST, ACKED, START)


class PostgresLab(DrbdLab):
    """The service of ``RESOURCES`` on n1 and n2."""

    memory, disk = 384, 256

    def resource(self, name: str, verb: str, *systems: str) -> None:
        """A verb of these resources (default: all), as the agent runs them one after the other."""
        chosen = [(system, words) for system, words in RESOURCES if system in (systems or dict(RESOURCES))]
        run = "/usr/share/osvc-ha/bin/osvc-ha resource"
        commands = [f"{run} {system} {verb} --path root/svc/data {words} --snapshot {SNAPSHOT}" for system, words in chosen]
        self.nodes[name].must(" && ".join(commands), SECONDS)

    def switch_on(self, name: str) -> None:
        """Power on: a copy of the data again, and passive."""
        if not self.nodes[name].alive:
            self.boot(name)
            self.nodes[name].must("drbdadm up r0")
        self.nodes[name].must(f"umask 077; echo {SECRET} >/run/pg.password")

    def begin(self, name: str, run: int) -> None:
        """pgbench on n3 against the server on this node; returns once it is under way."""
        client = self.nodes["n3"]
        (client.shared / "ledger.sql").write_text(SCRIPT)
        where = f"host={addresses(self.names)[name]} dbname=postgres user=postgres password={SECRET} {PATIENCE}"
        shape = f"-n -c {CLIENTS} -j 1 -T 3600 -l --log-prefix=/ctl/pgbench-{run} -D run={run} -D n=0 -f /ctl/ledger.sql"
        client.must(f"setsid {PROGRAMS}/pgbench {shape} '{where}' >/ctl/pgbench.out 2>&1 & echo $! >/run/pgbench.pid")
        rows = f"{PSQL} -c 'select coalesce(sum(n), 0) from totals where run = {run}'"
        self.until(f"run {run} flows", lambda: int(self.nodes[name].must(rows)), lambda found: int(str(found)) >= LEAST_ROWS, 60.0)

    def account(self, name: str, run: int) -> Account:
        """What pgbench was told, against what the server on this node has."""
        client, node = self.nodes["n3"], self.nodes[name]
        self.until("pgbench has ended", lambda: client.run("kill -0 $(cat /run/pgbench.pid)").code, bool, 60.0)
        rows = node.must(f"{PSQL} -c '{rows_of(run)}'").splitlines()
        torn = int(node.must(f"{PSQL} -c '{torn_of(run)}'"))
        return weigh(acknowledged(run, client.shared.glob(f"pgbench-{run}.*")), rows, torn)


def measure(runs: int, say: Say) -> list[Case]:
    """The service goes to and fro, each time because its node is dead."""
    absent = " ".join(missing()) or why_no_postgres()
    if absent:
        say(f"needs {absent}: not measured")
        return []
    bad: list[float] = []
    acked: list[float] = []
    took: list[float] = []
    moments = random.Random(runs)
    with PostgresLab() as lab:
        lab.make()
        _provision(lab)
        for run in range(1, runs + 1):
            active, other = ("n1", "n2") if run % 2 else ("n2", "n1")
            lab.begin(active, run)
            time.sleep(moments.uniform(0, LONGEST_MOMENT))
            lab.nodes[active].kill()
            lab.await_told(other, "cstate", "WFConnection")
            lab.await_alive(other, other, "n3")
            began = time.monotonic()
            lab.resource(other, "start")
            took.append(time.monotonic() - began)
            found = lab.account(other, run)
            if not found.acked:
                raise ApplyError("pgbench has acknowledged nothing")
            bad.append(found.lost + found.torn + found.invented)
            acked.append(found.acked)
            say(f"kill {run}/{runs}: {found}; up on {other} after {took[-1]:.2f} s")
            lab.switch_on(active)
            lab.await_good(60)
            lab.await_alive(other, *lab.names)
    return [replace(LOST, runs=tuple(bad)), replace(ACKED, runs=tuple(acked)), replace(START, runs=tuple(took))]


def _provision(lab: PostgresLab) -> None:
    for name in ("n1", "n2"):
        lab.switch_on(name)
    lab.resource("n1", "start", "drbd", "volumes")
    lab.resource("n1", "provision", "postgres")
    lab.resource("n1", "start", "postgres")
    (lab.nodes["n1"].shared / "tables.sql").write_text(TABLES)
    lab.nodes["n1"].must(f"{PSQL} -f /ctl/tables.sql")
