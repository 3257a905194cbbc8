"""Load from the outside: each client is its own process, so that none waits for another's GIL.

The client itself is client.py: a loop of raw RESP on a blocking socket. Here is its parent's side:
start clients, wait until they flow, collect their ledgers, read back what the master holds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from osvc_ha.planner.errors import ApplyError, ConfigError, ObserveError

from .client import PASSWORD_VARIABLE, Failure, Wire
from .ledger import Ledger, parse_ops
from .process import Process
from .processes import Run

KEY_PREFIX = "osvc_ha:drill:"
LATELY = 16384  # bytes of a client's file: about two seconds at 200 operations per second


@dataclass(frozen=True)
class Client:
    """A running client. ``key`` is the list a writer appends its numbers to."""

    name: str
    writes: bool
    persistent: bool
    key: str
    records: Path
    process: Process

    def ledger(self) -> Ledger:
        """What it saw so far; may be asked while it runs."""
        return Ledger.of(self.name, parse_ops(self.records.read_text(encoding="ascii")), self.writes, self.persistent)

    def flows(self, since: float) -> bool:
        """Has it lately had a success that began at or after ``since`` (seconds since the epoch)? Reads the end of its file only."""
        with open(self.records, "rb") as source:
            source.seek(max(0, self.records.stat().st_size - LATELY))
            whole = source.tell() == 0
            lines = source.read().decode("ascii").splitlines(keepends=True)
        return any(op.ok and op.at >= since for op in parse_ops("".join(lines if whole else lines[1:])))


def start_client(
    run: Run,
    name: str,
    address: str,
    port: int,
    *,
    writes: bool = True,
    persistent: bool = False,
    rate: float = 200.0,
    timeout: float = 1.0,
    ask_role: bool = False,
    username: str = "",
    password: str = "",
) -> Client:
    """Start one client against a Redis-protocol port; returns at once (``wait_flowing`` waits).

    A writer does ``RPUSH osvc_ha:drill:<name> n`` with n rising, a reader ``GET``. Not persistent: a new
    connection for each operation. Persistent: one connection, a new one only after an error.
    rate: operations per second; a late one is not made up for. timeout: seconds for connecting and for
    each answer. ask_role: ROLE travels with every operation, for ``Ledger.misrouted``.
    The password goes by environment. ConfigError for a name used twice in this run, or a rate or timeout that is not above 0.
    """
    if not rate > 0 or not timeout > 0:
        raise ConfigError(f"client {name}: rate={rate:g} and timeout={timeout:g} must be above 0")
    records = run.directory / f"client-{name}.ops"
    if not name or "/" in name or records.exists():
        raise ConfigError(f"client {name!r}: needs a name of its own in this run, without a slash")
    records.touch()
    key = KEY_PREFIX + name
    argv = [sys.executable, "-m", "osvc_ha.drill.client", str(records), address, str(port), key, str(rate), str(timeout)]
    flags = [word for word, wanted in (("write", writes), ("persist", persistent), ("role", ask_role)) if wanted]
    credentials = {PASSWORD_VARIABLE: f"{username}\n{password}"} if password else {}
    process = run.start(f"client {name}", [*argv, *flags], env={**os.environ, **importable(), **credentials}, held=True)
    return Client(name, writes, persistent, key, records, process)


def wait_flowing(clients: Iterable[Client], since: float = 0.0, seconds: float = 10.0) -> None:
    """Wait until every client had a success that began at or after ``since``; ApplyError naming those that had none."""
    give_up = time.monotonic() + seconds
    waiting = list(clients)
    while waiting:
        waiting = [client for client in waiting if not client.flows(since)]
        if waiting and time.monotonic() >= give_up:
            seen = "; ".join(f"{client.name} ({_last_words(client)})" for client in waiting)
            raise ApplyError(f"clients without a success within {seconds:g} s: {seen}")
        time.sleep(0.02 if waiting else 0)


def collect(clients: Sequence[Client], seconds: float = 5.0) -> list[Ledger]:
    """Stop the clients after the operation they are in, and return their ledgers in the same order.

    ApplyError when one has died before its time: its silence would read as an outage, or as none.
    """
    for client in clients:
        if not client.process.alive:
            raise ApplyError(f"{client.process.name}: died during the run: {client.process.words()}")
    for client in clients:
        client.process.release()
    give_up = time.monotonic() + seconds
    for client in clients:
        if not client.process.wait(max(0.0, give_up - time.monotonic())):
            client.process.terminate()
            raise ApplyError(f"{client.process.name}: still in an operation after {seconds:g} s, stopped")
    return [client.ledger() for client in clients]


def survivors(
    clients: Iterable[Client], address: str, port: int, username: str = "", password: str = "", timeout: float = 10.0
) -> dict[str, frozenset[int]]:
    """Ask a server (the final master, by its own address) which numbers of each writer it holds. ObserveError if it does not answer."""
    try:
        wire = Wire(address, port, timeout, username, password)
        try:
            return {client.name: _numbers(wire, client.key) for client in clients if client.writes}
        finally:
            wire.close()
    except Failure as error:
        raise ObserveError(f"{address}:{port}: acknowledged writes cannot be read back: {error}") from error


def _numbers(wire: Wire, key: str) -> frozenset[int]:
    (reply,) = wire.ask([("LRANGE", key, "0", "-1")])
    if not isinstance(reply, list):
        raise ObserveError(f"{key}: LRANGE answered {reply!r}; another program uses this key")
    return frozenset(int(str(item)) for item in reply)


def importable() -> dict[str, str]:
    """An environment: the child finds this very package, also when it was not installed."""
    here = str(Path(__file__).resolve().parents[2])
    rest = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": here + (os.pathsep + rest if rest else "")}


def _last_words(client: Client) -> str:
    ops = client.ledger().ops
    return ops[-1].outcome.value if ops else client.process.words() or "no operation yet"
