"""A replica set's configuration as values: members, votes, majorities, and what two configurations have in common. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, Optional, Tuple

MARK = "osvc_ha"
"""The tag on members that osvc_ha added: their votes and priority are ours. Whoever takes it away keeps both as they are."""

ADDED = "osvc_ha_added"
"""The tag that says when osvc_ha added it, in seconds since the epoch by the primary's clock: MongoDB does not tell."""

MOST_VOTERS = 7
MOST_MEMBERS = 50
HIGHEST_ID = 255


@dataclass(frozen=True)
class Member:
    """One entry of ``members``. ``delay`` in seconds. ``tags`` sorted by name."""

    id: int
    host: str
    votes: int = 1
    priority: float = 1
    arbiter: bool = False
    hidden: bool = False
    delay: int = 0
    build_indexes: bool = True
    tags: Tuple[Tuple[str, str], ...] = ()

    @property
    def special(self) -> bool:
        """A person has made it something: osvc_ha leaves it as it is. A voter with priority 0 is never its own doing."""
        return self.arbiter or self.hidden or self.delay > 0 or not self.build_indexes or (self.votes > 0 and self.priority == 0)

    @property
    def ours(self) -> bool:
        """May its votes and priority be changed?"""
        return MARK in dict(self.tags) and not self.special

    @property
    def added(self) -> float:
        """When osvc_ha added it, in seconds since the epoch; 0 when it does not say."""
        told = dict(self.tags).get(ADDED, "")
        return float(told) if told.isascii() and told.isdigit() else 0.0

    @property
    def electable(self) -> bool:
        """May it ever be primary?"""
        return self.votes > 0 and self.priority > 0 and not self.arbiter

    @property
    def visible(self) -> bool:
        """Do clients get to see it, and has it the data?"""
        return not (self.arbiter or self.hidden or self.delay)


@dataclass(frozen=True)
class SetConfig:
    """A replica set's configuration. Ordered by (term, version), as MongoDB does since 4.4; before, ``term`` is -1.

    id: settings.replicaSetId, made by replSetInitiate: two sets of one name differ in it.
    """

    name: str
    version: int
    term: int
    members: Tuple[Member, ...]
    id: str = ""

    @property
    def stamp(self) -> Tuple[int, int]:
        """What makes one configuration newer than another."""
        return self.term, self.version

    @property
    def voters(self) -> Tuple[Member, ...]:
        """Members with a vote."""
        return tuple(member for member in self.members if member.votes > 0)

    @property
    def majority(self) -> int:
        """How many voters elect a primary, and commit a configuration."""
        return len(self.voters) // 2 + 1

    @property
    def next_id(self) -> int:
        """Not one that another member has: the highest and one, or where that is too high the lowest that is free."""
        taken = {member.id for member in self.members}
        highest = max(taken, default=-1) + 1
        return highest if highest <= HIGHEST_ID else min(set(range(HIGHEST_ID + 1)) - taken)

    def at(self, host: str) -> Optional[Member]:
        """The member of that host:port; names compare as DNS does."""
        return next((member for member in self.members if same_host(member.host, host)), None)

    @property
    def implicit_write_concern(self) -> str:
        """What 5.0 and later take for a write concern where none is set: "1" where arbiters leave too few with data, else "majority".

        (#arbiters > 0 and #data-bearing voters <= voting majority: the manual, "Implicit Default Write Concern".)
        """
        arbiters = sum(member.arbiter for member in self.voters)
        return "1" if arbiters and len(self.voters) - arbiters <= self.majority else "majority"


def same_host(one: str, other: str) -> bool:
    """Are these the same host:port? Case and a final dot of the name do not count."""
    return _plain(one) == _plain(other)


def _plain(host: str) -> str:
    name, _, port = host.lower().rpartition(":")
    return f"{name.rstrip('.')}:{port}"


def voting_changes(old: SetConfig, new: SetConfig) -> FrozenSet[int]:
    """The ids whose right to vote differs. More than one, and two majorities need not overlap (4.4 and later refuse it)."""
    before, after = ({member.id for member in config.voters} for config in (old, new))
    return frozenset(before ^ after)
