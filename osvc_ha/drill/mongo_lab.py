"""The same cluster on one machine with a MongoDB replica set as its service, driven as OpenSVC would."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from osvc_ha.planner.errors import ApplyError

from .lab import Lab
from .load import Client, importable
from .mongo_client import DATABASE
from .mongo_program import find_mongod
from .process import Process
from .processes import wait_until

SET = "demo"
# Milliseconds; the keyword's default is 10000.
ELECTION_TIMEOUT = 2000
STATUS_SECONDS = 2.0


class MongoLab(Lab):
    """Nodes n1..n3 with a mongod each."""

    path, system = "demo/svc/mongo", "mongo"

    @property
    def port(self) -> int:
        """Of mongod, on every node."""
        return self.redis_port

    def labels(self) -> Mapping[str, str]:
        """Nothing for a front door: drivers find the primary by themselves."""
        return {}

    def _settings(self, node: str, redis: Mapping[str, str], haproxy: Mapping[str, str]) -> dict[str, dict[str, str]]:
        keywords = {
            "path": self.path,
            "replica_set": SET,
            "port": str(self.port),
            # The nodes of one machine have no names of their own.
            "allow_addresses": "true",
            "directory": str(self.directory(node) / "mongo"),
            "mongod": find_mongod(),
            "cache_mb": "256",
            "oplog_mb": "990",
            "election_timeout": str(ELECTION_TIMEOUT),
            "seedlists": str(self.directory(node) / "seedlists"),
        }
        return {"mongo": keywords}

    def server(self, node: str) -> Process:
        """The mongod of one node."""
        return self.run.adopt(f"mongod {node}", self.directory(node) / "mongo" / "mongod.pid")

    def roles(self) -> dict[str, str]:
        """node -> PRIMARY, SECONDARY …, "" for one that does not answer."""
        from osvc_ha.systems.mongo.client.link import Peer, Trouble, session

        found = dict.fromkeys(self.nodes, "")
        for node, address in self.addresses.items():
            try:
                with session(Peer(address, self.port), STATUS_SECONDS) as talk:
                    members = talk.ask("replSetGetStatus")["members"]
                    found[node] = next(str(one["stateStr"]) for one in members if one.get("self"))
            except (Trouble, StopIteration):
                continue
        return found

    def named_master(self) -> str:
        """The one node that says it is primary, or ""."""
        found = [node for node, role in self.roles().items() if role == "PRIMARY"]
        return found[0] if len(found) == 1 else ""

    def await_complete(self) -> None:
        """Wait until one is primary and all others follow it."""
        wait_until("a primary and two secondaries", lambda: sorted(self.roles().values()) == ["PRIMARY", "SECONDARY", "SECONDARY"], 30.0)

    def client(self, name: str, rate: float) -> Client:
        """A client that writes, as its application would: the set's names, a majority, the driver's retries."""
        records = self.run.directory / f"client-{name}.ops"
        records.touch()
        argv = [sys.executable, "-m", "osvc_ha.drill.mongo_client", str(records), self.uri, name, str(rate)]
        process = self.run.start(f"client {name}", argv, env={**os.environ, **importable()}, held=True)
        return Client(name, True, True, name, records, process)

    @property
    def uri(self) -> str:
        """For drivers."""
        hosts = ",".join(f"{address}:{self.port}" for address in self.addresses.values())
        return f"mongodb://{hosts}/?replicaSet={SET}&w=majority&retryWrites=true&connectTimeoutMS=2000"

    def kept(self, client: Client) -> frozenset[int]:
        """Which numbers of a writer a majority of the set holds. ApplyError when that cannot be read."""
        import pymongo
        from pymongo.errors import PyMongoError

        try:
            reader: Any = pymongo.MongoClient(self.uri, readConcernLevel="majority", serverSelectionTimeoutMS=10000)
            with reader:
                return frozenset(one["_id"] for one in reader.get_database(DATABASE).get_collection(client.key).find())
        except PyMongoError as error:
            raise ApplyError(f"acknowledged writes cannot be read back: {error}") from error
