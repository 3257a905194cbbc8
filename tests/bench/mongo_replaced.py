"""An instance with 1 GB of data moves to a fourth node, while the members' health is asked every 100 ms."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from mongo_stage import MongoGroup, absent, group
from stage import Say

from osvc_ha.drill.processes import wait_until
from osvc_ha.drill.report import Case
from osvc_ha.planner.errors import NotConverged
from osvc_ha.planner.types import Verb

LEAST_RUNS = 1
GIGABYTE = 1 << 30
DOCUMENT = 1 << 20
GRACE = 2
EVERY = 0.1
SHORT = Case("mongo: member replaced with 1 GB: samples with fewer healthy voters than a majority", "samples", (), 0, 0)
BEYOND = Case("mongo: member replaced with 1 GB: votes beyond three at once", "votes", (), 0, 0)
SECONDS = Case("mongo: member replaced with 1 GB: start of the new member until it is in sync", "s", ())
FIGURES = (SHORT, BEYOND, SECONDS)


def measure(runs: int, say: Say) -> list[Case]:
    """n4 starts, n3 stops, and FOLLOW takes n3 out and gives n4 the vote."""
    if absent(say):
        return []
    short, votes, seconds = [], [], []
    for number in range(1, runs + 1):
        with group(say, nodes=4, started=3, grace=str(GRACE)) as made:
            _fill(made, say)
            with Samples(made) as samples:
                began = time.monotonic()
                made.placed.add("n4")
                made.start("n4")
                seconds.append(time.monotonic() - began)
                made.stop("n3")
                wait_until("n3 gone for the grace period, and n4 to vote for it", partial(_followed, made), 60)
            short.append(sum(healthy < majority for healthy, majority, _ in samples.seen))
            votes.append(max(0, max(voters for _, _, voters in samples.seen) - 3))
            say(f"run {number}/{runs}: in sync after {seconds[-1]:.1f} s; {len(samples.seen)} samples, {short[-1]} short of a majority")
    return [replace(SHORT, runs=tuple(short)), replace(BEYOND, runs=tuple(votes)), replace(SECONDS, runs=tuple(seconds))]


def _followed(made: MongoGroup) -> bool:
    """A look of the follower's, which makes one change. Has it come to the end?"""
    with contextlib.suppress(NotConverged):
        made.reconcile("n1", Verb.FOLLOW)
    return made.votes() == {"n1": 1, "n2": 1, "n4": 1}


def _fill(made: MongoGroup, say: Say) -> None:
    import pymongo

    began = time.monotonic()
    uri = f"mongodb://{made.addresses['n1']}:{made.port}/?replicaSet=grp&w=majority&retryWrites=true"
    with pymongo.MongoClient(uri) as client:
        blobs = client.get_database("load").get_collection("blobs")
        for first in range(0, GIGABYTE // DOCUMENT, 16):
            blobs.insert_many([{"_id": first + each, "blob": os.urandom(DOCUMENT)} for each in range(16)])
    say(f"{GIGABYTE >> 20} MB written in {time.monotonic() - began:.0f} s")


class Samples:
    """While its context lasts: (healthy voters, majority, voters) as the primary says, every 100 ms."""

    def __init__(self, made: MongoGroup) -> None:
        self.seen: list[tuple[int, int, int]] = []
        self._made = made
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Samples:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join(10)

    def _run(self) -> None:
        import pymongo
        from pymongo.errors import PyMongoError

        with pymongo.MongoClient(self._made.addresses["n1"], self._made.port, directConnection=True) as client:
            while not self._ended.wait(EVERY):
                try:
                    status = client.admin.command("replSetGetStatus")
                    config = client.admin.command("replSetGetConfig")["config"]
                except PyMongoError:
                    # No primary to ask is no majority either.
                    self.seen.append((0, 1, 0))
                    continue
                self.seen.append(_sample(status, config))


def _sample(status: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[int, int, int]:
    voters = {member["host"] for member in config["members"] if member["votes"]}
    healthy = sum(member["name"] in voters and member["health"] == 1 and member["state"] in (1, 2) for member in status["members"])
    return healthy, len(voters) // 2 + 1, len(voters)
