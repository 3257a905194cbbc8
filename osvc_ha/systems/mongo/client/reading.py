"""One look at every mongod of the set, all at once: ``look``. What does not answer is part of the reading."""

from __future__ import annotations

import calendar
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from osvc_ha.host import Host
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.state import Actual, Desired, Health, MemberView
from osvc_ha.systems.mongo.state.replies import names_of, parse_view

from .link import LOOK_SECONDS, NO_REPLICATION, NOT_YET_INITIALIZED, Fault, Peer, Session, Trouble, is_writable, session
from .peers import keyfile_peer, peer_at, socket_peer
from .processes import disk

Replies = Dict[str, Mapping[str, Any]]

# Beyond the conversation's own deadline: a resolver that hangs cannot be told to stop.
LATE_SECONDS = 0.5
NO_ANSWER = f"{{}}: no answer within {LOOK_SECONDS + LATE_SECONDS:g} s"
UNRESOLVED = "does not resolve here"
HEALTH = {Fault.REFUSED: Health.ABSENT, Fault.LOGIN: Health.DENIED, Fault.TLS: Health.DENIED}
# serverStatus is asked for three words; these sections cost most.
SECTIONS = "metrics wiredTiger locks tcmalloc transactions repl opcounters opcountersRepl indexStats network flowControl mirroredReads"
WITHOUT: Mapping[str, object] = {name: 0 for name in SECTIONS.split()}


def look(config: Config, wanted: Desired, host: Host) -> Actual:
    """The whole scope in one round, and this node's directory."""
    found: Dict[str, Tuple[MemberView, str]] = {}
    hosts = {node: wanted.member_at(node) for node in wanted.scope}
    peers = {node: peer_at(config, at, host) for node, at in hosts.items()}
    views = _Views(config, host, names_of(hosts))

    def ask(node: str) -> None:
        for told in views.own(node, peers[node]) if node == wanted.local else [views.other(node, peers[node])]:
            found[node] = told

    now = host.now()
    threads = [threading.Thread(target=ask, args=(node,), daemon=True) for node in hosts]
    for thread in threads:
        thread.start()
    give_up = time.monotonic() + LOOK_SECONDS + LATE_SECONDS
    for thread in threads:
        thread.join(max(0.0, give_up - time.monotonic()))
    for node in hosts:
        found.setdefault(node, (MemberView(node, Health.SILENT, NO_ANSWER.format(peers[node])), ""))
    here, trouble = _gone(found[wanted.local][0], config, host), found[wanted.local][1]
    found[wanted.local] = (here, trouble)
    return Actual(
        local=wanted.local,
        now=now,
        views={node: found[node][0] for node in hosts},
        disk=disk(config, wanted.hosts[wanted.local], here.health is not Health.ABSENT, host),
        unreached={hosts[node]: found[node][1] for node in hosts if found[node][1]},
    )


def _gone(here: MemberView, config: Config, host: Host) -> MemberView:
    """A name that does not resolve, or a resolver that hangs, says nothing of this node's mongod: where nobody listens there is none."""
    if here.health is Health.SILENT and all(port != config.port for _, port in host.listening()):
        return replace(here, health=Health.ABSENT)
    return here


class _Views:
    """One mongod after the other: (what it says, why its member's name does not lead to it or "")."""

    def __init__(self, config: Config, host: Host, names: Mapping[str, str]) -> None:
        self._config, self._host, self._names = config, host, names

    def other(self, node: str, peer: Peer) -> Tuple[MemberView, str]:
        """The mongod of another node."""
        view, _ = self._converse(node, peer)
        return view, view.trouble if UNRESOLVED in view.trouble else ""

    def own(self, node: str, peer: Peer) -> Iterator[Tuple[MemberView, str]]:
        """This node's: by its socket too, whatever its name and address lead to. The last counts.

        What the socket tells is told at once: it must not be lost because nobody answers by the name.
        """
        path = Path(self._config.socket)
        if not self._config.launch or path.name not in self._host.names(path.parent):
            yield self.other(node, peer)
            return
        inside, process = self._converse(node, socket_peer(self._config, self._host))
        if not process:
            yield self.other(node, peer)
            return
        yield inside, NO_ANSWER.format(peer)
        try:
            with session(peer, LOOK_SECONDS, login=False) as talk:
                led_to = _process(talk.hello())
        except Trouble as trouble:
            yield inside, trouble.words
        else:
            yield inside, "" if led_to == process else f"it leads {node} to another mongod than its own"

    def _converse(self, node: str, peer: Peer) -> Tuple[MemberView, str]:
        """The view through one address, and what identifies the process behind it."""
        replies: Replies = {}
        trouble, no_users = self._questions(peer, replies)
        if trouble is not None and "hello" not in replies:
            return MemberView(node, HEALTH.get(trouble.fault, Health.SILENT), trouble.words), ""
        view = parse_view(node, replies, self._names)
        if trouble is not None:
            view = replace(view, health=Health.DENIED if trouble.denied else Health.SILENT, trouble=trouble.words)
        return replace(view, no_users=no_users), _process(replies["hello"])

    def _questions(self, peer: Peer, replies: Replies) -> Tuple[Optional[Trouble], bool]:
        """Fill in the replies. Returns why the rest cannot be asked, or None; and whether there is no user yet."""
        try:
            with session(peer, LOOK_SECONDS) as talk:
                return _ask_all(talk, replies), False
        except Trouble as trouble:
            if trouble.fault is not Fault.LOGIN:
                return trouble, False
            refused = trouble
        try:
            with session(peer, LOOK_SECONDS, login=False) as talk:
                replies["hello"] = mapping(talk.hello())
            member = keyfile_peer(self._config, peer, self._host)
            if member is None:
                return refused, False
        except Trouble:
            return refused, False
        try:
            with session(member, LOOK_SECONDS) as talk:
                if replies["hello"].get("setName") and _has_users(talk):
                    return refused, False
                return _ask_all(talk, replies), True
        except Trouble as trouble:
            words = f"{peer}: neither {peer.username} may log in nor does it accept the keyfile {self._config.keyfile}"
            return (Trouble(Fault.LOGIN, words, trouble.code) if trouble.denied else trouble), False


def _has_users(talk: Session) -> bool:
    return bool(talk.ask("usersInfo", {"forAllDBs": True})["users"])


def _process(hello: Mapping[str, Any]) -> str:
    """4.4 and later; before, "", and one is as good as the other."""
    return str(hello.get("topologyVersion", {}).get("processId", ""))


def _ask_all(talk: Session, replies: Replies) -> Optional[Trouble]:
    """Trouble when the status is refused: whoever may not ask for that is not let in."""
    replies["hello"] = mapping(talk.hello())
    try:
        replies["replSetGetStatus"] = mapping(talk.ask("replSetGetStatus"))
    except Trouble as trouble:
        if trouble.code not in (NOT_YET_INITIALIZED, NO_REPLICATION) and not _between(trouble):
            return trouble
    primary = is_writable(replies["hello"])
    questions: Tuple[Tuple[str, str, Mapping[str, object]], ...] = (
        ("replSetGetConfig", "admin", {"commitmentStatus": True} if primary else {}),
        ("serverStatus", "admin", WITHOUT),
        ("listDatabases", "admin", {"nameOnly": True}),
        ("getDefaultRWConcern", "admin", {}),
    )
    for command, database, more in questions:
        if command != "getDefaultRWConcern" or primary:
            _try(talk, replies, command, database, more)
    if replies["hello"].get("setName"):
        _oldest(talk, replies)
    elif "replSetGetConfig" not in replies:
        # The last of all: what was counted before it is then known to be of no set.
        _saved(talk, replies)
    return None


def _between(trouble: Trouble) -> bool:
    """It is there and just changes its part: it answers again in a moment."""
    return trouble.fault is Fault.COMMAND and not trouble.denied


def _try(talk: Session, replies: Replies, command: str, database: str, more: Mapping[str, object]) -> None:
    """What is refused (by an older version, in this state, to this user) is left out."""
    try:
        replies[command] = mapping(talk.ask(command, 1, database, **more))
    except Trouble as trouble:
        if trouble.fault is not Fault.COMMAND:
            raise


def _oldest(talk: Session, replies: Replies) -> None:
    first = _first(talk, "oplog.rs", sort={"$natural": 1}, projection={"ts": 1})
    if first:
        replies["oldest"] = {"ts": first["ts"]}


def _saved(talk: Session, replies: Replies) -> None:
    """The configuration on its disk. A member that starts says, until it has found itself among the names there, that it has none."""
    saved = _first(talk, "system.replset")
    if saved:
        replies["saved"] = saved


def _first(talk: Session, collection: str, **more: object) -> Optional[Mapping[str, Any]]:
    """Of a collection in ``local``; None when it is empty, or may not be read."""
    try:
        cursor = mapping(talk.ask("find", collection, "local", limit=1, **more))
    except Trouble as trouble:
        if trouble.fault is not Fault.COMMAND:
            raise
        return None
    batch: Sequence[Mapping[str, Any]] = cursor["cursor"]["firstBatch"]
    return batch[0] if batch else None


def mapping(reply: Mapping[str, Any]) -> Dict[str, Any]:
    """A reply, plain all through."""
    return {str(key): plain(value) for key, value in reply.items()}


def plain(value: Any) -> Any:
    """Dates and Timestamps as seconds since the epoch, and ObjectIds as text: what the pure side understands."""
    if isinstance(value, Mapping):
        return mapping(value)
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return calendar.timegm(value.timetuple()) + value.microsecond / 1e6
    kind = type(value).__name__
    if kind == "Timestamp":
        return float(value.time)
    return str(value) if kind == "ObjectId" else value
