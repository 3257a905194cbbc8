"""One change of the set's configuration, and the wait until it is on a majority. Never by force."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Dict, Optional, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, UnsafePlan
from osvc_ha.planner.types import Step
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.plan.steps import recall
from osvc_ha.systems.mongo.state.documents import Change, changed

from .link import Fault, Peer, Session, Trouble, session
from .peers import peer_at

HELLO_SECONDS = 1.0
LEAST_PAUSE, MOST_PAUSE = 0.002, 0.03
POLL = 0.05
# How long one replSetReconfig may wait for a majority of the voters: two heartbeats (2 s each) and some.
COMMIT_SECONDS = 10.0
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml: somebody else was quicker, or the primary changes.
# ConfigurationInProgress, NewReplicaSetConfigurationIncompatible (a version that is taken), CurrentConfigNotCommittedYet,
# ConflictingOperationInProgress, MaxTimeMSExpired, NotWritablePrimary, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary,
# InterruptedDueToReplStateChange, PrimarySteppedDown, InterruptedAtShutdown, ShutdownInProgress.
RACED = frozenset({109, 103, 308, 117, 50, 10107, 13435, 13436, 11602, 189, 11600, 91})
NOT_PRIMARY = frozenset({10107, 13435, 11602, 189})
Attempt = Tuple[bool, str]


def reconfigure(config: Config, step: Step, host: Host) -> None:
    """Make the change on the primary, from its own configuration, until it is there and committed. ApplyError when not in time."""
    change = Change.parse(step.arg("change"))
    peers = members(config, step, host)
    give_up = time.monotonic() + config.ready_timeout
    while True:
        done, words = _attempt(change, peers, host, give_up)
        if done:
            return
        if time.monotonic() >= give_up:
            raise ApplyError(f"{change.text()}: not within {config.ready_timeout:g} s: {words}")
        host.sleep(POLL)


def _attempt(change: Change, peers: Mapping[str, Peer], host: Host, give_up: float) -> Attempt:
    node = writable(peers)
    if not node:
        return False, f"no primary among {' '.join(peers)}"
    seconds = max(1.0, min(COMMIT_SECONDS, give_up - time.monotonic()))
    try:
        with session(peers[node], seconds + 1.0) as talk:
            return _compete(talk, change, host, seconds)
    except Trouble as trouble:
        if trouble.code in RACED or trouble.fault is Fault.SILENT:
            return False, trouble.words
        raise ApplyError(trouble.words) from trouble


def _compete(talk: Session, change: Change, host: Host, seconds: float) -> Attempt:
    """Attempts until it is there or the time is over. Somebody who changes the configuration again and again leaves a moment between two
    changes, a few milliseconds long: so the pauses are short, and none like the other, and nothing else is asked in between."""
    give_up = time.monotonic() + seconds
    while True:
        try:
            done, words = _change(talk, change, give_up - time.monotonic())
        except Trouble as trouble:
            if trouble.code not in RACED - NOT_PRIMARY:
                raise
            done, words = False, trouble.words
        if done or time.monotonic() + MOST_PAUSE >= give_up:
            return done, words
        host.sleep(random.uniform(LEAST_PAUSE, MOST_PAUSE))


def _change(talk: Session, change: Change, seconds: float) -> Attempt:
    """One attempt, all of it with one member: its configuration names the term in which it may be changed."""
    document, committed = _read(talk)
    if not committed:
        return False, f"version {document.get('version')} of the configuration is not on a majority of the voters yet"
    try:
        new = changed(document, change)
    except UnsafePlan as error:
        raise ApplyError(str(error)) from error
    if new is not None:
        # It answers once the new one is on a majority (4.4 and later).
        talk.ask("replSetReconfig", new, maxTimeMS=max(1, int(seconds * 1000)))
    return True, ""


def _read(talk: Session) -> Tuple[Mapping[str, Any], bool]:
    """The primary's configuration, and whether it is committed. Before 4.4 it does not say, and changes need no majority."""
    try:
        reply = talk.ask("replSetGetConfig", commitmentStatus=True)
    except Trouble as trouble:
        if trouble.code not in UNKNOWN_OPTION:
            raise
        return talk.ask("replSetGetConfig")["config"], True
    return reply["config"], bool(reply.get("commitmentStatus", True))


# FailedToParse, InvalidOptions, an unknown field of a command.
UNKNOWN_OPTION = frozenset({9, 72, 40415})


def members(config: Config, step: Step, host: Host) -> Dict[str, Peer]:
    """node -> how to reach its member, of the scope."""
    wanted = recall(config, step)
    return {node: peer_at(config, wanted.member_at(node), host) for node in wanted.scope}


def writable(peers: Mapping[str, Peer]) -> str:
    """The node whose mongod says it takes writes; "" when none does. Of two, the one elected later."""
    found = {
        node: reply for node, peer in peers.items() if (reply := ask_hello(peer)) and reply.get("isWritablePrimary", reply.get("ismaster"))
    }
    return max(found, key=lambda node: str(found[node].get("electionId", ""))) if found else ""


def ask_hello(peer: Peer) -> Optional[Mapping[str, Any]]:
    """Its reply to the one question that needs no login; None when it does not answer."""
    try:
        with session(peer, HELLO_SECONDS, login=False) as talk:
            return talk.ask("hello")
    except Trouble:
        return None


DO: Mapping[str, Callable[[Config, Step, Host], None]] = dict.fromkeys(("add", "vote", "unvote", "priority", "remove"), reconfigure)
