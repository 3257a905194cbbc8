"""A member that starts again, and what it says of itself until it is back in its set."""

from __future__ import annotations

import contextlib
import socket
import threading

import pymongo
import pytest

from osvc_ha.drill.mongo_program import find_mongod
from osvc_ha.drill.processes import listening
from osvc_ha.planner.errors import HaError
from osvc_ha.planner.types import Verb
from osvc_ha.systems.mongo.client.finding import configuration

pytestmark = pytest.mark.live


class Door:
    """A member's name leads here, and on to its mongod once the door is open: as a port that a router forwards."""

    def __init__(self, address: str, behind: str, port: int) -> None:
        self.open = threading.Event()
        self._behind, self._sockets = (behind, port), []
        self._ear = socket.create_server((address, port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._ear.accept()[0],), daemon=True).start()

    def _serve(self, outside: socket.socket) -> None:
        self._sockets.append(outside)
        self.open.wait()
        with contextlib.suppress(OSError):
            inside = socket.create_connection(self._behind)
            self._sockets.append(inside)
            threading.Thread(target=self._copy, args=(inside, outside), daemon=True).start()
            self._copy(outside, inside)

    def _copy(self, giver: socket.socket, taker: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while words := giver.recv(65536):
                taker.sendall(words)
        for one in (giver, taker):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Nobody passes any more."""
        self.open.set()
        for one in (self._ear, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture
def group(make_group):
    """One node, whose mongod listens behind its member's name, and on its socket."""
    found = make_group(1)
    found.behind = found.addresses["n1"].rpartition(".")[0] + ".9"
    found.own["n1"] = {"bind": found.behind, "ready_timeout": "20", "mongod": find_mongod(), "cache_mb": "256", "oplog_mb": "990"}
    return found


def launch(group):
    """The mongod, as START does it."""
    config = group.config("n1")
    process = group.run.start("mongod", [config.mongod, "--config", str(configuration(config))])
    return process.await_ready(lambda: listening(group.behind, group.port), 30)


def orders(group):
    """A collection on it."""
    return pymongo.MongoClient(group.behind, group.port, directConnection=True).get_database("shop").get_collection("orders")


def test_a_member_that_starts_is_not_taken_for_data_of_no_set(group) -> None:
    """A restarted mongod says it has no configuration until it has found itself: START must not tell a person to empty its directory."""
    group.reconcile("n1", Verb.PROVISION)
    process = launch(group)
    with contextlib.closing(Door(group.addresses["n1"], group.behind, group.port)) as door:
        door.open.set()
        group.reconcile("n1", Verb.START)
        orders(group).insert_one({"_id": 1})
        door.open.clear()
        process.terminate(20)
        launch(group)
        here = group.look("n1").here
        assert (here.initiated, here.state) == (True, "STARTUP")
        with pytest.raises(HaError) as refused:
            group.reconcile("n1", Verb.START)
        assert "wipe" not in str(refused.value)
        door.open.set()
        group.reconcile("n1", Verb.START)
        assert orders(group).count_documents({}) == 1
