"""A replica set's configuration as mongod's own document: read it, and make the next one from it. Pure.

What a Change does not name is carried over as it is (tags, horizons, settings, fields of versions to come), for the
document is edited and never made anew.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from osvc_ha.planner.errors import ObserveError, UnsafePlan

from .setconfig import ADDED, MARK, MOST_MEMBERS, MOST_VOTERS, Member, SetConfig, same_host, voting_changes

Document = Dict[str, Any]

HEARTBEAT_TIMEOUT = 10
"""MongoDB's own default, in seconds."""


@dataclass(frozen=True)
class Change:
    """One reconfig. do: add, vote, unvote, remove of one host:port; or priority of several. priorities: host:port -> priority.

    now: of an ``add``, the seconds since the epoch; two that differ in it alone are the same change.
    """

    do: str
    host: str = ""
    priorities: Tuple[Tuple[str, int], ...] = ()
    now: int = field(default=0, compare=False)

    def text(self) -> str:
        """As a step carries it: ``add h:1=1795971431``, ``vote h:1=99``, ``priority h:1=99 i:1=98``, ``remove h:1``."""
        numbers = ((self.host, self.now),) if self.now else self.priorities
        told = [f"{host}={number}" for host, number in numbers]
        return " ".join([self.do, *(told or [self.host])])

    @staticmethod
    def parse(text: str) -> Change:
        """The Change that ``text`` wrote."""
        do, *rest = text.split()
        pairs = tuple((host, int(priority)) for host, _, priority in (item.rpartition("=") for item in rest) if host)
        host = pairs[0][0] if pairs else rest[0]
        return Change(do, host, now=pairs[0][1] if pairs else 0) if do == "add" else Change(do, host, pairs)


def parse_config(document: Mapping[str, Any]) -> SetConfig:
    """replSetGetConfig's ``config``. ObserveError when it is none."""
    try:
        members = tuple(_member(entry) for entry in document["members"])
        # No term before 4.4.
        made = str(document.get("settings", {}).get("replicaSetId", ""))
        return SetConfig(str(document["_id"]), int(document["version"]), int(document.get("term", -1)), members, made)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ObserveError(f"the replica set's configuration cannot be read: {type(error).__name__} {error}") from error


def _member(entry: Mapping[str, Any]) -> Member:
    return Member(
        id=int(entry["_id"]),
        host=str(entry["host"]),
        votes=int(entry.get("votes", 1)),
        priority=float(entry.get("priority", 1)),
        arbiter=bool(entry.get("arbiterOnly", False)),
        hidden=bool(entry.get("hidden", False)),
        # slaveDelay until 4.4.
        delay=int(entry.get("secondaryDelaySecs", entry.get("slaveDelay", 0))),
        build_indexes=bool(entry.get("buildIndexes", True)),
        tags=tuple(sorted((str(key), str(value)) for key, value in entry.get("tags", {}).items())),
    )


def first_config(name: str, host: str, priority: int, election_timeout: int) -> Document:
    """For replSetInitiate: one member. Everything else is added, by the same steps as later. election_timeout: milliseconds.

    heartbeatTimeoutSecs: a new primary takes no writes before it has heard from everybody what they have, or given up on them
    (catch-up mode), so a node without power would cost the default of 10 s whatever the election took.
    No writeConcernMajorityJournalDefault: true is right wherever the data is on a disk.
    """
    member = {"_id": 0, "host": host, "priority": priority, "tags": {MARK: "member"}}
    patience = min(HEARTBEAT_TIMEOUT, max(1, election_timeout // 1000))
    settings = {"electionTimeoutMillis": election_timeout, "heartbeatTimeoutSecs": patience}
    return {"_id": name, "version": 1, "members": [member], "settings": settings}


def changed(document: Mapping[str, Any], change: Change) -> Optional[Document]:
    """The next configuration, version + 1; None when it is already so.

    UnsafePlan when the configuration is no longer one that the change is right for: somebody else changed it meanwhile.
    """
    old = parse_config(document)
    made: Document = copy.deepcopy(dict(document))
    if not EDITS[change.do](made, old, change):
        return None
    made["version"] = old.version + 1
    new = parse_config(made)
    if len(new.voters) > MOST_VOTERS:
        raise UnsafePlan(f"{change.host}: {MOST_VOTERS} members vote already, the most there may be")
    if not new.voters:
        raise UnsafePlan(f"{change.host}: it is the last member with a vote")
    if len(voting_changes(old, new)) > 1:
        raise UnsafePlan(f"{change.text()}: would change more than one vote at once")
    return made


def _entry(made: Document, host: str) -> Document:
    found = next((entry for entry in made["members"] if same_host(entry["host"], host)), None)
    if found is None:
        raise UnsafePlan(f"{host}: is no longer in the replica set's configuration; somebody else has removed it")
    return dict_of(found)


def dict_of(entry: Any) -> Document:
    """The entry itself, not a copy."""
    assert isinstance(entry, dict)
    return entry


def _add(made: Document, old: SetConfig, change: Change) -> bool:
    if old.at(change.host) is not None:
        return False
    if len(old.members) >= MOST_MEMBERS:
        raise UnsafePlan(f"{change.host}: the set has {MOST_MEMBERS} members, the most there may be")
    stamp = {ADDED: str(change.now)} if change.now else {}
    entry = {"_id": old.next_id, "host": change.host, "votes": 0, "priority": 0, "tags": {MARK: "member", **stamp}}
    made["members"] = [*made["members"], entry]
    return True


def _vote(made: Document, old: SetConfig, change: Change) -> bool:
    return _set(made, old, change.host, 1, change.priorities[0][1])


def _unvote(made: Document, old: SetConfig, change: Change) -> bool:
    return _set(made, old, change.host, 0, 0)


def _set(made: Document, old: SetConfig, host: str, votes: int, priority: int) -> bool:
    entry, member = _entry(made, host), old.at(host)
    assert member is not None
    if member.votes == votes:
        return False
    if not member.ours:
        raise UnsafePlan(f"{host}: a person has taken over its votes and priority")
    entry["votes"], entry["priority"] = votes, priority
    return True


def _priority(made: Document, old: SetConfig, change: Change) -> bool:
    differs = False
    for host, priority in change.priorities:
        member = old.at(host)
        if member is not None and member.ours and member.votes and member.priority != priority:
            _entry(made, host)["priority"] = priority
            differs = True
    return differs


def _remove(made: Document, old: SetConfig, change: Change) -> bool:
    left: List[Any] = [entry for entry in made["members"] if not same_host(entry["host"], change.host)]
    differs = len(left) < len(made["members"])
    made["members"] = left
    return differs


EDITS = {"add": _add, "vote": _vote, "unvote": _unvote, "priority": _priority, "remove": _remove}
