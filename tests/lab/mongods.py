"""Real mongods on loopback addresses, started by hand, and a client that writes through them all the while."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import mongo_writer

from osvc_ha.drill.mongo_program import find_mongod
from osvc_ha.drill.process import Process
from osvc_ha.drill.processes import Run, listening, wait_until

PATIENCE = 60.0
NAME = "grp"
# Nothing here changes what is written durably: only memory, and what a mongod does beside its work.
SMALL = (
    "--nounixsocket",
    "--oplogSize",
    "16",
    "--wiredTigerCacheSizeGB",
    "0.25",
    "--setParameter",
    "diagnosticDataCollectionEnabled=false",
)
WRITER = str(Path(mongo_writer.__file__).resolve())


def small_mongod(directory: Path) -> str:
    """A program that is mongod with little memory, whatever else it is told."""
    script = directory / "mongod"
    directory.mkdir(parents=True, exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec {find_mongod()} "$@" {" ".join(SMALL)}\n')
    script.chmod(0o755)
    return str(script)


def ask(address: str, port: int, command: str, argument: object = 1, seconds: float = 5.0, **more: object) -> dict[str, Any]:
    """A command to one mongod's admin database. PyMongoError when it is refused. ``client``: options of pymongo's."""
    import pymongo

    options: Any = more.pop("client", {})
    milliseconds = int(seconds * 1000)
    with pymongo.MongoClient(
        address, port, directConnection=True, serverSelectionTimeoutMS=milliseconds, socketTimeoutMS=milliseconds, **options
    ) as client:
        return dict(client.admin.command(command, argument, **more))


class Mongods:
    """``addresses``: node -> address. One mongod each, all on one port, as an operator without osvc_ha has them."""

    def __init__(self, run: Run, addresses: Mapping[str, str], port: int, name: str = NAME) -> None:
        self.run, self.addresses, self.port, self.name = run, dict(addresses), port, name
        self.processes: dict[str, Process] = {}

    def launch(self, node: str, *more: str) -> Process:
        """Start one, empty or with the data it had; it may not listen yet."""
        home = self.run.directory / f"byhand-{self.port}-{node}"
        home.mkdir(exist_ok=True)
        argv = [find_mongod(), "--replSet", self.name, "--bind_ip", self.addresses[node], "--port", str(self.port), "--dbpath", str(home)]
        self.processes[node] = self.run.start(f"mongod {self.port} {node}", [*argv, *SMALL, *more])
        return self.processes[node]

    def start(self, *more: str) -> None:
        """Start all of them, and wait until they listen."""
        for node in self.addresses:
            self.launch(node, *more)
        for node, process in self.processes.items():
            process.await_ready(lambda node=node: listening(self.addresses[node], self.port), PATIENCE)  # type: ignore[misc]

    def ask(self, node: str, command: str, argument: object = 1, **more: Any) -> dict[str, Any]:
        """An admin command to one member."""
        return ask(self.addresses[node], self.port, command, argument, **more)

    def initiate(self, election_timeout: int = 10000) -> None:
        """What the manual tells an operator to do: one replSetInitiate that names everybody."""
        members = [
            {"_id": number, "host": f"{at}:{self.port}", "priority": len(self.addresses) - number}
            for number, at in enumerate(self.addresses.values())
        ]
        config = {"_id": self.name, "members": members, "settings": {"electionTimeoutMillis": election_timeout}}
        self.ask(next(iter(self.addresses)), "replSetInitiate", config, seconds=30)

    def await_settled(self) -> float:
        """Wait for one PRIMARY with everybody else SECONDARY and voting; the seconds it took."""
        return wait_until("a primary and secondaries", self.settled, PATIENCE)

    def settled(self) -> bool:
        """Is it?"""
        return sorted(states(self.addresses, self.port).values()) == [1] + [2] * (len(self.addresses) - 1)

    def primary(self) -> str:
        """The node that says it is the primary, by the highest term; "" when none does."""
        return primary_of(self.addresses, self.port)


def states(addresses: Mapping[str, str], port: int, **client: Any) -> dict[str, int]:
    """node -> its own state as MongoDB numbers them (1 PRIMARY, 2 SECONDARY), 0 for no answer, -1 for one that is no member."""
    from pymongo.errors import OperationFailure, PyMongoError

    found = {}
    for node, address in addresses.items():
        try:
            found[node] = int(ask(address, port, "replSetGetStatus", seconds=2.0, client=client)["myState"])
        except OperationFailure:
            found[node] = -1
        except PyMongoError:
            found[node] = 0
    return found


def primary_of(addresses: Mapping[str, str], port: int, **client: Any) -> str:
    """The node that says it is the primary; "" when not exactly one does."""
    found = [node for node, state in states(addresses, port, **client).items() if state == 1]
    return found[0] if len(found) == 1 else ""


@dataclass(frozen=True)
class Written:
    """One insert: when it began and ended, its number, negative when it failed, and why."""

    began: float
    ended: float
    number: int
    words: str = ""


class Writer:
    """A process that writes while its context lasts: see mongo_writer.py."""

    def __init__(
        self,
        run: Run,
        addresses: Mapping[str, str],
        port: int,
        tag: str,
        name: str = NAME,
        more: str = "",
        login: str = "",
        through: Optional[tuple[str, int]] = None,
    ) -> None:
        self.ledger = run.directory / f"writes-{tag}.txt"
        self.ledger.touch()
        seeds = ",".join(f"{at}:{port}" for at in addresses.values())
        where = f"{seeds}/?replicaSet={name}"
        if through is not None:
            # A proxy's port that always leads to the primary: the client looks for no other member.
            where = f"{through[0]}:{through[1]}/?directConnection=true"
        self.uri = f"mongodb://{login}{where}&w=majority&retryWrites=true&connectTimeoutMS=2000{more}"
        self.tag = tag
        self._start = lambda: run.start(f"writer {tag}", [sys.executable, WRITER, self.uri, str(self.ledger), tag], held=True)
        self._process: Process

    def __enter__(self) -> Writer:
        self._process = self._start()
        self.progress(20)
        return self

    def __exit__(self, *error: object) -> None:
        self._process.release()
        if not self._process.wait(10):
            self._process.kill()

    def all(self) -> list[Written]:
        """Everything it has written down by now."""
        # The last line may be half a line.
        lines = [line.split(" ", 3) for line in self.ledger.read_text().split("\n")[:-1]]
        return [Written(float(words[0]), float(words[1]), int(words[2]), "".join(words[3:])) for words in lines]

    def progress(self, count: int = 20, seconds: float = 40.0) -> None:
        """Wait until that many more writes that began after now are acknowledged."""
        now = time.time()
        wait_until("writes are taken", lambda: sum(each.began >= now and each.number > 0 for each in self.all()) >= count, seconds)

    def outage(self) -> float:
        """The longest time without an acknowledgement, in seconds."""
        good = [each for each in self.all() if each.number > 0]
        return max(after.ended - before.ended for before, after in zip(good, good[1:]))

    def failed(self) -> list[str]:
        """The words of the writes that failed: those that the driver's one retry did not save."""
        return [each.words for each in self.all() if each.number < 0]

    def lost(self) -> set[int]:
        """Acknowledged, and not there now when read with majority from the primary."""
        import pymongo

        with pymongo.MongoClient(self.uri, readConcernLevel="majority", serverSelectionTimeoutMS=20000) as client:
            kept = {each["_id"] for each in client.get_database("load").get_collection(self.tag).find()}
        return {each.number for each in self.all() if each.number > 0} - kept
