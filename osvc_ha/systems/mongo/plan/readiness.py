"""Sentences about the set: what keeps it from being ready, what only a person can mend, notes and facts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional, Tuple

from osvc_ha.planner.types import Facts
from osvc_ha.systems.mongo.state import Actual, Desired, Health, Member, MemberView, SetConfig
from osvc_ha.systems.mongo.state.setconfig import MARK

from . import standing
from .leading import electing, leaderless, led, unread
from .standing import configuration, lag, member_of, newest, of_set, primary, where

MOST_SKEW = 5.0
"""Seconds. MongoDB itself bears more; log lines, TTL indexes and certificates do not."""
KEYFILE_WORDS = ("authentication failed", "unauthorized", "not authorized", "authenticationfailed")
NAME_WORDS = ("could not find address", "name or service not known", "hostunreachable: could not", "no address associated")


def refusal(actual: Actual, desired: Desired) -> str:
    """What makes any step wrong until a person has decided, as a sentence; or ""."""
    return stranger(actual.here, desired) or two_sets(actual, desired)


def other_set(view: MemberView, desired: Desired) -> str:
    """That this mongod is another set's, as a sentence; or ""."""
    name, host = desired.config.replica_set, desired.member_at(view.node)
    if not (view.initiated and view.set_name and view.set_name != name):
        return ""
    return (
        f"the mongod on {view.node} ({host}) is of the replica set {view.set_name}, not {name}; give this service another port, "
        f"or set replica_set={view.set_name} if it is the one that was meant"
    )


def stranger(view: MemberView, desired: Desired) -> str:
    """Why this mongod must not be touched: it is another set's, or holds data that no set has."""
    words = other_set(view, desired)
    if words:
        return words
    if view.initiated is False and view.has_data:
        return (
            f"the mongod on {view.node} holds data ({' '.join(view.databases) or 'databases'}) and was never in a replica set; "
            f"joining would wipe it, so run rs.initiate() there by hand if that data is to be the set's, else empty {desired.config.data}"
        )
    return ""


def two_sets(actual: Actual, desired: Desired) -> str:
    """Two sets of the same name, each initiated for itself."""
    ids = {view.config.id: view.node for view in of_set(actual, desired) if view.config is not None and view.config.id}
    if len(ids) < 2:
        return ""
    told = " and ".join(f"{node} has {made}" for made, node in sorted(ids.items(), key=lambda item: desired.scope.index(item[1])))
    return (
        f"there are {len(ids)} replica sets named {desired.config.replica_set} ({told}); stop the one whose data is to go, "
        f"and empty {desired.config.data} there"
    )


def stale(node: str, actual: Actual, desired: Desired) -> str:
    """That a member is too far behind to ever catch up, with what a person can do; or ""."""
    view = actual.views[node]
    head = actual.views.get(primary(actual, desired))
    oldest = head.oldest if head is not None and head.node != node else 0.0
    behind = view.state == "RECOVERING" and 0 < view.optime < oldest
    if not (view.answers and (view.too_stale or behind)):
        return ""
    return (
        f"{node} is too stale to catch up: its last operation is older than the primary's oplog; copy everything anew: stop the "
        f"instance on {node}, run there `rm -r {desired.config.data}`, and start it"
    )


def blocked(node: str, actual: Actual, desired: Desired) -> str:
    """Why the others do not hear a member that runs, in their own words; or ""."""
    peer = standing.seen_by_primary(node, actual, desired)
    if peer is None or peer.healthy or not peer.trouble:
        return ""
    head, words = primary(actual, desired), peer.trouble
    if head not in actual.views:
        return f"no member hears {node}: {words}"
    if any(word in words.lower() for word in KEYFILE_WORDS):
        return f"{head} and {node} do not accept each other's keyfile ({words}); give both the same {desired.config.keyfile or 'keyfile'}"
    if any(word in words.lower() for word in NAME_WORDS):
        host = standing.host_of(node, actual, desired)
        return f"{head} cannot resolve {host} ({words}); every member has to resolve every other's name"
    return f"{head} does not hear {node}: {words}"


def missing(actual: Actual, desired: Desired) -> str:
    """What keeps this node's member from being ready now; "" when it is: it has the data, its part in the set, and there is a primary
    or enough voters for one."""
    node, here = desired.local, actual.here
    if not here.initiated:
        # It was added, and has not heard so: the others cannot reach it, or do not accept its keyfile.
        words = blocked(node, actual, desired)
        return f"{node} is in no replica set yet" + (f": {words}" if words else "")
    if not led(actual, desired) and not electing(actual, desired):
        return leaderless(actual, desired) or f"{desired.config.replica_set} has no primary that this node can see"
    if member_of(node, actual, desired) is None:
        return f"{node} is not in the configuration of {desired.config.replica_set}"
    if not here.serves and here.state != "ARBITER":
        words = blocked(node, actual, desired) or stale(node, actual, desired)
        return f"{node} is {here.state or here.health.value}, not SECONDARY" + (f": {words}" if words else "")
    return ""


def notes(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """What an operator should know although nothing is to be done."""
    return tuple(dict.fromkeys((*_about_set(actual, desired), *_about_members(actual, desired))))


def _about_set(actual: Actual, desired: Desired) -> Iterator[str]:
    config = newest(actual, desired)
    if config is None:
        return
    yield from filter(None, (two_sets(actual, desired), leaderless(actual, desired), unread(actual, desired)))
    if electing(actual, desired):
        yield f"{desired.config.replica_set} has no primary now; an election takes up to {desired.config.election_timeout / 1000:g} s"
    if len(config.voters) == 2:
        yield f"{desired.config.replica_set} has 2 voting members: without either there is no primary; a third makes the difference"
    elif len(config.voters) % 2 == 0:
        less = "without the arbiter it" if any(member.arbiter for member in config.voters) else "one less"
        yield f"{desired.config.replica_set} has {len(config.voters)} voting members; {less} would bear the loss of as many"
    head = actual.views.get(primary(actual, desired))
    if head is not None and config.implicit_write_concern == "1" and head.default_write_concern == "implicit":
        yield (
            "with this arbiter the default write concern is 1, and writes may be lost in a failover; "
            "run db.adminCommand({setDefaultRWConcern: 1, defaultWriteConcern: {w: 'majority'}})"
        )
    if head is not None and not head.journal_default and not head.in_memory:
        yield "writeConcernMajorityJournalDefault is false: w:majority is acknowledged before it is on disk; set it to true"


def _about_members(actual: Actual, desired: Desired) -> Iterator[str]:
    for node in desired.scope:
        view = actual.views[node]
        if node != desired.local:
            yield from filter(None, (stranger(view, desired),))
        if view.health is Health.DENIED and (view.initiated is not False or node in desired.members):
            right = desired.config.password_file or "the user"
            yield f"{node} refuses our login ({view.trouble}); it needs the same keyfile as the others, and {right} to be right"
        if view.clock and abs(view.clock - actual.now) >= MOST_SKEW:
            yield f"the clock of {node} is {view.clock - actual.now:+.0f} s off this node's; see to its time service"
        if node in desired.members and view.health not in (Health.ABSENT, Health.SILENT):
            yield from filter(None, (stale(node, actual, desired), blocked(node, actual, desired)))
    for host, words in sorted(actual.unreached.items()):
        yield f"{desired.local} cannot reach {host}: {words}"
    yield from _left_alone(actual, desired)


def _left_alone(actual: Actual, desired: Desired) -> Iterator[str]:
    config = configuration(actual, desired)
    for member in config.members if config is not None else ():
        place = where(member, actual, desired)
        silent = standing.unheard(place, actual, desired)
        if place in desired.members or silent is None or silent.silent_for < desired.config.grace:
            continue
        if member.special:
            yield f"{place} has been gone for {silent.silent_for:.0f} s, and is {_kind(member)} by a person's wish: remove it by hand"
        elif not silent.heard and place in desired.scope and MARK not in dict(member.tags):
            yield f"{place} is a member that somebody added by hand, and was never heard: start its instance, or remove it by hand"


def facts(actual: Actual, desired: Desired) -> Facts:
    """Who is primary, each member's state, lag, votes and priority, and the URI for drivers."""
    config = newest(actual, desired)
    found = [("primary", _said(primary(actual, desired)) or "nobody")]
    found += [(node, _fact(node, actual, desired)) for node in desired.scope]
    if config is not None:
        outside = [member for member in config.members if where(member, actual, desired) not in desired.scope]
        found += [(f"member {number}", _outsider(member, actual, desired)) for number, member in enumerate(outside, 1)]
        found.append(("configuration", f"version {config.version}, {len(config.voters)} voters, majority {config.majority}"))
        found.append(("uri", uri(config, desired)))
    return tuple(found)


def _fact(node: str, actual: Actual, desired: Desired) -> str:
    view = actual.views[node]
    if not view.answers and not view.state:
        return f"mongod {view.health.value}" + (f" ({view.trouble})" if view.trouble else "")
    if not view.initiated:
        return "in no replica set"
    words = [view.state or "?"]
    behind = lag(node, actual, desired)
    if view.state == "SECONDARY" and behind is not None:
        words.append(f"{behind:.0f} s behind")
    return ", ".join([*words, *_part(member_of(node, actual, desired))])


def _part(member: Optional[Member]) -> Iterator[str]:
    if member is None:
        yield "not in the configuration"
        return
    yield f"votes {member.votes}"
    yield f"priority {member.priority:g}"
    if member.special:
        yield _kind(member)


def _kind(member: Member) -> str:
    kinds = (
        ("an arbiter", member.arbiter),
        ("hidden", member.hidden and not member.delay),
        (f"delayed by {member.delay} s", member.delay > 0),
        ("without indexes", not member.build_indexes),
    )
    return " and ".join(word for word, true in kinds if true) or "never to be primary"


def _outsider(member: Member, actual: Actual, desired: Desired) -> str:
    place = where(member, actual, desired)
    peer = standing.seen_by_primary(place, actual, desired)
    return ", ".join([f"{_said(place)} {peer.state if peer is not None else '?'}", *_part(member)])


def _said(place: str) -> str:
    """A place where a colon would end a name."""
    return place.replace(":", " port ")


def uri(config: SetConfig, desired: Desired) -> str:
    """The connection string for drivers: the set's visible members that have data. They find the others from any of them."""
    seeds = ",".join(member.host for member in config.members if member.visible)
    options = [f"replicaSet={desired.config.replica_set}"]
    if desired.config.username:
        options.append(f"authSource={desired.config.auth_source}")
    if desired.config.tls:
        options.append("tls=true")
    return f"mongodb://{seeds}/?{'&'.join(options)}"
