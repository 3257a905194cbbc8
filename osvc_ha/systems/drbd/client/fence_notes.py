"""The notes of who is fenced off from a resource: a small file on each node of the majority. plan/fencing.py (theory, 3) says why.

``/var/lib/osvc_ha/drbd/RES.fenced``, a line for each: node, generation. The generation is the current UUID of the data that
both sides had when the note was made. A resync gives the fenced node another one, so a note that nobody lifted (its
node was off when the others did) is seen to be old by the node that it is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import FrozenSet, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError

# It must outlive a reboot: who was fenced off before one still is.
NOTES = Path("/var/lib/osvc_ha/drbd")
LOCK_SECONDS = 2.0
PRIMARY_BIT = 1


Noted = FrozenSet[Tuple[str, str]]


@dataclass(frozen=True)
class Lineage:
    """Generations of a node's data, over all volumes: the current ones, and those before it wrote alone (DRBD's bitmap UUID).

    Without the lowest bit, which says only that the node was Primary.
    """

    current: FrozenSet[str] = frozenset()
    before: FrozenSet[str] = frozenset()

    @property
    def noted(self) -> str:
        """As a note has it: what both sides had when the one was fenced off."""
        return ",".join(sorted(self.current))

    def __str__(self) -> str:
        return f"{self.noted}/{','.join(sorted(self.before))}"

    @classmethod
    def of(cls, text: str) -> Lineage:
        """Back from its text."""
        current, _, before = text.partition("/")
        return cls(*(frozenset(filter(None, part.split(","))) for part in (current, before)))


class Notes:
    """The notes of one resource on this node."""

    def __init__(self, resource: str, host: Host, directory: Path = NOTES) -> None:
        self._file = directory / f"{resource}.fenced"
        self._lock = directory / f"{resource}.lock"
        self._host = host

    def read(self) -> Noted:
        """(node, generation) of each. ObserveError when the file is there and cannot be read."""
        lines = (self._host.read(self._file) or "").splitlines()
        return frozenset((node, generation.strip()) for node, _, generation in (line.partition(" ") for line in lines) if node)

    def write(self, node: str, unless: str, lineage: Lineage) -> bool:
        """Note ``node``, and say so; False when ``unless``, whose lineage this is, is noted: of two that fence each other, the first wins.

        One at a time, under a lock: this file is where two majorities meet. An older note of the node stays beside it, for
        the node may still have that data; an older one of ``unless``, which was resynced since, goes.
        """
        with self._host.lock(self._lock, LOCK_SECONDS):
            notes = self.read()
            if is_fenced(notes, unless, lineage):
                return False
            wanted = frozenset(one for one in notes if one[0] != unless) | {(node, lineage.noted)}
            if wanted != notes:
                self._save(wanted)
        return True

    def lift(self, node: str) -> None:
        """Take back what is noted of this node: it was resynced."""
        with self._host.lock(self._lock, LOCK_SECONDS):
            notes = self.read()
            left = frozenset(one for one in notes if one[0] != node)
            if left != notes:
                self._save(left)

    def _save(self, notes: Noted) -> None:
        self._host.replace(self._file, "".join(f"{node} {generation}\n" for node, generation in sorted(notes)))


def is_fenced(notes: Noted, node: str, lineage: Lineage) -> bool:
    """Is that node, whose data this is, still fenced off? One that cannot tell its generations is.

    So is one with several volumes of which one alone is as old as the note, and one that wrote alone all the same (``drbdadm
    resume-io``): its generation before that is the note's.
    """
    now = lineage.current | lineage.before
    found = [frozenset(then.split(",")) for noted, then in notes if noted == node]
    return any(not now or then == {""} or then & now for then in found)


def is_outdone(notes: Noted, node: str, lineage: Lineage) -> bool:
    """Was that node fenced off from the very data that is here, whose lineage this is? Then what it has is no more than that.

    A note that outlived a resync does not say so: with it the node has what we have, and the generations went on.
    """
    now = lineage.current | lineage.before
    found = [frozenset(then.split(",")) for noted, then in notes if noted == node]
    return any(then <= now for then in found if then != {""})


def lineage_of(resource: str, host: Host, drbdadm: str = "drbdadm") -> Lineage:
    """What data this node has. Empty when it cannot be told."""
    try:
        done = host.run((drbdadm, "get-gi", resource))
    except ApplyError:
        return Lineage()
    return parse_lineage(done.out) if done.code == 0 else Lineage()


def parse_lineage(text: str) -> Lineage:
    """From ``drbdadm get-gi``: a line for each volume, ``CURRENT:BITMAP:HISTORY:...``. Empty when it is none."""
    try:
        words = [line.split(":")[:2] for line in text.split()]
        current, before = (frozenset(f"{int(word[at], 16) & ~PRIMARY_BIT:016X}" for word in words) for at in (0, 1))
    except (ValueError, IndexError):
        return Lineage()
    return Lineage(current, before - {f"{0:016X}"})
