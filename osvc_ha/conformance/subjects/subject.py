"""What the cases need to know of a system: its programs, where its files are, how to break it, and what makes no sense for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ContextManager, Optional, Tuple

from osvc_ha.conformance.subjects.bodies import Body

Keywords = Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """Where the resource under test lives. home: its private directory. ports: free ones on ``address``.

    path: the service. snapshot: the cluster that it is shown; None inside a real agent, which shows its own.
    """

    home: Path
    address: str
    ports: Tuple[int, ...]
    path: str
    snapshot: Optional[Path] = None

    @property
    def beside(self) -> Path:
        """For what is no part of the resource: a server that it asks, a disk. It outlives ``home``, which each case finds anew."""
        return self.home.with_name("beside")


def nothing(place: Place) -> None:
    """For a system that needs nothing of the kind."""


def never_lacking(given: Keywords) -> str:
    """For a system whose program is missed by its own start, in words of its own."""
    return ""


def as_it_is(place: Place, keywords: Keywords) -> None:
    """For a system whose keywords name nothing that has to be there before."""


def ready_at_once(place: Place, keywords: Keywords) -> ContextManager[Keywords]:
    """For a system without a program that could be kept from becoming ready; its ``never`` says so."""
    return contextlib.nullcontext({})


@dataclass(frozen=True)
class Subject:
    """keywords: those that keep it in its place. programs: keywords that name one. wrong: a keyword, and a value that it cannot have.

    owned: files below home that the driver writes and reads; theirs: those that it or its program reads, and that nobody writes anew.
    body: what there is of it while it runs. group: of agent 2.1's driver. never: case -> why it makes no sense for this system.
    restless: what the programs write by themselves while they run, as patterns of names, or of paths below home. stays: what may be
    left after unprovision. lacking: why it cannot be tried on this machine with the keywords that were given, and the way out; "" when
    it can. prepare: makes what the keywords name, so that a start needs no PROVISION before it; bare: takes that away again. finish:
    takes away what is not in its place. age: lets a hung program's time pass. unready: what starts meanwhile never becomes ready; gives
    other keywords, with a short time-out. seconds: a start or a stop may take, on a busy machine.
    """

    system: str
    keywords: Callable[[Place], Keywords]
    programs: Tuple[str, ...]
    wrong: Tuple[str, str]
    owned: Tuple[str, ...]
    body: Body
    group: str = "app"
    theirs: Tuple[str, ...] = ()
    restless: Tuple[str, ...] = ()
    stays: Tuple[str, ...] = ()
    never: Mapping[str, str] = field(default_factory=dict)
    lacking: Callable[[Keywords], str] = never_lacking
    prepare: Callable[[Place, Keywords], None] = as_it_is
    bare: Callable[[Place], None] = nothing
    finish: Callable[[Place], None] = nothing
    age: Callable[[Place], None] = nothing
    unready: Callable[[Place, Keywords], ContextManager[Keywords]] = ready_at_once
    seconds: float = 60.0
