"""Compare two keyed sets. The order of the inputs never changes the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Tuple, TypeVar

KeyT = TypeVar("KeyT", bound=Any)
ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class Diff(Generic[KeyT, ValueT]):
    """What to create, update (key, old, new) and delete; each sorted by key."""

    create: Tuple[Tuple[KeyT, ValueT], ...]
    update: Tuple[Tuple[KeyT, ValueT, ValueT], ...]
    delete: Tuple[Tuple[KeyT, ValueT], ...]

    def __bool__(self) -> bool:
        return bool(self.create or self.update or self.delete)


def diff(actual: Mapping[KeyT, ValueT], desired: Mapping[KeyT, ValueT]) -> Diff[KeyT, ValueT]:
    """Compare what is with what should be.

    Both sides must be normalised by the caller: a TTL of ``auto`` against ``300`` is an
    endless update otherwise (octodns/octodns#1146).
    """
    create = tuple((key, desired[key]) for key in sorted(desired.keys() - actual.keys()))
    delete = tuple((key, actual[key]) for key in sorted(actual.keys() - desired.keys()))
    both = sorted(actual.keys() & desired.keys())
    update = tuple((key, actual[key], desired[key]) for key in both if actual[key] != desired[key])
    return Diff(create, update, delete)
