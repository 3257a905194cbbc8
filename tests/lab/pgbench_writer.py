"""pgbench as a writer whose every commit can be accounted for: what it was told is committed has to be there after a crash.

Each transaction adds one row and counts it in another table, so that half a transaction shows too. pgbench's own log (``-l``) says which
transactions of which client were acknowledged; a client that loses its connection ends, and has one at most whose fate nobody knows.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from postgres_server import PATIENCE, Server

from osvc_ha.drill.ledger import Ledger, Op, Outcome, lost
from osvc_ha.drill.process import Process
from osvc_ha.drill.processes import wait_until

CLIENTS = 4
TABLES = """
create table ledger (run int, client int, n int, primary key (run, client, n));
create table totals (run int, client int, n int, primary key (run, client));
"""
SCRIPT = """
\\set n :n + 1
begin;
insert into ledger values (:run, :client_id, :n);
insert into totals values (:run, :client_id, 1) on conflict (run, client) do update set n = totals.n + 1;
commit;
"""


def parse_log(lines: Iterable[str]) -> dict[int, list[Op]]:
    """pgbench's log: client, transaction (from 1 on), latency in microseconds, script, end in seconds and microseconds."""
    found: dict[int, list[Op]] = {}
    for line in lines:
        client, number, latency, _, seconds, micros = line.split()[:6]
        took = int(latency) / 1e6
        end = int(seconds) + int(micros) / 1e6
        found.setdefault(int(client), []).append(Op(int(number), end - took, took, Outcome.OK))
    return found


def acknowledged(run: int, logs: Iterable[Path]) -> dict[int, Ledger]:
    """Client -> what it was told, by pgbench's logs."""
    ops = parse_log(line for log in sorted(logs) for line in log.read_text().splitlines())
    return {client: Ledger.of(f"{run}.{client}", each) for client, each in ops.items()}


def rows_of(run: int) -> str:
    """SQL: ``client|n`` of each row that is there."""
    return f"select client, n from ledger where run = {run}"


def torn_of(run: int) -> str:
    """SQL: how many transactions are half there."""
    counted = "select coalesce(sum(abs(l.n - t.n)), 0) from totals t full join"
    counted += f" (select client, count(*) as n from ledger where run = {run} group by client) l using (client)"
    return f"{counted} where run = {run}"


@dataclass(frozen=True)
class Account:
    """What became of one run. torn: transactions that are half there. invented: rows beyond the one whose fate is unknown."""

    acked: int
    lost: int
    unknown_kept: int
    torn: int
    invented: int

    @property
    def whole(self) -> bool:
        """Everything acknowledged is there, nothing by half, nothing that nobody wrote."""
        return (self.lost, self.torn, self.invented) == (0, 0, 0)


def weigh(ledgers: Mapping[int, Ledger], rows: Iterable[str], torn: int) -> Account:
    """Compare what was acknowledged with what is there: the answers to ``rows_of`` and ``torn_of``."""
    kept: dict[int, set[int]] = {}
    for client, number in (map(int, row.split("|")) for row in rows):
        kept.setdefault(client, set()).add(number)
    told = {client: ledger.acked for client, ledger in ledgers.items()}
    beyond = {client: there - told.get(client, frozenset()) for client, there in kept.items()}
    return Account(
        acked=sum(map(len, told.values())),
        lost=sum(len(lost(acked, kept.get(client, set()))) for client, acked in told.items()),
        unknown_kept=sum(len(more) == 1 for more in beyond.values()),
        torn=torn,
        invented=sum(max(0, len(more) - 1) for more in beyond.values()),
    )


class PgbenchWriter:
    """One pgbench with ``CLIENTS`` sessions. ``number``: of the run, which its rows carry. prepare() once in a database.

    address and port: where it connects, the server's own by default; a door's to write through it.
    """

    def __init__(self, server: Server, number: int, address: str = "", port: int = 0) -> None:
        self.server, self.number = server, number
        self.prefix = server.home / f"pgbench-{number}"
        script = server.home / "ledger.sql"
        script.write_text(SCRIPT)
        where = ["-h", address or server.address, "-p", str(port or server.port)]
        shape = ["-n", "-c", str(CLIENTS), "-j", "1", "-T", "3600", "-l", f"--log-prefix={self.prefix}"]
        argv = server.client("pgbench", *where, *shape, "-D", f"run={number}", "-D", "n=0", "-f", str(script), "postgres")
        self.process: Process = server.run.start(f"pgbench {number}", argv, env=server.environment())

    @staticmethod
    def prepare(server: Server) -> None:
        """Its tables."""
        server.ask(TABLES)

    def await_flowing(self, least: int = 50) -> None:
        """Until so many of its transactions are committed."""

        def flows() -> bool:
            return int(self.server.ask(f"select coalesce(sum(n), 0) from totals where run = {self.number}")) >= least

        wait_until(f"run {self.number} flows", flows, PATIENCE)

    def ledgers(self) -> dict[int, Ledger]:
        """Client -> what it was told. Once pgbench has ended: it writes its log when it does."""
        wait_until("pgbench has ended", lambda: not self.process.alive, PATIENCE)
        return acknowledged(self.number, Path(self.prefix.parent).glob(f"{self.prefix.name}.*"))

    def account(self) -> Account:
        """Compare what was acknowledged with what the server holds now."""
        rows = self.server.ask(rows_of(self.number)).splitlines()
        return weigh(self.ledgers(), rows, int(self.server.ask(torn_of(self.number))))


def crash(server: Server, everything: bool) -> None:
    """SIGKILL of the postmaster, or of all of its processes at once; until nothing of it is left."""
    pid = server.pid
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    server.kill()
    for child in children if everything else ():
        server.host.kill(int(child), 9)
    server.await_gone(pid)

    def reaped() -> bool:
        # Python reaps what we started once it starts something else; PostgreSQL itself takes a zombie for a living postmaster.
        subprocess.run(["true"], check=True)
        return not Path(f"/proc/{pid}").exists()

    wait_until(f"process {pid} is reaped", reaped, PATIENCE)
