"""The first member of a new set, and its first user: done on this node's own mongod, through the localhost exception."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.plan import plan
from osvc_ha.systems.mongo.plan.steps import recall
from osvc_ha.systems.mongo.state.documents import first_config

from .link import Fault, Peer, Trouble, session
from .peers import keyfile_peer, own_peer
from .reading import look

INITIATE_SECONDS = 30.0
LOCK_SECONDS = 10.0
POLL = 0.05
ALREADY_INITIALIZED, USER_EXISTS = 23, 51003


def initiate(config: Config, step: Step, host: Host) -> None:
    """replSetInitiate with this member alone, unless some member has been initiated meanwhile; then wait until it is primary."""
    wanted = recall(config, step)
    peer = own_peer(config, step.arg("host"), host)
    with host.lock(Path(config.directory) / "initiate.lock", LOCK_SECONDS):
        actual = look(config, wanted, host)
        if not actual.here.initiated:
            left = plan(actual, wanted)
            if not left or left[0].do != "initiate":
                raise ApplyError("; ".join(each.why for each in left) or "somebody else has begun the replica set meanwhile")
            document = first_config(config.replica_set, step.arg("host"), int(step.arg("priority")), config.election_timeout)
            _unauthenticated(config, peer, host, ("replSetInitiate", document), ALREADY_INITIALIZED)
    _await_primary(peer, host)


def _await_primary(peer: Peer, host: Host) -> None:
    give_up = time.monotonic() + INITIATE_SECONDS
    while time.monotonic() < give_up:
        try:
            with session(peer, login=False) as talk:
                if talk.ask("hello").get("isWritablePrimary"):
                    return
        except Trouble as trouble:
            if trouble.fault is not Fault.COMMAND:
                raise ApplyError(trouble.words) from trouble
        host.sleep(POLL)
    raise ApplyError(f"{peer}: initiated, and not primary within {INITIATE_SECONDS:g} s; its log says why")


def create_users(config: Config, step: Step, host: Host) -> None:
    """The user osvc_ha logs in as, with the role root, on a set that has no user yet."""
    peer = own_peer(config, step.arg("host"), host)
    wanted = {"pwd": peer.password, "roles": [{"role": "root", "db": "admin"}], "writeConcern": {"w": "majority", "wtimeout": 10000}}
    _unauthenticated(config, peer, host, ("createUser", peer.username), USER_EXISTS, config.auth_source, **wanted)


def _unauthenticated(
    config: Config, peer: Peer, host: Host, command: Tuple[str, object], done: int, database: str = "admin", **more: Any
) -> None:
    """By the localhost exception; else (a container, whose network is not ours) with the keyfile. ``done``: the code of "so already"."""
    ways = (replace(peer, username=""), keyfile_peer(config, peer, host))
    words = ""
    for way in ways:
        if way is None:
            continue
        try:
            with session(way, INITIATE_SECONDS) as talk:
                talk.ask(command[0], command[1], database, **more)
                return
        except Trouble as trouble:
            if trouble.code == done:
                return
            words = trouble.words
            if not trouble.denied:
                break
    raise ApplyError(words)


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {"initiate": initiate, "create-users": create_users}
