"""May DRBD go on without its peer? The decision of the fence-peer handler, without its questions. Pure.

Theory.

1. *What the exit code does* (drbd 8.4, drbd_nl.c, conn_try_outdate_peer). Under ``fencing resource-and-stonith`` all I/O of a
   Primary that lost its peer stands still while the handler runs, and goes on only after 3, 4, 5 or 7; ``primary`` of a
   node without its peer asks the same. 4 is "the peer is outdated", 7 "it was shot": from then on the peer counts as
   Outdated here, and this node writes alone. 5, "unreachable", is taken for the same while the local disk is UpToDate:
   it is the answer of a node that knows nothing, so it is never given. 6, "the peer is Primary", outdates ourselves; a mistake in
   it costs the last good copy, so it is never given either. 1 is no answer DRBD knows: it refuses.
   No acknowledged write can be lost by a late answer: with protocol C a write is acknowledged when the peer has it, and until
   this handler has answered, none is acknowledged without the peer.
2. *A heartbeat that is not heard is no proof.* Of an isolated node's heartbeats, one goes silent before the other: for a moment it sees
   the peer dead and the third node alive, which looks like a majority. And where only the link between two nodes is cut, each of them hears
   the third, and each has "a majority". So the votes are counted afresh: a node counts for us when it answered *since
   the handler began* and says *itself* that it hears us and does not hear the peer. Two majorities have a node in common,
   and it cannot say both; one that hears the peer is a veto.
3. *The answer outlives the partition.* Later the peer may come back while we are gone, with the same majority behind it, and old
   data that it takes for UpToDate. So who answers 7 first has it noted, where the majority keeps it, that the peer is
   fenced off from this resource; who finds itself noted refuses, and the note goes when the peer has been resynced. This is
   what crm-fence-peer.9.sh does with a constraint in Pacemaker's CIB, and after-resync-target takes back.
4. *Only good data may go on alone.* A disk that is merely Consistent was good when the peer was last heard; it may be
   an hour old. Nobody is fenced off for it, and nobody is asked to outdate what may be the newer copy.
5. *A peer that outdated itself cannot be promoted*, so its word (4) needs no majority. That is dopd's way, over another path.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Tuple

OUTDATED = 4
FENCED = 7
REFUSED = 1


class Word(Enum):
    """What the peer said when it was asked, over another path than DRBD's, to outdate itself."""

    NOT_ASKED = "not asked"
    OUTDATED = "outdated"
    PRIMARY = "it is Primary"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Witness:
    """Another node's own word, given since the handler began: whose heartbeats *it* hears.

    A node that did not answer in this run is not in the list: what it said before is no evidence.
    """

    node: str
    hears_peer: bool
    hears_us: bool = True


@dataclass(frozen=True)
class Evidence:
    """All that the answer rests on. Every part of it was read since the handler began.

    peer: its node name in the cluster, "" when DRBD's peer is none of its nodes. local_disk: DRBD's word for the worst of the
    resource's local disks, "" when it cannot be told. trouble: why the cluster could not be asked, or "". nodes: all of the
    cluster; alive: those whose heartbeat is heard here, this one included. fenced: the nodes noted as fenced off from this
    resource. noted: it is noted that ``peer`` is (theory, 3).
    """

    resource: str
    local: str
    peer: str
    local_disk: str
    nodes: Tuple[str, ...] = ()
    alive: Tuple[str, ...] = ()
    trouble: str = ""
    witnesses: Tuple[Witness, ...] = ()
    word: Word = Word.NOT_ASKED
    fenced: Tuple[str, ...] = ()
    noted: bool = False


@dataclass(frozen=True)
class Answer:
    """The exit code, and why, in one sentence.

    final: more time would change nothing; otherwise look again until the deadline. ask: the peer should be asked to outdate
    itself. note: note that the peer is fenced off, and ask again with ``noted``.
    """

    code: int
    why: str
    final: bool = False
    ask: bool = False
    note: bool = False


def answer(evidence: Evidence) -> Answer:
    """4, 7 or 1. The first rule that speaks decides."""
    return _ours(evidence) or _peers_word(evidence) or _votes(evidence)


def _ours(seen: Evidence) -> Answer | None:
    """What is wrong on our side, whatever the peer may be."""
    if seen.local in seen.fenced:
        since = f"{seen.local} was fenced off from {seen.resource} and not resynced since: its data is old"
        return Answer(REFUSED, f"{since}; connect it to the node that went on, which resyncs it", final=True)
    if not seen.local_disk:
        return Answer(REFUSED, f"the disk state of {seen.resource} on {seen.local} cannot be told")
    if seen.local_disk != "UpToDate":
        worse = f"the disk of {seen.resource} on {seen.local} is {seen.local_disk}, not UpToDate: the peer may have newer data"
        return Answer(REFUSED, f"{worse}; bring the peer back", final=True)
    return None


def _peers_word(seen: Evidence) -> Answer | None:
    if seen.word is Word.OUTDATED:
        return Answer(
            OUTDATED, f"{seen.peer or 'the peer'} was asked over another path and says that {seen.resource} is Outdated there", True
        )
    if seen.word is Word.PRIMARY:
        return Answer(REFUSED, f"{seen.peer} is Primary of {seen.resource}; stop the service there first", final=True)
    return None


def _votes(seen: Evidence) -> Answer:
    if seen.trouble:
        return Answer(REFUSED, f"the cluster cannot be asked ({seen.trouble}); start its agent", ask=bool(seen.peer))
    if seen.peer not in seen.nodes or seen.peer == seen.local or seen.local not in seen.nodes:
        named = (
            f"the peer of {seen.resource} ({seen.peer or 'unknown'}) is not another node of the cluster ({' '.join(sorted(seen.nodes))})"
        )
        return Answer(REFUSED, f"{named}; name its `on` section in the .res as its node is named", final=True)
    if seen.peer in seen.alive:
        return Answer(REFUSED, f"{seen.peer} is alive to the cluster, and asked to outdate itself: {seen.word.value}", ask=True)
    others = [one for one in seen.witnesses if one.node in seen.nodes and one.node not in (seen.local, seen.peer)]
    hearing = sorted({one.node for one in others if one.hears_peer})
    if hearing:
        said = f"{seen.peer} is not heard here, but by {' '.join(hearing)}"
        return Answer(REFUSED, f"{said}, and asked to outdate itself: {seen.word.value}", ask=True)
    agreeing = sorted({seen.local, *(one.node for one in others if one.hears_us)})
    count = f"{len(agreeing)} of {len(seen.nodes)} nodes ({' '.join(agreeing)})"
    if 2 * len(agreeing) <= len(seen.nodes):
        return Answer(REFUSED, f"only {count} say that {seen.peer} is gone, no majority; bring back the others")
    if not seen.noted:
        return Answer(REFUSED, f"{count} say that {seen.peer} is gone, but it is not noted yet that it is fenced off", note=True)
    return Answer(FENCED, f"{seen.peer} is dead to {count}, a majority", True)
