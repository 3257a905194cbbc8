"""mongod's answers -> MemberView. Pure. The caller has turned dates into seconds since the epoch, and Timestamps into their seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Dict, Optional, Tuple

from . import Health, MemberView, Peer
from .documents import parse_config
from .setconfig import SetConfig

SYSTEM_DATABASES = frozenset({"admin", "config", "local"})
Reply = Mapping[str, Any]


def names_of(hosts: Mapping[str, str]) -> Dict[str, str]:
    """node -> host:port, turned around and in lower case: for ``where``."""
    return {at.lower(): node for node, at in hosts.items()}


def parse_view(node: str, replies: Mapping[str, Reply], names: Mapping[str, str]) -> MemberView:
    """One mongod that answered.

    replies: by command; those that were refused are left out: ``hello`` (or ``isMaster``), ``replSetGetStatus``,
    ``replSetGetConfig`` (with commitmentStatus on a primary), ``listDatabases`` (nameOnly), ``getDefaultRWConcern``,
    ``serverStatus`` (storageEngine and pid), ``oldest`` ({"ts": seconds} of the first entry of its oplog), ``saved`` (the
    configuration on the disk of one that says it has none).
    names: host:port in lower case -> node, as ``names_of`` makes it.
    """
    hello, status = replies.get("hello", {}), replies.get("replSetGetStatus", {})
    got = replies.get("replSetGetConfig", {})
    starting = bool(hello.get("isreplicaset") and replies.get("saved"))
    document: Reply = replies["saved"] if starting else got.get("config", {})
    databases = replies.get("listDatabases")
    owned = tuple(sorted(str(entry["name"]) for entry in databases["databases"])) if databases else ()
    holds = tuple(name for name in owned if name not in SYSTEM_DATABASES)
    own: Reply = next((entry for entry in status.get("members", ()) if entry.get("self")), {})
    server = replies.get("serverStatus", {})
    config = parse_config(document) if document else None
    return MemberView(
        node=node,
        health=Health.ANSWERS,
        initiated=_initiated(hello, document),
        set_name=str(hello.get("setName") or document.get("_id", "")),
        has_data=bool(holds) if databases is not None else _counted(replies),
        databases=holds,
        me=str(hello.get("me", "") or own.get("name", "")),
        primary=str(hello.get("primary", "")),
        state="STARTUP" if starting else _state(hello, status, own),
        optime=float(own.get("optimeDate", 0) or 0),
        oldest=float(replies.get("oldest", {}).get("ts", 0)),
        clock=float(hello.get("localTime", 0) or 0),
        term=int(status.get("term", -1)),
        config=config,
        # 4.2 has no commitmentStatus: there every configuration counts that a majority of the voters says it has.
        committed=bool(got.get("commitmentStatus", False)),
        too_stale=bool(status.get("tooStale", False)),
        peers=tuple(_peer(entry, status, names, config) for entry in status.get("members", ()) if not entry.get("self")),
        default_write_concern=str(replies.get("getDefaultRWConcern", {}).get("defaultWriteConcernSource", "")),
        journal_default=bool(document.get("writeConcernMajorityJournalDefault", True)),
        in_memory=server.get("storageEngine", {}).get("persistent", True) is False,
        version=str(server.get("version", "")),
        pid=int(server.get("pid", 0)),
    )


def _counted(replies: Mapping[str, Reply]) -> Optional[bool]:
    """Before it is initiated it lists no databases; from 5.1 on it counts the collections that are not its own."""
    count = replies.get("serverStatus", {}).get("catalogStats", {}).get("collections")
    return None if count is None else int(count) > 0


def _initiated(hello: Reply, document: Reply) -> bool:
    """One that waits to be initiated says ``isreplicaset``, and one without --replSet neither that nor a set's name."""
    return bool(document or hello.get("setName"))


def _state(hello: Reply, status: Reply, own: Reply) -> str:
    if own or status:
        return str(own.get("stateStr") or STATES.get(int(status.get("myState", -1)), ""))
    if hello.get("isWritablePrimary") or hello.get("ismaster"):
        return "PRIMARY" if hello.get("setName") else ""
    return "SECONDARY" if hello.get("secondary") else ""


STATES = {0: "STARTUP", 1: "PRIMARY", 2: "SECONDARY", 3: "RECOVERING", 5: "STARTUP2", 7: "ARBITER", 9: "ROLLBACK", 10: "REMOVED"}


def _peer(entry: Reply, status: Reply, names: Mapping[str, str], config: Optional[SetConfig]) -> Peer:
    heard = float(entry.get("lastHeartbeatRecv", 0) or 0)
    member = config.at(str(entry.get("name", ""))) if config is not None else None
    healthy = bool(entry.get("health", 0))
    return Peer(
        where=where(str(entry.get("name", "")), names),
        state=str(entry.get("stateStr", "")),
        healthy=healthy,
        # Said in a field of its own, and only when it is so: another keyfile.
        trouble=str(entry.get("lastHeartbeatMessage", "")) or ("authentication failed" if entry.get("authenticated") is False else ""),
        silent_for=0.0 if healthy else _silence(heard or (member.added if member is not None else 0.0), status),
        heard=healthy or heard > 0,
        optime=float(entry.get("optimeDate", 0) or 0),
        installed=_installed(entry),
    )


def _silence(since: float, status: Reply) -> float:
    """Seconds from ``since``, when it was heard last or added, until the reply; no more than the reader runs, before which it heard nobody.

    All three times are of one clock, the reader's; ``lastHeartbeat`` is no use, being the time of the last attempt.
    """
    now = float(status.get("date", 0) or 0)
    up = next((float(entry.get("uptime", 0)) for entry in status.get("members", ()) if entry.get("self")), 0.0)
    return max(0.0, min(now - since, up))


def _installed(entry: Reply) -> Tuple[int, int]:
    return int(entry.get("configTerm", -1)), int(entry.get("configVersion", -1))


def where(host: str, names: Mapping[str, str]) -> str:
    """The node of a member, or its host:port when it runs on none of ours."""
    return names.get(host.lower(), host)
