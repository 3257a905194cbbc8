"""One load client, a program of its own: ``python -m osvc_ha.drill.client`` (started by load.py).

Raw RESP on a blocking socket, because the client shares two cores with the servers it measures:
a reconnecting operation costs 0.11 ms of CPU here and 1.3 ms with redis-py 8.1 (one machine, redis 7.0.15).

It stops when its standard input ends. That is also what happens when its parent is killed outright,
so no load outlives a run; and waiting for the next operation is waiting for that, without a sleep.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from collections.abc import Sequence
from typing import List, Optional, Protocol, TextIO, Tuple, Union

from .ledger import Op, Outcome

PASSWORD_VARIABLE = "OSVC_HA_DRILL_CREDENTIALS"

Command = Tuple[str, ...]
Reply = Union[str, int, None, List["Reply"], "ServerError"]

_REFUSALS = {"READONLY": Outcome.READONLY, "NOREPLICAS": Outcome.NOREPLICAS}


class ServerError(str):
    """An error reply, as the server worded it without the minus sign."""

    @property
    def outcome(self) -> Outcome:
        """Its place among the outcomes, by its first word."""
        return _REFUSALS.get(self.partition(" ")[0], Outcome.ERROR)


class Failure(Exception):
    """An operation that did not succeed. ``unknown``: it was sent and not answered, so it may have been done."""

    def __init__(self, outcome: Outcome, unknown: bool, words: str) -> None:
        super().__init__(words)
        self.outcome = outcome
        self.unknown = unknown


class Wire:
    """One connection that speaks RESP2. Every call ends within ``timeout`` seconds of silence, or raises Failure."""

    def __init__(self, address: str, port: int, timeout: float, username: str = "", password: str = "") -> None:
        try:
            self._socket = socket.create_connection((address, port), timeout)
        except OSError as error:
            raise Failure(_outcome(error), False, f"{address}:{port}: {error}") from error
        self._reader = self._socket.makefile("rb")
        if password:
            self._log_in(("AUTH", username, password) if username else ("AUTH", password))

    def _log_in(self, command: Command) -> None:
        try:
            (reply,) = self.ask([command])
            if isinstance(reply, ServerError):
                raise Failure(reply.outcome, False, reply)
        except Failure as error:
            self.close()
            # Whatever happened, the operation itself was not sent yet.
            raise Failure(error.outcome, False, str(error)) from error

    def ask(self, commands: Sequence[Command]) -> List[Reply]:
        """Send all commands in one write and return as many replies."""
        sent = False
        try:
            self._socket.sendall(b"".join(_encode(command) for command in commands))
            sent = True
            return [self._reply() for _ in commands]
        except (OSError, ValueError) as error:
            raise Failure(_outcome(error), sent, str(error)) from error

    def _reply(self) -> Reply:
        line = self._reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("closed by the server")
        kind, rest = line[:1], line[1:-2].decode("utf-8", "replace")
        if kind == b"+":
            return rest
        if kind == b"-":
            return ServerError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self._bulk(int(rest))
        if kind == b"*":
            return None if rest == "-1" else [self._reply() for _ in range(int(rest))]
        raise ValueError(f"not RESP: {line[:40]!r}")

    def _bulk(self, size: int) -> str:
        body = self._reader.read(size + 2)
        if body is None or len(body) < size + 2:
            raise ConnectionResetError("closed by the server")
        return body[:-2].decode("utf-8", "replace")

    def close(self) -> None:
        """Close; never raises."""
        self._reader.close()
        self._socket.close()


def _encode(command: Command) -> bytes:
    parts = [part.encode() for part in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def _outcome(error: Exception) -> Outcome:
    # Python 3.9: socket.timeout is not yet a TimeoutError.
    if isinstance(error, (TimeoutError, socket.timeout)):
        return Outcome.TIMEOUT
    if isinstance(error, ConnectionRefusedError):
        return Outcome.REFUSED
    if isinstance(error, ConnectionError):
        return Outcome.RESET
    return Outcome.ERROR


class Worker:
    """Does operations one by one and says how each ended."""

    def __init__(self, address: str, port: int, key: str, timeout: float, flags: Sequence[str], credentials: str = "") -> None:
        self._address, self._port, self._key, self._timeout = address, port, key, timeout
        self._writes, self._persistent, self._asks = "write" in flags, "persist" in flags, "role" in flags
        self._username, _, self._password = credentials.partition("\n")
        self._wire: Optional[Wire] = None

    def operate(self, number: int) -> Op:
        """One operation, timed from before it connects."""
        at, began = time.time(), time.perf_counter()
        outcome, unknown, role = Outcome.OK, False, ""
        try:
            if self._wire is None:
                self._wire = Wire(self._address, self._port, self._timeout, self._username, self._password)
            outcome, role = self._ask(self._wire, number)
        except Failure as failure:
            outcome, unknown = failure.outcome, failure.unknown
        done = Op(number, at, time.perf_counter() - began, outcome, unknown, role)
        if self._wire is not None and not (self._persistent and done.ok):
            self._wire.close()
            self._wire = None
        return done

    def _ask(self, wire: Wire, number: int) -> Tuple[Outcome, str]:
        command: Command = ("RPUSH", self._key, str(number)) if self._writes else ("GET", "osvc_ha:drill")
        replies = wire.ask([("ROLE",), command] if self._asks else [command])
        answer = replies[-1]
        role = replies[0][0] if self._asks and isinstance(replies[0], list) else ""
        return (answer.outcome if isinstance(answer, ServerError) else Outcome.OK), str(role)


class Operates(Protocol):
    """A client's side of one operation after the other."""

    def operate(self, number: int) -> Op:
        """Do it, and say how it ended."""


def follow(worker: Operates, rate: float, records: TextIO, stop: int) -> None:
    """Operate at ``rate`` per second until the descriptor ``stop`` is readable (its writer closed it)."""
    due, number = time.monotonic(), 0
    while not select.select([stop], [], [], max(0.0, due - time.monotonic()))[0]:
        number += 1
        records.write(worker.operate(number).line())
        # After a stall it goes on at its rate: a burst to catch up would be a load that nobody asked for.
        due = max(due + 1 / rate, time.monotonic())


def main(argv: Sequence[str]) -> int:
    """records address port key rate timeout [write] [persist] [role]; credentials by environment."""
    records, address, port, key, rate, timeout = argv[:6]
    worker = Worker(address, int(port), key, float(timeout), argv[6:], os.environ.get(PASSWORD_VARIABLE, ""))
    with open(records, "a", buffering=1, encoding="ascii") as sink:
        follow(worker, float(rate), sink, sys.stdin.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
