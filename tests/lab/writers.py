"""Clients outside the cluster that write through its doors all the while, and what they saw."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import outsider
from namespaces import Machines

from osvc_ha.drill.ledger import Summary, summarise
from osvc_ha.drill.load import Client, collect, start_client, wait_flowing
from osvc_ha.drill.process import Process
from osvc_ha.drill.processes import Run
from osvc_ha.host import Host

RATE = 20.0
OUTSIDER = str(Path(outsider.__file__).resolve())


class OutsideRun(Run):
    """A run whose processes are on the nodes' network and on none of the nodes."""

    def __init__(self, machines: Machines) -> None:
        super().__init__("osvc_ha-writers-")
        self._machines = machines

    def start(
        self, name: str, argv: Sequence[str], *, env: Optional[Mapping[str, str]] = None, pidfile: Optional[Path] = None, held: bool = False
    ) -> Process:
        """As in any run."""
        return super().start(name, self._machines.outside(argv), env=env, pidfile=pidfile, held=held)


def ask_outside(machines: Machines, *words: str) -> Any:
    """What outsider.py tells."""
    done = Host().run(machines.outside([sys.executable, OUTSIDER, *words]), seconds=30)
    assert done.code == 0, f"outsider {' '.join(words)}: {done.words}"
    return json.loads(done.out)


class Writers:
    """For each of these nodes' doors one client that connects anew for each write and one that keeps its connection.

    A context manager: they flow when it is entered, and are collected when it is left. Then ``seen`` tells what they
    saw, with the acknowledged writes that the last master does not hold (read through ``door``, the first by default).
    """

    def __init__(self, machines: Machines, *doors: str) -> None:
        self.seen: Summary
        self.door = doors[0]
        self._machines = machines
        self._doors = doors
        self._run = OutsideRun(machines)
        self._clients: list[Client] = []

    def __enter__(self) -> Writers:
        self._run.__enter__()
        try:
            for door in self._doors:
                for keeps in (False, True):
                    self._clients.append(self._start(door, keeps))
            wait_flowing(self._clients)
        except BaseException:
            self._run.__exit__()
            raise
        return self

    def flowing(self, since: float) -> None:
        """Wait until each of them had a success that began at or after ``since`` (seconds since the epoch)."""
        wait_flowing(self._clients, since, seconds=30)

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            if kind is None:
                ledgers = collect(self._clients)
                held = ask_outside(self._machines, "numbers", self._machines.addresses[self.door], *(one.key for one in self._clients))
                self.seen = summarise(ledgers, {one.name: frozenset(held[one.key]) for one in self._clients})
        finally:
            self._run.__exit__()

    def _start(self, door: str, keeps: bool) -> Client:
        name = f"{door}-{'keeps' if keeps else 'anew'}-{self._run.directory.name[-8:]}"
        return start_client(self._run, name, self._machines.addresses[door], outsider.DOOR, persistent=keeps, rate=RATE)


def unhurt(writers: Writers, outage: float) -> None:
    """No acknowledged write was lost, and no client was without service for longer than this many seconds."""
    seen = writers.seen
    assert seen.acked > 0
    assert seen.lost == 0, seen
    assert max(seen.outage_reconnecting or 0.0, seen.outage_persistent or 0.0) <= outage, seen
