"""One change of the set's configuration, or of its primary, and the wait for its end. Never by force."""

from __future__ import annotations

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
from .peers import own_peer, peer_at

HELLO_SECONDS = 1.0
POLL = 0.05
# How long one replSetReconfig may wait for a majority of the voters: two heartbeats (2 s each) and some.
COMMIT_SECONDS = 10.0
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml: somebody else was quicker, or the primary changes.
# ConfigurationInProgress, NewReplicaSetConfigurationIncompatible (a version that is taken), CurrentConfigNotCommittedYet,
# ConflictingOperationInProgress, MaxTimeMSExpired, NotWritablePrimary, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary,
# InterruptedDueToReplStateChange, PrimarySteppedDown, InterruptedAtShutdown, ShutdownInProgress.
RACED = frozenset({109, 103, 308, 117, 50, 10107, 13435, 13436, 11602, 189, 11600, 91})
NOT_PRIMARY = frozenset({10107, 13435, 11602, 189})
EXCEEDED_TIME_LIMIT = 262
Attempt = Tuple[bool, str]


def reconfigure(config: Config, step: Step, host: Host) -> None:
    """Make the change on the primary, from its own configuration, until it is there and committed. ApplyError when not in time."""
    change = Change.parse(step.arg("change"))
    peers = members(config, step, host)
    give_up = time.monotonic() + config.ready_timeout
    while True:
        done, words = _attempt(change, peers, config, give_up)
        if done:
            return
        if time.monotonic() >= give_up:
            raise ApplyError(f"{change.text()}: not within {config.ready_timeout:g} s: {words}")
        host.sleep(POLL)


def _attempt(change: Change, peers: Mapping[str, Peer], config: Config, give_up: float) -> Attempt:
    node = writable(peers)
    if not node:
        return False, f"no primary among {' '.join(peers)}"
    seconds = max(1.0, min(COMMIT_SECONDS, give_up - time.monotonic()))
    try:
        with session(peers[node], seconds + 1.0) as talk:
            return _change(talk, change, seconds)
    except Trouble as trouble:
        if trouble.code in RACED or trouble.fault is Fault.SILENT:
            return False, trouble.words
        raise ApplyError(trouble.words) from trouble


def _change(talk: Session, change: Change, seconds: float) -> Attempt:
    """One attempt, all of it with one member: its configuration names the term in which it may be changed."""
    document, committed = _read(talk)
    if not committed:
        return False, f"version {document.get('version')} of the configuration is not on a majority of the voters yet"
    try:
        new = changed(document, change)
    except UnsafePlan as error:
        raise ApplyError(str(error)) from error
    if new is None:
        return True, ""
    talk.ask("replSetReconfig", new, maxTimeMS=int(seconds * 1000))
    _, committed = _read(talk)
    return committed, f"version {new['version']} of the configuration is not on a majority of the voters yet"


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
        node: reply for node, peer in peers.items() if (reply := _hello(peer)) and reply.get("isWritablePrimary", reply.get("ismaster"))
    }
    return max(found, key=lambda node: str(found[node].get("electionId", ""))) if found else ""


def _hello(peer: Peer) -> Optional[Mapping[str, Any]]:
    try:
        with session(peer, HELLO_SECONDS, login=False) as talk:
            return talk.ask("hello")
    except Trouble:
        return None


def step_down(config: Config, step: Step, host: Host) -> None:
    """replSetStepDown: mongod refuses while no electable secondary has caught up, and hands over to one that has."""
    seconds, catch_up = int(step.arg("seconds")), int(step.arg("catch_up"))
    try:
        with session(own_peer(config, step.arg("host"), host), catch_up + 5.0) as talk:
            talk.ask("replSetStepDown", seconds, secondaryCatchUpPeriodSecs=catch_up)
    except Trouble as trouble:
        # It is none any more: that is what was asked for. Nobody has caught up: what the override is for.
        if trouble.code not in NOT_PRIMARY and not (trouble.code == EXCEEDED_TIME_LIMIT and config.allow_stop_without_handover):
            raise ApplyError(trouble.words) from trouble


def wait_primary(config: Config, step: Step, host: Host) -> None:
    """Wait until a majority of the members names one primary that is not the one of before, and takes writes.

    Not until that one's writes have a majority again: who copied from the old primary only looks for another source when that ends, so
    to wait for the one and then cause the other would be two outages. With the override keyword: no longer when the old one remained.
    """
    peers = members(config, step, host)
    before = step.arg("not").lower()
    seen: Dict[str, str] = {}

    def elected() -> bool:
        replies = {node: _hello(peer) or {} for node, peer in peers.items()}
        seen.update({node: str(reply.get("primary", "")).lower() for node, reply in replies.items()})
        if config.allow_stop_without_handover and seen[step.arg("local")] == before:
            return True
        total = max(len(reply.get("hosts", ())) for reply in replies.values())
        heads = {str(reply.get("me", "")).lower() for reply in replies.values() if reply.get("isWritablePrimary", reply.get("ismaster"))}
        return any(head != before and 2 * list(seen.values()).count(head) > total for head in heads)

    limit = config.election_timeout / 1000 + config.catch_up
    if not host.wait(elected, limit, POLL):
        told = ", ".join(f"{node}: {name or 'nobody'}" for node, name in seen.items())
        raise ApplyError(f"no other primary than {before} within {limit:g} s ({told})")


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {
    "step-down": step_down,
    "wait-primary": wait_primary,
    **dict.fromkeys(("add", "vote", "unvote", "priority", "remove"), reconfigure),
}
