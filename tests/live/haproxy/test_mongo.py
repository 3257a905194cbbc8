"""The mongo-primary and mongo checks against a real replica set."""

from __future__ import annotations

import pytest
from mongods import SMALL

from osvc_ha.drill.mongo_program import find_mongod, why_no_mongod
from osvc_ha.drill.processes import listening, wait_until

pytestmark = pytest.mark.live
PATIENCE = 90.0


class ReplicaSet:
    """Three members on three addresses, and a way to ask each."""

    def __init__(self, servers, addresses, port: int) -> None:
        self.servers, self.addresses, self.port = servers, addresses, port
        self.members = {node: self.start(node) for node in addresses}

    def start(self, node: str):
        """One member, empty or with the data it had."""
        home = self.servers.directory / f"mongo-{node}"
        home.mkdir(exist_ok=True)
        argv = [find_mongod(), "--replSet", "rs", "--bind_ip", self.addresses[node], "--port", str(self.port), "--dbpath", str(home)]
        server = self.servers.start(f"mongod {node}", [*argv, *SMALL])
        return server.await_ready(lambda: listening(self.addresses[node], self.port), PATIENCE)

    def ask(self, node: str, command: str, argument: object = 1) -> dict[str, object]:
        """An admin command to one member."""
        import pymongo

        with pymongo.MongoClient(self.addresses[node], self.port, directConnection=True, serverSelectionTimeoutMS=5000) as client:
            return client.admin.command(command, argument)

    def initiate(self) -> None:
        """n3, the last of the scope, becomes primary."""
        members = [
            {"_id": number, "host": f"{address}:{self.port}", "priority": 2 if node == "n3" else 1}
            for number, (node, address) in enumerate(self.addresses.items())
        ]
        config = {"_id": "rs", "members": members, "settings": {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}}
        self.ask("n3", "replSetInitiate", config)
        wait_until("a primary and two secondaries", lambda: self.states() == {"n1": 2, "n2": 2, "n3": 1}, PATIENCE)

    def states(self) -> dict[str, int]:
        """node -> 1 for primary, 2 for secondary, others as MongoDB numbers them."""
        by_name = {member["name"]: member["state"] for member in self.ask("n3", "replSetGetStatus")["members"]}
        return {node: by_name[f"{address}:{self.port}"] for node, address in self.addresses.items()}


@pytest.fixture(scope="module")
def replica_set(servers, addresses, ports):
    """Three members, not yet a replica set."""
    if why_no_mongod():
        pytest.skip(why_no_mongod())
    return ReplicaSet(servers, addresses, next(ports))


def test_m11_mongo_primary_alone_or_every_data_bearing_member(front, replica_set, ports, session_of) -> None:
    """mongo-primary follows the primary and cuts sessions of a former one; mongo takes secondaries too; nobody before a set exists."""
    port = next(ports)
    front.service("db", port, "mongo-primary", target_port=replica_set.port, all__port=next(ports), all__check="mongo",
                  all__target_port=replica_set.port)  # fmt: skip
    front.start()
    wait_until("all are checked", lambda: set(front.words().values()) == {"DOWN L7RSP"}, PATIENCE)
    replica_set.initiate()
    front.await_up("n3", part=":main")
    front.await_up("n1", "n2", "n3", part=":all")
    assert {front.words(":main")["l4:prod:svc:db:main", node] for node in ("n1", "n2")} == {"DOWN L7RSP"}

    session = session_of(front.addresses["n1"], port)
    replica_set.members["n3"].pause()
    try:
        wait_until("the session is cut", session.is_cut, PATIENCE)
        wait_until("another is elected", lambda: front.up(":main") in (("n1",), ("n2",)), PATIENCE)
        wait_until("the hung one is out", lambda: front.up(":all") == ("n1", "n2"), PATIENCE)
    finally:
        replica_set.members["n3"].resume()
    front.await_up("n1", "n2", "n3", part=":all")
