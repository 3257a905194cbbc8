"""What runs on one node of a network lab: a verb of the mongo system as the agent there would have it done, or a question to a mongod.

``mongo_node.py VERB NODE PLACED KEYWORDS``: the cluster's nodes are n1 ... n4, known to each other by these names; PLACED, separated
by commas, is where OpenSVC runs the service, and KEYWORDS is JSON. Exit code 0, or that of the error, whose words go to standard error.
``mongo_node.py status NODE PLACED KEYWORDS``: the status, and its lines, as JSON.
``mongo_node.py ask HOST COMMAND``: the reply as JSON, null for none.
"""

from __future__ import annotations

import json
import sys

from mongods import NAME, ask
from pymongo.errors import PyMongoError

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError
from osvc_ha.planner.reconcile import reconcile, status
from osvc_ha.planner.types import Verb
from osvc_ha.systems.mongo import SYSTEM

PATH, PORT = f"prod/svc/{NAME}", 27017
NODES = ("n1", "n2", "n3", "n4")


def main() -> int:
    if sys.argv[1] == "ask":
        print(json.dumps(_ask(*sys.argv[2:4]), default=str))
        return 0
    verb, local, placed, keywords = sys.argv[1:5]
    config, seen = SYSTEM.parse({"path": PATH, **json.loads(keywords)}), cluster(local, placed.split(","))
    if verb == "status":
        found = status(SYSTEM, config, seen, Host())
        print(json.dumps([found.status.value, *found.lines]))
        return 0
    try:
        reconcile(SYSTEM, config, seen, Verb(verb), Host())
    except HaError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def cluster(local: str, placed: list[str]) -> Cluster:
    """As the agent on ``local`` reports it; it hears everybody."""
    instances = {node: Instance(node, "up" if node in placed else "down") for node in NODES}
    found = Object(PATH, NODES, instances, topology="flex")
    addresses = {node: f"10.77.0.{node[1:]}" for node in NODES}
    return Cluster("id", "lab", local, {node: Node(node, True) for node in NODES}, {PATH: found}, resolved=addresses)


def _ask(host: str, command: str) -> object:
    try:
        return ask(host, PORT, command, seconds=2.0)
    except PyMongoError:
        return None


if __name__ == "__main__":
    sys.exit(main())
