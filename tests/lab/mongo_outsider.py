"""What a client outside the cluster sees of its replica set. A program, run on the nodes' network: it prints one JSON document.

mongo_outsider.py states 27017 n1=10.77.0.1 n2=10.77.0.2 ...   node -> its own state as MongoDB numbers them, 0 for no answer
mongo_outsider.py votes 10.77.0.1 27017                        host:port -> [votes, priority], by that member's configuration
mongo_outsider.py kept <uri> <collection>                      the numbers that a majority of the set holds
mongo_outsider.py write <uri> <collection> <first> <last>      writes these numbers with w:majority; those that were acknowledged

MONGO_LOGIN=user:password in its environment: it logs in.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import pymongo
from mongods import ask, states

SECONDS = 20
USER, _, PASSWORD = os.environ.get("MONGO_LOGIN", "").partition(":")
LOGIN: dict[str, Any] = {"username": USER, "password": PASSWORD} if USER else {}


def main(words: Sequence[str]) -> Any:
    """The answer."""
    if words[0] == "states":
        return states(dict(word.split("=") for word in words[2:]), int(words[1]), **LOGIN)
    if words[0] == "votes":
        members = ask(words[1], int(words[2]), "replSetGetConfig", client=LOGIN)["config"]["members"]
        return {member["host"]: [member["votes"], member["priority"]] for member in members}
    client: Any = pymongo.MongoClient(words[1], readConcernLevel="majority", serverSelectionTimeoutMS=SECONDS * 1000, **LOGIN)
    with client:
        found = client.get_database("load").get_collection(words[2])
        if words[0] == "write":
            concerned = found.with_options(write_concern=pymongo.WriteConcern("majority", wtimeout=SECONDS * 1000))
            return [concerned.insert_one({"_id": number}).inserted_id for number in range(int(words[3]), int(words[4]) + 1)]
        return [each["_id"] for each in found.find()]


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
