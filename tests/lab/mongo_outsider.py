"""What a client outside the cluster sees of its replica set. A program, run on the nodes' network: it prints one JSON document.

mongo_outsider.py states 27017 n1=10.77.0.1 n2=10.77.0.2 ...   node -> its own state as MongoDB numbers them, 0 for no answer
mongo_outsider.py votes 10.77.0.1 27017                        host:port -> [votes, priority], by that member's configuration
mongo_outsider.py kept <uri> <collection>                      the numbers that a majority of the set holds
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import pymongo
from mongods import ask, states

SECONDS = 20


def main(words: Sequence[str]) -> Any:
    """The answer."""
    if words[0] == "states":
        return states(dict(word.split("=") for word in words[2:]), int(words[1]))
    if words[0] == "votes":
        members = ask(words[1], int(words[2]), "replSetGetConfig")["config"]["members"]
        return {member["host"]: [member["votes"], member["priority"]] for member in members}
    client: Any = pymongo.MongoClient(words[1], readConcernLevel="majority", serverSelectionTimeoutMS=SECONDS * 1000)
    with client:
        found = client.get_database("load").get_collection(words[2]).find()
        return [each["_id"] for each in found]


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
