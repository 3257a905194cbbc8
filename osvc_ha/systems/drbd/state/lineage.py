"""Two copies of a volume, compared by their generation identifiers, as DRBD does when they meet. Pure.

``drbd_uuid_compare`` (drbd_receiver.c, 8.4.11) without its rules for a node that crashed: those give the same answers later.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import FrozenSet, Optional

from .generations import JUST_CREATED, LINE

NOTHING = f"{0:016X}"


@dataclass(frozen=True)
class Generations:
    """One volume's: now, what it was before it wrote alone ("" when it does not), and earlier ones. Without the lowest bit.

    The lowest bit says only that the node was Primary. text: as DRBD printed them.
    """

    current: str
    bitmap: str = ""
    history: FrozenSet[str] = frozenset()
    text: str = ""

    @property
    def fresh(self) -> bool:
        """Metadata that was just created: nothing was ever written through it."""
        return self.current == JUST_CREATED


class Verdict(Enum):
    """How the copy that is to go stands to the one that is to stay."""

    SAME = "same"
    BEHIND = "behind"
    AHEAD = "ahead"
    SPLIT = "split"
    UNRELATED = "unrelated"


def parse_identifiers(text: str) -> Optional[Generations]:
    """The first line of ``drbdadm get-gi RES/VOLUME`` that holds some; None when none does."""
    line = next((line.strip() for line in text.splitlines() if LINE.match(line.strip())), "")
    if not line:
        return None
    current, bitmap, *history = (_masked(word) for word in line.split(":")[:4])
    return Generations(current, "" if bitmap == NOTHING else bitmap, frozenset(history) - {NOTHING}, line)


def _masked(word: str) -> str:
    return f"{int(word, 16) & ~1:016X}"


def compare(goes: Generations, stays: Generations) -> Verdict:
    """What the one that goes is to the other: BEHIND has nothing that the other lacks, AHEAD has all of it and more."""
    if goes.current == stays.current:
        return Verdict.SAME
    ours, theirs = goes.history | ({goes.bitmap} - {""}), stays.history | ({stays.bitmap} - {""})
    if goes.fresh or (goes.current in theirs and not stays.fresh):
        return Verdict.BEHIND
    if stays.fresh or stays.current in ours:
        return Verdict.AHEAD
    return Verdict.SPLIT if (ours & theirs) - {JUST_CREATED} else Verdict.UNRELATED
