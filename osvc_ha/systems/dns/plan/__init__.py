"""Plans for DNS.

Theory.

1. *One writer*: the node where OpenSVC placed the service that the resource is in, marked by a file in /run, and only while it
   sees a majority. START puts the mark, STOP takes it away and needs no provider for that, so that a provider which is down
   delays no failover. A node without the mark does not even ask the provider. Records stay when the writer stops. In a minority
   START does no more than that and ends well: agent 3 starts again what is warn, and a start that fails then is one that it holds against
   the node long after the others are back.
2. *Only what bears our mark* is ever changed. What is not marked is looked at, named when it is in the way, and left alone.
3. *What is not known takes nothing away.* A node without a known address, a label that cannot be read, a service that is up
   nowhere, a node that is heard again and has not told yet what it runs: the records stay as they are, and a note says so.
4. *Never the last address of a name.* Two exceptions, both an operator's word: the wildcard of a node that was silent for
   ``grace`` (dead_node=withdraw), and a name that nothing asks for (policy=sync).
5. *No name goes dark* on the way: changes.py has the order. An address that moves is one change of one record.
6. *Few writes*: an address leaves a round robin at once, and comes back after ``settle`` seconds (turns.py).
7. *A name that exists is lost to the wildcard above it* (RFC 4592): wildcards.py.
8. *More than 30 % of ten or more of our records at once is a broken source* (octoDNS' thresholds). Counted is what the placement
   does not explain: names that would vanish, and nodes that have other addresses. A service that moves, and an ingress node
   that leaves a round robin, is what this system is for: with three nodes, one failure touches a third of the records.

Sources: RFC 1034, 2136, 4592; MongoDB's seed list specification; kubernetes-sigs/external-dns#1238, #1463, #2410, #3706;
octoDNS' plan safety and OwnershipProcessor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Tuple, cast

from osvc_ha.planner.types import Facts, Plan, Step, Verb
from osvc_ha.systems.dns.state import Actual, Listing, Record, to_step
from osvc_ha.systems.dns.state.wanted import Desired, Entry, Key

from .changes import Reasoned, changes_of
from .entries import ADDRESS, Draft, fill
from .foreign import give_way
from .guard import guard_changes
from .seeds import fill_seeds
from .turns import Memory, remember, turned
from .wants import desired, writer_of
from .wildcards import fill_below

__all__ = ["Outlook", "desired", "facts", "guard", "keys_wanted", "notes", "outlook", "plan", "writer_of"]

RECORDS = (Verb.START, Verb.FOLLOW)


@dataclass(frozen=True)
class Outlook:
    """What would be done, and what the zone would hold of ours then."""

    changes: Tuple[Reasoned, ...]
    notes: Tuple[str, ...]
    memory: Memory
    entries: Tuple[Tuple[Key, Entry], ...]

    @property
    def records(self) -> Tuple[Record, ...]:
        """Every record that is wanted, sorted."""
        return tuple(sorted(record for _, entry in self.entries for record, _ in entry.records))


def outlook(actual: Actual, desired: Desired) -> Outlook:
    """The whole computation, done once for a look: its plan, its guard and its notes all ask for it."""
    for of, found in desired.worked_out:
        if of is actual:
            return cast(Outlook, found)
    found = _outlook(actual, desired)
    desired.worked_out[:] = [(actual, found)]
    return found


def _outlook(actual: Actual, desired: Desired) -> Outlook:
    draft = Draft(actual, desired, turned(actual, desired), actual.listing or Listing(()))
    fill(draft)
    fill_seeds(draft)
    fill_below(draft)
    give_way(draft)
    changes = changes_of(draft)
    return Outlook(changes, tuple(draft.notes), draft.memory, tuple(sorted(draft.entries.items(), key=lambda one: one[0])))


def keys_wanted(actual: Actual, desired: Desired) -> Tuple[Key, ...]:
    """(name, type) of all that may have a record of ours: what a server is asked for that shows its zone to nobody."""
    entries = outlook(replace(actual, listing=Listing(())), desired).entries
    return tuple((name, type_) for (name, of), _ in entries for type_ in (("A", "AAAA") if of == ADDRESS else (of,)))


def plan(actual: Actual, desired: Desired) -> Plan:
    """Steps from one look to what is wanted."""
    config = desired.config
    if desired.verb not in RECORDS:
        ended = desired.verb is not Verb.PROVISION and actual.holds
        return (Step("release", str(config.mark_file), "this node writes no records any more; they stay as they are"),) if ended else ()
    if config.path and not actual.holds:
        why = f"OpenSVC placed {config.path} on {desired.local}, which writes the records from now on"
        return (Step("hold", str(config.mark_file), why),) if desired.verb is Verb.START else ()
    if not desired.writer:
        return ()
    if actual.trouble:
        return (Step("read", config.zone, actual.trouble, payload=desired.cluster),)
    if actual.listing is None:
        return ()
    found = outlook(actual, desired)
    steps = tuple(to_step(change, why, desired.cluster, actual.written) for change, why in found.changes)
    if steps and desired.verb is Verb.START and config.path and not desired.majority:
        steps = (Step("await-majority", config.domain, _minority_words(desired, len(steps)), theirs=True),)
    return (*remember(actual.memory, found.memory), *steps)


def _minority_words(desired: Desired, changes: int) -> str:
    count = f"{changes} change{'s' if changes > 1 else ''}"
    return f"only {desired.present} of {desired.total} nodes are heard, no majority: {count} of the records wait until the others are back"


def guard(actual: Actual, desired: Desired, plan: Plan) -> None:
    """UnsafePlan for what must not be done; guard.py has the reasons."""
    guard_changes(actual, desired, plan, lambda: dict(outlook(actual, desired).entries))


def notes(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """What an operator should read. The passive side has nothing to say."""
    if desired.aside and actual.holds:
        return (desired.aside,)
    if actual.listing is None:
        return ()
    return (*desired.problems, *outlook(actual, desired).notes, *actual.listing.notes)


def facts(actual: Actual, desired: Desired) -> Facts:
    """Where the records are, and how many are ours."""
    if actual.listing is None:
        return ()
    config, listing = desired.config, actual.listing
    names = {record.name for record in listing.ours}
    where = config.server or config.provider
    return (("zone", f"{config.zone} at {where}"), ("records", f"{len(listing.ours)} of ours, of {len(names)} names"))
