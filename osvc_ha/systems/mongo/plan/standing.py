"""How the set stands: who is primary, which configuration counts, who is well, who is behind. Pure."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import FrozenSet, Optional, Tuple

from osvc_ha.systems.mongo.state import WELL, Actual, Desired, Health, Member, MemberView, Peer, SetConfig
from osvc_ha.systems.mongo.state.setconfig import same_host


class Presence(Enum):
    """What can be told of a voter from here.

    THERE: it takes part. UNREADY: it runs and votes, and cannot serve yet: it copies, recovers or starts, or says no more than hello.
    GONE: nobody listens there, or whoever could hear it does not. SILENT: it may run, and be in touch with others.
    """

    THERE = "there"
    UNREADY = "unready"
    GONE = "gone"
    SILENT = "silent"


def of_set(actual: Actual, desired: Desired) -> Tuple[MemberView, ...]:
    """The mongods that are of this set, in scope order: initiated under its name."""
    views = (actual.views[node] for node in desired.scope)
    return tuple(view for view in views if view.initiated and view.set_name == desired.config.replica_set)


def primary(actual: Actual, desired: Desired) -> str:
    """The node of the primary, or host:port of one that runs on none of ours, as our members name it; "" when there is none.

    Of two, the one of the newer term: one that is cut off goes on for a while.
    """
    heads = []
    for view in of_set(actual, desired):
        elsewhere = place_of(view.primary, actual, desired) if view.primary else ""
        if view.answers and view.state == "PRIMARY" and view.config is not None:
            heads.append((view.term, True, -desired.scope.index(view.node), view.node))
        elif view.answers and elsewhere and elsewhere not in desired.scope:
            heads.append((view.term, False, -desired.scope.index(view.node), elsewhere))
    return max(heads)[-1] if heads else ""


def named(actual: Actual, desired: Desired) -> Tuple[str, str]:
    """(who says so, whom) when a member calls one of our nodes the primary that cannot be read from here; ("", "") else.

    One that answers knows better, and one that refuses connections is none: whoever names it has not noticed yet.
    """
    if primary(actual, desired):
        return "", ""
    for view in of_set(actual, desired):
        place = place_of(view.primary, actual, desired) if view.primary and view.health is not Health.SILENT else ""
        other = actual.views.get(place)
        if other and (other.health is Health.SILENT or (other.health is Health.DENIED and other.state == "PRIMARY")):
            return view.node, place
    return "", ""


def configuration(actual: Actual, desired: Desired) -> Optional[SetConfig]:
    """The configuration that counts: the primary's; without one to read, the newest that a majority of its own voters has."""
    head = actual.views.get(primary(actual, desired))
    if head is not None:
        return head.config
    known = {view.config.stamp: view.config for view in of_set(actual, desired) if view.config is not None}
    for stamp in sorted(known, reverse=True):
        if _installed(known[stamp], actual, desired) >= known[stamp].majority:
            return known[stamp]
    return None


def newest(actual: Actual, desired: Desired) -> Optional[SetConfig]:
    """The newest configuration that anybody has, whether or not it counts: for sentences about a set that has lost its majority."""
    known = [view.config for view in of_set(actual, desired) if view.config is not None]
    return configuration(actual, desired) or max(known, key=lambda config: config.stamp, default=None)


def committed(actual: Actual, desired: Desired) -> bool:
    """May the next reconfig begin? The primary says so; one that is none of ours is asked by the step itself. Before 4.4, when a majority
    of the voters has the configuration."""
    config, head = configuration(actual, desired), primary(actual, desired)
    if config is None or not head:
        return False
    told = actual.views[head].committed if head in actual.views else config.term >= 0
    return told or (config.term < 0 and _installed(config, actual, desired) >= config.majority)


def _installed(config: SetConfig, actual: Actual, desired: Desired) -> int:
    have = {view.me for view in of_set(actual, desired) if view.config is not None and view.config.stamp == config.stamp}
    seen = {peer.where for view in of_set(actual, desired) for peer in view.peers if peer.installed == config.stamp}
    return sum(any(same_host(voter.host, me) for me in have if me) or where(voter, actual, desired) in seen for voter in config.voters)


def place_of(host: str, actual: Actual, desired: Desired) -> str:
    """The node of a member's host:port, or that when it runs on none of ours."""
    for node in desired.scope:
        if same_host(desired.member_at(node), host) or (actual.views[node].me and same_host(actual.views[node].me, host)):
            return node
    return host


def host_of(node: str, actual: Actual, desired: Desired) -> str:
    """host:port of a node's member: as the set knows it, where it is in it, else as it would be added."""
    config, me = newest(actual, desired), actual.views[node].me
    return me if config is not None and me and config.at(me) is not None else desired.member_at(node)


def where(member: Member, actual: Actual, desired: Desired) -> str:
    """The node of a member, or its host:port when it runs on none of ours."""
    return place_of(member.host, actual, desired)


def member_of(node: str, actual: Actual, desired: Desired) -> Optional[Member]:
    """The node's entry in the set's configuration, if it has one."""
    config = newest(actual, desired)
    return config.at(host_of(node, actual, desired)) if config is not None else None


def reports(place: str, actual: Actual, desired: Desired) -> Tuple[Peer, ...]:
    """What our members say of a member, each from its own heartbeats."""
    return tuple(peer for view in of_set(actual, desired) for peer in view.peers if peer.where == place)


def seen_by_primary(place: str, actual: Actual, desired: Desired) -> Optional[Peer]:
    """What the primary says of a member; where that is none of ours, what whoever of ours hears it best says. None of the primary itself
    where it is ours, and when there is no primary."""
    head = primary(actual, desired)
    told = reports(place, actual, desired) if head else ()
    if head in actual.views:
        told = tuple(peer for peer in actual.views[head].peers if peer.where == place)
    return max(told, key=lambda peer: (peer.healthy, -peer.silent_for, peer.optime), default=None)


def unheard(place: str, actual: Actual, desired: Desired) -> Optional[Peer]:
    """The report of the one of ours that heard it last, when none hears it now; None else.

    Not the primary's alone: a clock that jumps makes one of them take it for gone too early. Who has never heard it, having just been
    started, knows less than one that has.
    """
    told = reports(place, actual, desired)
    if any(peer.healthy for peer in told):
        return None
    return min([peer for peer in told if peer.heard] or told, key=lambda peer: peer.silent_for, default=None)


def well(member: Member, actual: Actual, desired: Desired) -> bool:
    """Does it take part? It says so itself where it is ours, and the primary hears it where there is one."""
    place = where(member, actual, desired)
    peer = seen_by_primary(place, actual, desired)
    view = actual.views.get(place)
    if view is not None and view.health in (Health.ABSENT, Health.SILENT):
        return False
    if peer is not None:
        return peer.healthy and (peer.state in WELL or (member.arbiter and peer.state == "ARBITER"))
    # One that refuses our login says in its hello whether it is primary or secondary.
    mine = view is not None and view.set_name == desired.config.replica_set
    return view is not None and mine and (view.state in WELL or (member.arbiter and view.state == "ARBITER"))


def presence(member: Member, actual: Actual, desired: Desired) -> Presence:
    """Whether a voter is there, by its own words, else by what members say of it."""
    if well(member, actual, desired):
        return Presence.THERE
    place = where(member, actual, desired)
    view = actual.views.get(place)
    if view is not None and view.health is not Health.SILENT:
        other = view.initiated and view.set_name != desired.config.replica_set
        return Presence.GONE if view.health is Health.ABSENT or other else Presence.UNREADY
    heard = [peer.healthy for peer in reports(place, actual, desired)]
    if any(heard):
        return Presence.UNREADY
    return Presence.GONE if heard and view is None else Presence.SILENT


def well_voters(config: SetConfig, actual: Actual, desired: Desired) -> FrozenSet[int]:
    """The ids of the voters that take part."""
    return frozenset(member.id for member in config.voters if well(member, actual, desired))


def keeps_majority(config: SetConfig, actual: Actual, desired: Desired) -> bool:
    """Would enough of this configuration's voters take part to elect a primary and to commit it?"""
    return len(well_voters(config, actual, desired)) >= config.majority


def lag(place: str, actual: Actual, desired: Desired) -> Optional[float]:
    """Seconds behind the primary; None when that cannot be told.

    Both times are the primary's own clock's, stamped on its operations; an idle primary writes one every 10 s.
    """
    head = primary(actual, desired)
    first, theirs = (_optime(one, actual, desired) for one in (head, place))
    return max(0.0, first - theirs) if head and first and theirs else None


def _optime(place: str, actual: Actual, desired: Desired) -> float:
    """Its last operation, by its own words or by the primary's heartbeats, whichever is newer."""
    own, peer = actual.views.get(place), seen_by_primary(place, actual, desired)
    return max(own.optime if own is not None else 0.0, peer.optime if peer is not None else 0.0)


def caught_up(place: str, seconds: float, actual: Actual, desired: Desired) -> bool:
    """Is it SECONDARY, and no further behind than that?"""
    behind = lag(place, actual, desired)
    view = actual.views.get(place)
    peer = seen_by_primary(place, actual, desired)
    state = view.state if view is not None and view.answers else peer.state if peer is not None else ""
    return state == "SECONDARY" and behind is not None and behind <= seconds and (peer is None or peer.healthy)


def without(config: SetConfig, host: str) -> SetConfig:
    """The configuration after that member's removal."""
    return replace(config, version=config.version + 1, members=tuple(one for one in config.members if not same_host(one.host, host)))


def with_votes(config: SetConfig, host: str, votes: int, priority: float) -> SetConfig:
    """The configuration after that member was given its vote, or lost it."""
    members = (replace(one, votes=votes, priority=priority) if same_host(one.host, host) else one for one in config.members)
    return replace(config, version=config.version + 1, members=tuple(members))
