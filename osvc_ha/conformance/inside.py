"""Inside the real agent on this node: a throwaway service, driven by `om`, which is purged at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Tuple

from osvc_ha import PROGRAM
from osvc_ha.agents.sockets import find_door, local_name
from osvc_ha.cluster.addresses import address_of
from osvc_ha.conformance.bench import Told
from osvc_ha.conformance.command import Command, Ended
from osvc_ha.conformance.dialects import DIALECTS, render_service
from osvc_ha.conformance.subjects import Place, Subject
from osvc_ha.conformance.verdict import Failed
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.source import Source

OM_SECONDS = 60.0
KNOWN_SECONDS = 30.0
EVERY = 0.2
# What reading a document of another shape ends in.
MALFORMED = (ValueError, KeyError, IndexError, TypeError, AttributeError)


def own_address() -> str:
    """The address of this node, as its cluster has it. An HaError when there is no agent, or no address."""
    cluster = Source(None, "", Host()).read()
    return address_of(cluster.node(cluster.local), cluster.resolved)


class Inside:
    """One `om` command per word. ApplyError when the service cannot be made."""

    slow = True
    starts_what_it_provisions = True
    # Whatever went wrong, the agent says 1.
    retry: Tuple[int, ...] = (1,)

    def __init__(self, subject: Subject, place: Place) -> None:
        agent = find_door().agent
        self.name = f"agent {agent}"
        self._system = subject.system
        self._place = place
        self._dialect = DIALECTS[agent](subject.group)
        self.cannot = self._dialect.cannot
        self._program = PROGRAM if Path(PROGRAM).exists() else str(Path(sys.executable).with_name("osvc-ha"))
        self._options: Mapping[str, str] = {}
        self._standby = False

    def give(self, keywords: Mapping[str, str]) -> None:
        """As options of the resource; the service is made when there is none yet."""
        if self._standby:
            self._om(*self._dialect.drop(("standby",)))
            self._standby = False
        options = self._dialect.section(self._system, self._program, keywords)
        if not self._options:
            self._create(options)
        changed = {name: value for name, value in options.items() if self._options.get(name) != value}
        gone = [name for name in self._options if name not in options]
        if gone:
            self._om(*self._dialect.drop(gone))
        if changed and self._options:
            self._om(*self._dialect.change(changed))
        self._options = options

    def begin(self, word: str) -> Command:
        """In this node's instance alone."""
        self._standby = self._standby or word == "standby on"
        return self._command(word, *self._dialect.words[word])

    def kill(self, command: Command) -> None:
        """`om`, and a driver that it runs as a process of its own."""
        command.kill()
        for pid in tuple(self._drivers()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def status(self, seconds: float) -> Told:
        """Evaluated now."""
        ended = self._command("status", *self._dialect.status).end(seconds)
        try:
            word, said = self._dialect.read(ended.out)
        except MALFORMED as error:
            raise Failed(f"a status of {self._dialect.rid} in JSON", f"{ended} ({type(error).__name__}: {error})") from error
        return Told(word, said, ended.seconds)

    def complaint(self, ended: Ended) -> str:
        """A driver that breaks shows the agent's trace of it."""
        return "a sentence, not a stack trace" if "Traceback" in ended.said or "this is a fault of osvc_ha" in ended.said else ""

    def close(self) -> None:
        """The service is gone, and what it ran."""
        if self._options:
            self._om(*self._dialect.purge)

    def _create(self, options: Mapping[str, str]) -> None:
        file = self._place.home.with_name("service.conf")
        file.write_text(render_service(self._dialect, local_name(), options), encoding="utf-8")
        # One that a killed run left behind; usually there is none, which is an error here and no matter.
        self._command("purge", *self._dialect.purge).end(OM_SECONDS)
        self._om("create", "--config", str(file))
        source, change = Source(None, "", Host()), self._dialect.change({"type": options["type"]})
        give_up = time.monotonic() + KNOWN_SECONDS
        while not self._knows(source, change):
            if time.monotonic() >= give_up:
                raise ApplyError(f"{self._place.path}: created, and after {KNOWN_SECONDS:g} s the agent does not know it")
            time.sleep(EVERY)

    def _knows(self, source: Source, change: Tuple[str, ...]) -> bool:
        """Can it be changed, does a driver see it in the cluster, and is it evaluated? Daemons hear of a new file after a while.

        Until then agent 3 answers with a status of no resources: it refreshes its own, and shows that of the daemon.
        """
        if self._place.path not in source.read().objects or self._command("change", *change).end(OM_SECONDS).code != 0:
            return False
        try:
            word, _ = self._dialect.read(self._command("status", *self._dialect.status).end(OM_SECONDS).out)
        except MALFORMED:
            return False
        return word != ""

    def _om(self, *words: str) -> None:
        ended = self._command(words[0], *words).end(OM_SECONDS)
        if ended.code != 0:
            raise ApplyError(f"om {self._place.path} {' '.join(words[:2])}: {ended.said[-600:]}")

    def _command(self, word: str, *words: str) -> Command:
        env = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "OSVC_ROOT_PATH")}
        return Command(word, ("om", self._place.path, *words), env)

    def _drivers(self) -> Iterator[int]:
        """Processes that drive our service: `om` by its command line, `osvc-ha resource` by what the agent told it."""
        for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
                told = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
                driver = words[-4:-2] == ["resource", self._system] and f"OPENSVC_SVCPATH={self._place.path}" in told
                if self._place.path in words or driver:
                    yield pid
