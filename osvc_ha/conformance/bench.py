"""The resource under test, with what a case asks of it and how it judges."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Tuple

from osvc_ha.conformance.command import Command, Ended
from osvc_ha.conformance.subjects import Keywords, Place, Subject
from osvc_ha.conformance.verdict import Failed

# The deadline that the driver sets itself is 20 s; agents give a check less only when an operator says so.
STATUS_SECONDS = 25.0
CALM_SECONDS = 5.0
# How long the next run may say "cannot tell" or "still to do" after one that was killed, while a program is half way up.
PATIENCE = 30.0
EVERY = 0.05
# What is larger is taken for unchanged when its size and its time are the same.
LARGEST_READ = 1 << 20


@dataclass(frozen=True)
class Told:
    """A status: the agents' word for it, the sentences with it, and how long it took."""

    word: str
    said: str
    seconds: float

    def __str__(self) -> str:
        return f"status {self.word}{f' ({self.said[-600:]})' if self.said else ''}"


class Runner(Protocol):
    """How the driver is reached: as a process by itself (executed.py), or inside an agent (inside.py).

    cannot: cases that cannot be tried this way, and why. slow: a word costs a second, not a tenth of one.
    starts_what_it_provisions: the agent starts it too. retry: exit codes after which to ask again.
    """

    name: str
    slow: bool
    starts_what_it_provisions: bool
    cannot: Mapping[str, str]
    retry: Tuple[int, ...]

    def give(self, keywords: Mapping[str, str]) -> None:
        """From now on the resource has these keywords."""

    def begin(self, word: str) -> Command:
        """start, stop, provision, unprovision, or another word that the runner knows."""

    def kill(self, command: Command) -> None:
        """Kill the driver, and nothing that it started."""

    def status(self, seconds: float) -> Told:
        """Ask afresh. Failed when there is no answer in time."""

    def complaint(self, ended: Ended) -> str:
        """How this end breaks the contract whatever was asked, or ""."""

    def close(self) -> None:
        """Nothing of it is left."""


class Bench:
    """One resource in its place. Each case begins with ``clear``."""

    def __init__(self, subject: Subject, runner: Runner, place: Place, given: Mapping[str, str], kills: int) -> None:
        self.subject = subject
        self.runner = runner
        self.place = place
        self.kills = kills
        self._given = given

    @property
    def home(self) -> Path:
        """Where all its files and processes are."""
        return self.place.home

    @property
    def keywords(self) -> Keywords:
        """Those that it usually has."""
        return {**self.subject.keywords(self.place), **self._given}

    def clear(self) -> None:
        """Nothing runs, no file, the usual keywords."""
        self.end()
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self.subject.prepare(self.place, self.keywords)
        self.give()

    def close(self) -> None:
        """Nothing of it is left, nor of what it needed."""
        self.end()
        self.subject.finish(self.place)

    def give(self, **changed: str) -> None:
        """The usual keywords, and these."""
        self.runner.give({**self.keywords, **changed})

    def run(self, word: str) -> Ended:
        """Have it done, to whatever end within the contract."""
        ended = self.runner.begin(word).end(self.subject.seconds)
        complaint = self.runner.complaint(ended)
        if complaint:
            raise Failed(complaint, str(ended))
        return ended

    def succeed(self, word: str, why: str = "") -> Ended:
        """Have it done, and well."""
        ended = self.run(word)
        if ended.code != 0:
            raise Failed(f"{word} succeeds{why and f' {why}'}", str(ended))
        return ended

    def converge(self, word: str, why: str) -> None:
        """Have it done again and again while it only cannot tell yet."""
        give_up = time.monotonic() + PATIENCE
        while (ended := self.run(word)).code != 0:
            if ended.code not in self.runner.retry or time.monotonic() >= give_up:
                raise Failed(f"{word} succeeds {why}", str(ended))
            time.sleep(EVERY)

    def refuse(self, word: str, *names: str) -> Ended:
        """Have it done, which must fail, with a sentence that names these."""
        ended = self.run(word)
        if ended.code == 0 or not all(name in ended.said for name in names):
            raise Failed(f"{word} fails with a sentence that names {' and '.join(names)}", str(ended))
        return ended

    def status(self) -> Told:
        """Its status now."""
        told = self.runner.status(STATUS_SECONDS)
        if "Traceback" in told.said:
            raise Failed("status says what is wrong in a sentence", str(told))
        return told

    def expect(self, *words: str, when: str) -> Told:
        """Its status, which must be one of these."""
        told = self.status()
        if told.word not in words:
            raise Failed(f"status {' or '.join(words)} {when}", str(told))
        return told

    def up(self) -> Tuple[str, ...]:
        """Start it, and see that it is up; what there is of it."""
        self.succeed("start")
        self.expect("up", when="after a start")
        return self.running()

    def running(self) -> Tuple[str, ...]:
        """What there is of it now (bodies.py), without what comes and goes by itself."""
        return self.subject.body.lasting(self.home)

    def parts(self) -> Tuple[str, ...]:
        """All there is of it now."""
        return self.subject.body.parts(self.home)

    def end(self) -> None:
        """Take all of it away, as a crash would."""
        self.subject.body.end(self.home)

    def describe(self, parts: Iterable[str]) -> str:
        """For a report."""
        return ", ".join(map(self.subject.body.describe, parts)) or "nothing"

    def expect_none(self, when: str) -> None:
        """Nothing runs in its place; what a killed run started for a moment may end first."""
        give_up = time.monotonic() + CALM_SECONDS
        while left := self.parts():
            if time.monotonic() >= give_up:
                raise Failed(f"nothing runs {when}", self.describe(left))
            time.sleep(EVERY)

    def expect_as_many(self, usual: Sequence[str], when: str) -> None:
        """As many run as do usually."""
        found = self.running()
        if len(found) != len(usual):
            raise Failed(f"{len(usual)} running {when}", self.describe(found))

    def files(self, without: Tuple[str, ...] = ()) -> dict[str, str]:
        """Name below home -> what it is, so that any change shows. without: patterns of names, or of paths below home, to leave out."""
        found = {}
        for path in sorted(self.home.rglob("*")):
            name = str(path.relative_to(self.home))
            if not any(fnmatch.fnmatch(name if "/" in pattern else path.name, pattern) for pattern in without):
                with contextlib.suppress(FileNotFoundError):
                    found[name] = _mark(path)
        return found

    @contextlib.contextmanager
    def hung(self) -> Iterator[None]:
        """While it lasts, whoever asks it gets no answer, and its time has passed."""
        with self.subject.body.hang(self.home, self.place.beside):
            self.subject.age(self.place)
            yield

    def await_(self, condition: Callable[[], bool], expected: str) -> None:
        """Until it is so."""
        give_up = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() >= give_up:
                raise Failed(expected, f"not within {PATIENCE:g} s; {self.status()}")
            time.sleep(EVERY)


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """What came, went and changed, or ""."""
    came = [f"new: {name}" for name in after if name not in before]
    went = [f"gone: {name}" for name in before if name not in after]
    changed = [f"changed: {name}" for name in before if name in after and before[name] != after[name]]
    return ", ".join((*came, *went, *changed))


def _mark(path: Path) -> str:
    found = path.lstat()
    if stat.S_ISREG(found.st_mode) and found.st_size > LARGEST_READ:
        return f"{found.st_ino} {found.st_mode:o} {found.st_size} {found.st_mtime_ns}"
    if stat.S_ISREG(found.st_mode):
        return f"{found.st_ino} {found.st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    # A directory's own times change with what is in it, which is listed by itself.
    return f"{found.st_mode:o}" if stat.S_ISDIR(found.st_mode) else f"{found.st_ino} {found.st_mode:o}"
