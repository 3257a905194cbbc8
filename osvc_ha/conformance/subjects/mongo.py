"""mongo: a replica set of one member."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from osvc_ha.conformance.subjects.bodies import Processes
from osvc_ha.conformance.subjects.held import held
from osvc_ha.conformance.subjects.subject import Keywords, Place, Subject
from osvc_ha.drill.mongo_program import find_mongod, why_no_mongod


def _keywords(place: Place) -> Keywords:
    return {
        "replica_set": "conformance",
        "port": str(place.ports[0]),
        "directory": str(place.home / "mongo"),
        "mongod": find_mongod() or "mongod",
        "allow_addresses": "true",
        # What mongod takes at least, beside whatever else this machine does.
        "cache_mb": "256",
        "oplog_mb": "990",
        "ready_timeout": "40",
        "seedlists": str(place.home / "seedlists"),
    }


def _lacking(given: Keywords) -> str:
    why = "" if "mongod" in given else why_no_mongod()
    return why and f"{why}: install MongoDB, or name the program by --set mongod=<path>"


@contextlib.contextmanager
def _held(place: Place, keywords: Keywords) -> Iterator[Keywords]:
    yield {"mongod": held(place.home / "held", keywords["mongod"]), "ready_timeout": "2"}


MONGO = Subject(
    system="mongo",
    keywords=_keywords,
    programs=("mongod",),
    wrong=("port", "http"),
    owned=("mongo/mongod.conf", "mongo/mongod.pid"),
    body=Processes(),
    restless=("*.log", "mongo/data/*"),
    lacking=_lacking,
    unready=_held,
    seconds=120.0,
)
