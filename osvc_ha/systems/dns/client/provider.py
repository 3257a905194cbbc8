"""What the dns system asks of a provider: list a zone, and change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from osvc_ha.systems.dns.state import Change, Listing
from osvc_ha.systems.dns.state.registry import Key

# (name, type) of all that is wanted, for a server that shows its zone to nobody and has to be asked for each.
Wanted = Callable[[], Iterable[Key]]


def nothing() -> Iterable[Key]:
    """Nothing is known to be wanted."""
    return ()


class Provider(Protocol):
    """One zone at one provider, for one cluster. Every call has a deadline.

    What the provider answered to the last ``write`` counts as a look for the ``listing`` right after it, where the provider
    returns the records it wrote: a placement change then costs one list and one batch.
    """

    def listing(self, wanted: Wanted = nothing) -> Listing:
        """The whole zone. ObserveError says what was asked, what was answered, and the way out."""

    def write(self, changes: Sequence[Change]) -> None:
        """All of them, in one transaction where the provider has one, creations before deletions of the same name otherwise.

        ApplyError names each record that was refused, and why; the rest is written. After a time-out the zone is read
        again before anything is sent twice.
        """
