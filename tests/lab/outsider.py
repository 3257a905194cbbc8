"""What a client outside the cluster sees of its servers. A program, run on the nodes' network: it prints one JSON document.

    outsider.py servers <group> n1=10.77.0.1 n2=10.77.0.2 ...   every door, redis-server and Sentinel
    outsider.py numbers <address> <key> ...                     what a list holds, read through the door at that address

Asked of the programs themselves, by another library than the one under test.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import redis

DOOR, SERVER, SENTINEL = 16379, 6379, 26379
SECONDS = 1.0


def main(words: Sequence[str]) -> None:
    if words[0] == "servers":
        nodes = dict(word.split("=") for word in words[2:])
        print(json.dumps({name: look(words[1], address) for name, address in nodes.items()}))
    else:
        door = connect(words[1], DOOR)
        print(json.dumps({key: [int(number) for number in door.lrange(key, 0, -1)] for key in words[2:]}))


def look(group: str, address: str) -> dict[str, Any]:
    """door: the run id of the server that took a write. server: ROLE's and INFO's words. sentinel: whom it knows, with their flags."""
    return {"door": told(write, address), "server": told(server, address), "sentinel": told(sentinel, address, group)}


def told(ask: Any, *words: str) -> dict[str, Any]:
    """The answer, or {"trouble": why there is none}."""
    try:
        answer: dict[str, Any] = ask(*words)
    except (redis.RedisError, OSError) as error:
        return {"trouble": str(error)}
    return answer


def write(address: str) -> dict[str, Any]:
    door = connect(address, DOOR)
    door.set("agreement", time.time())
    return {"run_id": door.info("server")["run_id"]}


def server(address: str) -> dict[str, Any]:
    found = connect(address, SERVER)
    about = {**found.info("replication"), **found.info("server")}
    return {name: about.get(name) for name in ("run_id", "role", "master_host", "master_link_status", "connected_slaves")}


def sentinel(address: str, group: str) -> dict[str, Any]:
    found = connect(address, SENTINEL)
    where = found.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", group)
    return {
        "master": where[0] if where else "",
        "replicas": flags(found.execute_command("SENTINEL", "REPLICAS", group)),
        "sentinels": flags(found.execute_command("SENTINEL", "SENTINELS", group)),
    }


def flags(rows: Sequence[Any]) -> dict[str, str]:
    """Address -> flags."""
    named = [row if isinstance(row, dict) else dict(zip(row[::2], row[1::2])) for row in rows]
    return {str(row["ip"]): ",".join(sorted(row["flags"])) if isinstance(row["flags"], set) else str(row["flags"]) for row in named}


def connect(address: str, port: int) -> Any:
    return redis.Redis(address, port, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, decode_responses=True)


if __name__ == "__main__":
    main(sys.argv[1:])
