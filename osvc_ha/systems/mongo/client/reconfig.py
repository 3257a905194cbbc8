"""One change of the set's configuration, and the wait until it is on a majority. Never by force."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, UnsafePlan
from osvc_ha.planner.types import Step, Verb
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.plan.again import NotWantedError
from osvc_ha.systems.mongo.plan.steps import recall
from osvc_ha.systems.mongo.state.documents import Change, changed

from .deciding import Decision
from .greeting import members, writable
from .link import Fault, Session, Trouble, session

POLL = 0.05
# Somebody who changes the configuration again and again leaves a moment between two changes, a few milliseconds long: so the pauses are
# short, and none like the other.
LEAST_PAUSE, MOST_PAUSE = 0.002, 0.03
# Who competes is heard of sooner: a refusal with the same words is an answer, and a change is on a majority after a heartbeat, 2 s.
REFUSED_SECONDS, UNCOMMITTED_SECONDS = 1.0, 3.0
SLOW_PAUSE = 0.25
# What is said so long of the very same configuration is not going to change by asking.
STUCK_SECONDS = 10.0
# How long one replSetReconfig may wait for a majority of the voters: two heartbeats (2 s each) and some.
COMMIT_SECONDS = 10.0
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml: somebody else was quicker, or the primary changes.
# ConfigurationInProgress, NewReplicaSetConfigurationIncompatible (a version that is taken), CurrentConfigNotCommittedYet,
# ConflictingOperationInProgress, MaxTimeMSExpired, NotWritablePrimary, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary,
# InterruptedDueToReplStateChange, PrimarySteppedDown, InterruptedAtShutdown, ShutdownInProgress.
INCOMPATIBLE = 103
RACED = frozenset({109, INCOMPATIBLE, 308, 117, 50, 10107, 13435, 13436, 11602, 189, 11600, 91})
NOT_PRIMARY = frozenset({10107, 13435, 11602, 189})
Attempt = Tuple[bool, str]


def reconfigure(config: Config, step: Step, host: Host) -> None:
    """Make the change on the primary, from its own configuration, until it is there and committed.

    ApplyError when not in time, and when it is no longer wanted; but a START goes on then, for its ``wait-ready`` decides again.
    """
    try:
        _Change(config, step, host).make()
    except NotWantedError:
        if recall(config, step).verb is not Verb.START:
            raise


@dataclass
class Race:
    """How it goes with others who change the configuration too: whether it moves on, or the same is said again and again.

    stamp: (term, version) of the configuration as it was read last. code: of the refusal, 0 for one that is only not committed yet.
    """

    stamp: Tuple[int, int] = (-1, -1)
    words: str = ""
    code: int = 0
    since: float = 0.0

    def hear(self, stamp: Tuple[int, int], words: str, code: int, now: float) -> None:
        """What came of an attempt."""
        if (stamp, words) != (self.stamp, self.words):
            self.stamp, self.words, self.since = stamp, words, now
        self.code = code

    def pause(self, now: float) -> float:
        """Seconds until the next attempt."""
        quick = now - self.since < (REFUSED_SECONDS if self.code else UNCOMMITTED_SECONDS)
        return random.uniform(LEAST_PAUSE, MOST_PAUSE) if quick else SLOW_PAUSE

    def stuck(self, now: float) -> bool:
        """Is it refused for what it is, rather than for who was quicker?"""
        return self.code == INCOMPATIBLE and now - self.since >= STUCK_SECONDS


class _Change:
    """One change, tried until it is made. Nothing is written that was decided longer ago than ``Decision`` allows."""

    def __init__(self, config: Config, step: Step, host: Host) -> None:
        self._host, self._limit = host, config.ready_timeout
        self._change = Change.parse(step.arg("change"))
        self._peers = members(config, step, host)
        self._decision = Decision(config, step, host)
        self._race = Race()

    def make(self) -> None:
        """Until it is there and committed."""
        give_up = self._host.monotonic() + self._limit
        while True:
            done, words = self._attempt(give_up)
            if done:
                return
            if self._host.monotonic() >= give_up:
                raise ApplyError(f"{self._change.text()}: not within {self._limit:g} s: {words}")
            self._host.sleep(POLL)

    def _attempt(self, give_up: float) -> Attempt:
        node = writable(self._peers)
        if not node:
            self._decision.spoil()
            return False, f"no primary among {' '.join(self._peers)}"
        seconds = max(1.0, min(COMMIT_SECONDS, give_up - self._host.monotonic()))
        try:
            with session(self._peers[node], seconds + 1.0) as talk:
                return self._compete(talk, seconds)
        except Trouble as trouble:
            if trouble.code in RACED or trouble.fault is Fault.SILENT:
                self._decision.spoil()
                return False, trouble.words
            raise ApplyError(trouble.words) from trouble

    def _compete(self, talk: Session, seconds: float) -> Attempt:
        """Attempts until it is there or the time is over, all with one member: its configuration names the term in which it may be
        changed."""
        give_up = self._host.monotonic() + seconds
        while True:
            document, committed = _read(talk)
            stamp, code = (int(document.get("term", -1)), int(document["version"])), 0
            try:
                done, words = self._once(talk, document, committed, give_up - self._host.monotonic())
            except Trouble as trouble:
                if trouble.code not in RACED - NOT_PRIMARY:
                    raise
                self._decision.spoil()
                done, words, code = False, trouble.words, trouble.code
            self._race.hear(stamp, words, code, self._host.monotonic())
            if self._race.stuck(self._host.monotonic()):
                raise ApplyError(f"{self._change.text()}: refused for {STUCK_SECONDS:g} s: {words}")
            pause = self._race.pause(self._host.monotonic())
            if done or self._host.monotonic() + pause >= give_up:
                return done, words
            self._host.sleep(pause)

    def _once(self, talk: Session, document: Mapping[str, Any], committed: bool, seconds: float) -> Attempt:
        if not committed:
            self._keep_fresh()
            return False, f"version {document.get('version')} of the configuration is not on a majority of the voters yet"
        try:
            new = changed(document, self._change)
        except UnsafePlan as error:
            raise ApplyError(str(error)) from error
        if new is None:
            return True, ""
        if not self._decision.fresh and not self._decision.renew():
            return False, "no member says that it is primary"
        # Should it have been changed while that looked, its version is taken, and this is refused.
        # It answers once the new one is on a majority (4.4 and later).
        talk.ask("replSetReconfig", new, maxTimeMS=max(1, int(seconds * 1000)))
        return True, ""

    def _keep_fresh(self) -> None:
        """While others are at it, so that the moment between two of their changes is not lost with looking."""
        if not self._decision.fresh and self._race.pause(self._host.monotonic()) <= MOST_PAUSE:
            self._decision.renew()


def _read(talk: Session) -> Tuple[Mapping[str, Any], bool]:
    """The primary's configuration, and whether it is committed. Before 4.4 it does not say, and changes need no majority."""
    try:
        reply = talk.ask("replSetGetConfig", commitmentStatus=True)
    except Trouble as trouble:
        if trouble.code not in UNKNOWN_OPTION:
            raise
        return talk.ask("replSetGetConfig")["config"], True
    return reply["config"], bool(reply.get("commitmentStatus", True))


# FailedToParse, InvalidOptions, an unknown field of a command.
UNKNOWN_OPTION = frozenset({9, 72, 40415})


DO: Mapping[str, Callable[[Config, Step, Host], None]] = dict.fromkeys(("add", "vote", "unvote", "priority", "remove"), reconfigure)
