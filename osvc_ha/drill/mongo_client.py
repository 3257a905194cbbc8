"""A MongoDB client as an application has it, a program of its own: ``python -m osvc_ha.drill.mongo_client RECORDS URI COLLECTION RATE``.

Inserts numbers one after the other, with what the URI says: w=majority, retryWrites. It stops when its standard input ends.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import pymongo
from pymongo.errors import AutoReconnect, PyMongoError, ServerSelectionTimeoutError

from .client import follow
from .ledger import Op, Outcome

DATABASE = "osvc_ha_drill"


class Inserter:
    """One insert after the other, through the driver's own idea of where the primary is."""

    def __init__(self, uri: str, collection: str) -> None:
        client: Any = pymongo.MongoClient(uri, serverSelectionTimeoutMS=20000)
        self._collection = client.get_database(DATABASE).get_collection(collection)

    def operate(self, number: int) -> Op:
        """One insert, with the driver's one retry of it."""
        at, began = time.time(), time.perf_counter()
        outcome, unknown = Outcome.OK, False
        try:
            self._collection.insert_one({"_id": number})
        except ServerSelectionTimeoutError:
            outcome = Outcome.TIMEOUT
        except PyMongoError as error:
            outcome, unknown = Outcome.RESET if isinstance(error, AutoReconnect) else Outcome.ERROR, True
        return Op(number, at, time.perf_counter() - began, outcome, unknown)


def main(argv: Sequence[str]) -> int:
    """records uri collection rate."""
    records, uri, collection, rate = argv
    with open(records, "a", buffering=1, encoding="ascii") as sink:
        follow(Inserter(uri, collection), float(rate), sink, sys.stdin.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
