"""The first member of a new set, and its first user: done on this node's own mongod, through the localhost exception."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.plan import plan
from osvc_ha.systems.mongo.plan.steps import recall
from osvc_ha.systems.mongo.state.documents import first_config

from .link import Fault, Peer, Trouble, is_writable, session
from .peers import keyfile_peer, own_peer
from .reading import look
from .reconfig import NOT_PRIMARY

INITIATE_SECONDS = 30.0
# Another run on this node looks twice, waits in between, and begins the set.
LOCK_SECONDS = 40.0
POLL = 0.05
ALREADY_INITIALIZED, USER_EXISTS = 23, 51003


def initiate(config: Config, step: Step, host: Host) -> None:
    """replSetInitiate with this member alone; then wait until it is primary.

    Nothing when it is no longer this node's to do: whoever has begun the set meanwhile, or is to, is for ``wait-ready`` to find.
    """
    peer = own_peer(config, step.arg("host"), host)
    with host.lock(Path(config.directory) / "initiate.lock", LOCK_SECONDS):
        done = _begun(config, step, host)
        pause = float(step.arg("pause"))
        if done is False and pause:
            host.sleep(pause)
            done = _begun(config, step, host)
        if done is None:
            return
        if not done:
            document = first_config(config.replica_set, step.arg("host"), int(step.arg("priority")), config.election_timeout)
            _unauthenticated(config, peer, host, ("replSetInitiate", document), (ALREADY_INITIALIZED,))
    _await_primary(peer, host)


def _begun(config: Config, step: Step, host: Host) -> Optional[bool]:
    """Has this member been initiated? None: no, and by now the plan is not to. ApplyError for what only a person can resolve."""
    wanted = recall(config, step)
    actual = look(config, wanted, host)
    if actual.here.initiated:
        return True
    left = plan(actual, wanted)
    if left and left[0].do == "resolve":
        raise ApplyError(left[0].why)
    return False if left and left[0].do == "initiate" else None


def _await_primary(peer: Peer, host: Host) -> None:
    give_up = host.monotonic() + INITIATE_SECONDS
    while host.monotonic() < give_up:
        try:
            with session(peer, login=False) as talk:
                if is_writable(talk.hello()):
                    return
        except Trouble as trouble:
            if trouble.fault is not Fault.COMMAND:
                raise ApplyError(trouble.words) from trouble
        host.sleep(POLL)
    raise ApplyError(f"{peer}: initiated, and not primary within {INITIATE_SECONDS:g} s; its log says why")


def create_users(config: Config, step: Step, host: Host) -> None:
    """The user osvc_ha logs in as, with the role root, on a set that has no user yet. Nothing where somebody else is primary after all."""
    peer = own_peer(config, step.arg("host"), host)
    wanted = {"pwd": peer.password, "roles": [{"role": "root", "db": "admin"}], "writeConcern": {"w": "majority", "wtimeout": 10000}}
    over = (USER_EXISTS, *NOT_PRIMARY)
    _unauthenticated(config, peer, host, ("createUser", peer.username), over, config.auth_source, **wanted)


def _unauthenticated(
    config: Config, peer: Peer, host: Host, command: Tuple[str, object], over: Tuple[int, ...], database: str = "admin", **more: Any
) -> None:
    """By the localhost exception; else (a container, whose network is not ours) with the keyfile. ``over``: codes of what needs no more."""
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
            if trouble.code in over:
                return
            words = trouble.words
            if not trouble.denied:
                break
    raise ApplyError(words)


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {"initiate": initiate, "create-users": create_users}
