"""Gathers what plan/fencing.py decides on, for the fence-peer handler: DRBD's disk, the cluster, the witnesses, the peer's own word.

Whatever hangs (a peer that is gone, a witness behind a cut cable) hangs in a thread of its own, with a deadline of its own,
and the answer does not wait for it. Nothing that was known before the handler began is evidence.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, FrozenSet, Optional, Tuple

from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, HaError
from osvc_ha.systems.drbd.client import witness
from osvc_ha.systems.drbd.client.elsewhere import REMOTE, over, whereabouts
from osvc_ha.systems.drbd.client.fence_notes import NOTES, Lineage, Noted, Notes, is_fenced, lineage_of, parse_lineage
from osvc_ha.systems.drbd.plan.fencing import REFUSED, Answer, Evidence, Witness, Word, answer
from osvc_ha.systems.drbd.state import DISKS, ROLES

IDENTIFIERS = re.compile(r"([0-9A-F]{16}:){4}")
PROGRAM = "/usr/share/osvc-ha/bin/osvc-ha"
DIRECTORY = Path("/run/osvc_ha/drbd")
SECONDS = 30.0
# DRBD 8.4 asks four times before it refuses a promotion (drbd_nl.c, drbd_set_role); a Primary that lost its peer, once.
TRIES = 4
EVERY = 0.1
# What is under way when the time is up may still end; after that, hooks/drbd-fence-peer ends it all.
GRACE = 2.0
WITNESS_SECONDS = 3.0
REMOTE_SECONDS = WITNESS_SECONDS + 4.0
LONGEST_LOG = 200_000
# A disk in these states cannot be promoted either, and DRBD resyncs it before it can.
HARMLESS = frozenset({"Outdated", "Inconsistent", "Diskless", "Failed"})


@dataclass(frozen=True)
class Case:
    """Whom to fence off from what, and by which means. spent: how much of ``seconds`` is over."""

    resource: str
    peer: str
    seconds: float = SECONDS
    spent: float = 0.0
    snapshot: Optional[Path] = None
    remote: str = REMOTE
    program: str = PROGRAM
    drbdadm: str = "drbdadm"
    directory: Path = DIRECTORY
    notes: Path = NOTES


class Errand:
    """A question that may hang: asked in a thread, again and again while it is wanted, one at a time."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask
        self._thread: Optional[threading.Thread] = None
        self.told: Any = None

    def run(self) -> None:
        """Ask, unless somebody is on the way."""
        if self._thread is None or not self._thread.is_alive():
            # A daemon thread: the process ends without those that still wait.
            self._thread = threading.Thread(target=self._go, daemon=True)
            self._thread.start()

    def _go(self) -> None:
        try:
            told = self._ask()
        except HaError:
            told = None
        self.told = told if told is not None else self.told
        time.sleep(EVERY)


class Inquiry:
    """One run of the handler."""

    def __init__(self, case: Case, host: Host) -> None:
        self._case = case
        self._host = host
        self._eyes = witness.Eyes(case.snapshot, host)
        self._notes = Notes(case.resource, host, case.notes)
        self._lineage = lineage_of(case.resource, host, case.drbdadm)
        self._witnesses: Dict[str, Errand] = {}
        self._outdating: Optional[Errand] = None
        self._local = ""
        self._note = self._noted_here = False

    def decide(self) -> Tuple[Answer, Evidence]:
        """Look again and again until nothing can change the answer or the time is up."""
        give_up = time.monotonic() + self.patience()
        while True:
            evidence = self.evidence()
            found = answer(evidence)
            if found.final or found.code != REFUSED or time.monotonic() >= give_up:
                return found, evidence
            if found.note and not self._noted_here:
                self._note = True
                self._note_here()
                continue
            if found.ask and self._outdating is not None:
                self._outdating.run()
            self._host.sleep(EVERY)

    def patience(self) -> float:
        """Of all its seconds a share, where DRBD will ask again."""
        role = self._drbd("role").partition("/")[0]
        return self._case.seconds - self._case.spent if role == "Primary" else self._case.seconds / TRIES

    def evidence(self) -> Evidence:
        """As it is now."""
        case = self._case
        disk, trouble = self._disk(), ""
        cluster: Optional[Cluster] = None
        fenced: Noted = frozenset()
        ours: Noted = frozenset()
        try:
            cluster = self._eyes.look()
            fenced = ours = self._notes.read()
        except HaError as error:
            trouble = str(error)
        if cluster is not None:
            self._local = cluster.local
            self._send_out(cluster)
        words = {name: errand.told for name, errand in self._witnesses.items() if errand.told is not None}
        fenced = fenced.union(*(one.fenced for one in words.values()))
        names = {node for node, _ in fenced if node != self._local or is_fenced(fenced, node, self._lineage)}
        word = self._outdating.told if self._outdating is not None else None
        noted = {name for name, one in words.items() if one.noted}
        if (case.peer, self._lineage.noted) in ours:
            noted.add(self._local)
        total = len(cluster.nodes) if cluster is not None else 0
        return Evidence(
            resource=case.resource,
            local=self._local,
            peer=case.peer,
            local_disk=disk,
            nodes=tuple(sorted(cluster.nodes)) if cluster is not None else (),
            alive=cluster.alive() if cluster is not None else (),
            trouble=trouble,
            witnesses=tuple(Witness(name, one.hears_peer, one.hears_us) for name, one in sorted(words.items())),
            word=word or Word.NOT_ASKED,
            fenced=tuple(sorted(names)),
            noted=bool(total) and 2 * len(noted) > total,
        )

    def _note_here(self) -> None:
        """Our own copy of the note; without it, the others' alone have to make the majority."""
        self._noted_here = True
        with contextlib.suppress(HaError):
            self._notes.write(self._case.peer, self._local, self._lineage)

    def _disk(self) -> str:
        """Of several volumes the worst; "" when it cannot be told."""
        found = {line.partition("/")[0] for line in self._drbd("dstate").split()}
        return next(iter(sorted(found - {"UpToDate"})), "UpToDate" if found else "")

    def _drbd(self, what: str) -> str:
        try:
            done = self._host.run((self._case.drbdadm, what, self._case.resource))
        except ApplyError:
            return ""
        return done.out.strip() if done.code == 0 else ""

    def _send_out(self, cluster: Cluster) -> None:
        """Ask every other node at once, and have somebody ready to ask the peer."""
        case = self._case
        for name, node in cluster.nodes.items():
            if name in (cluster.local, case.peer):
                continue
            address = whereabouts(cluster, name)
            if name not in self._witnesses:
                # The only other vote that a majority of three needs: its word and its note in one call.
                self._note = self._note or len(cluster.nodes) <= 3
                self._witnesses[name] = Errand(lambda name=name, address=address: self._ask_witness(name, address))  # type: ignore[misc]
            if node.alive:
                self._witnesses[name].run()
        if self._outdating is None and case.peer in cluster.nodes:
            peer = whereabouts(cluster, case.peer)
            self._outdating = Errand(lambda: self._ask_peer(peer))

    def _ask_witness(self, name: str, address: str) -> Optional[witness.Testimony]:
        case = self._case
        words = [case.program, "drbd", "witness", case.resource, "--peer", case.peer, "--by", self._local]
        words += ["--lineage", str(self._lineage), "--seconds", f"{WITNESS_SECONDS:g}", *(["--note"] if self._note else [])]
        if case.snapshot is not None:
            words += ["--snapshot", str(case.snapshot)]
        done = self._host.run(over(case.remote, address, shlex.join(words)), seconds=REMOTE_SECONDS)
        told = witness.read(done.out)
        return told if told is not None and told.node == name else None

    def _ask_peer(self, address: str) -> Word:
        """Outdate itself, if its data is what we have or had: what it wrote alone may be the better copy.

        Believed only by the state it shows afterwards.
        """
        res = shlex.quote(self._case.resource)
        try:
            before = self._told(address, f"drbdadm role {res}; drbdadm get-gi {res}")
            if before.role != "Secondary":
                return Word.PRIMARY if before.role == "Primary" else Word.UNREACHABLE
            if not before.lineage.current or not before.lineage.current <= self._lineage.current | self._lineage.before:
                return Word.REFUSED
            after = self._told(address, f"drbdadm outdate {res}; drbdadm role {res}; drbdadm dstate {res}")
        except ApplyError:
            return Word.UNREACHABLE
        return Word.OUTDATED if after.role == "Secondary" and after.disks and after.disks <= HARMLESS else Word.REFUSED

    def _told(self, address: str, command: str) -> Told:
        return told(self._host.run(over(self._case.remote, address, command), seconds=REMOTE_SECONDS).out)


@dataclass(frozen=True)
class Told:
    """What the peer's drbdadm printed."""

    role: str
    disks: FrozenSet[str]
    lineage: Lineage


def told(text: str) -> Told:
    """The lines that are DRBD's, whatever a remote shell printed around them. ``LOCAL/PEER`` of role and disks: ours is its LOCAL."""
    pairs = [words[0] for words in (line.strip().split("/") for line in text.splitlines()) if len(words) == 2]
    gi = "\n".join(line for line in text.splitlines() if IDENTIFIERS.match(line.strip()))
    role = next((word for word in pairs if word in ROLES), "")
    return Told(role, frozenset(word for word in pairs if word in DISKS), parse_lineage(gi))


def age() -> float:
    """Seconds since this process began. On a busy node Python takes some of them to start, and who waits for it has counted them."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def decide(case: Case, host: Host) -> Answer:
    """The handler's answer: FENCED, OUTDATED or REFUSED. Its evidence goes to ``DIRECTORY/RES.fence.log``, a line of JSON."""
    inquiry = Inquiry(case, host)
    began = time.monotonic()
    found, evidence = inquiry.decide()
    log(case, found, evidence, time.monotonic() - began, host)
    return found


def log(case: Case, found: Answer, evidence: Evidence, took: float, host: Host) -> None:
    """One line. A log that cannot be written changes no answer."""
    file = case.directory / f"{case.resource}.fence.log"
    at = datetime.fromtimestamp(host.now(), timezone.utc).isoformat(timespec="milliseconds")
    line = {"at": at, "took": round(took, 3), "code": found.code, "why": found.why, **asdict(evidence), "word": evidence.word.value}
    try:
        before = host.read(file, lossy=True) or ""
        host.replace(file, before[-LONGEST_LOG:] + json.dumps(line) + "\n")
    except HaError:
        return
