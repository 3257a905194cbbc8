"""One reading of a resource on this node, in as few programs as can tell it: three while all is well, and none right before a promotion."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Optional, Tuple
from weakref import WeakKeyDictionary, WeakSet

from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Completed, Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.plan.splitting import all_same
from osvc_ha.systems.drbd.state import PRIMARY, STANDALONE, UP_TO_DATE, Actual, Configured, Metadata, Resource, Split, Versions
from osvc_ha.systems.drbd.state.configured import parse_dump, parse_show
from osvc_ha.systems.drbd.state.events import parse_events
from osvc_ha.systems.drbd.state.generations import parse_generations
from osvc_ha.systems.drbd.state.json_status import parse_status
from osvc_ha.systems.drbd.state.kernel_log import SPLIT, parse_reason
from osvc_ha.systems.drbd.state.marks import parse_split
from osvc_ha.systems.drbd.state.naming import with_names
from osvc_ha.systems.drbd.state.progress import parse_code, parse_progress, parse_version, unchanged, with_progress

from .fence_notes import Lineage, Noted, Notes, is_fenced, is_outdone, lineage_of
from .marks import Marks

PROC = Path("/proc/drbd")
SECONDS = 10.0
CONF = Path("/etc/drbd.conf")
Configuration = Tuple[Optional[Configured], str]
# One START looks three times, and `drbdadm dump` takes longer than all else: it is run again when a file has changed.
DUMPED: WeakKeyDictionary[Host, Tuple[Tuple[Config, Tuple[Optional[str], ...]], Configuration]] = WeakKeyDictionary()
# What the kernel told last. For a step it still holds while /proc/drbd says the same, which takes no program to read.
TOLD: WeakKeyDictionary[Host, Tuple[Config, Resource]] = WeakKeyDictionary()
# What `drbdsetup show` told last; in UNTOUCHED where nothing but a change of role came after it, for one look.
SHOWN: WeakKeyDictionary[Host, Tuple[Config, Optional[Configured]]] = WeakKeyDictionary()
UNTOUCHED: WeakSet[Host] = WeakSet()
# drbdadm asks modinfo for the module before each start, which says so where there is none, and warns of a deprecated word.
NOISE = re.compile(r"modinfo: |.*DRBD module version|.*you should .*upgrade|\s*$")


def observe(config: Config, cluster: Cluster, host: Host) -> Actual:
    """What is configured, what runs, and what is on the disk. ObserveError when it cannot be told."""
    return look(config, cluster.local, host)


def look(config: Config, local: str, host: Host, states: bool = False) -> Actual:
    """The same, for a step that waits. states: only what changes by itself, in one program."""
    marks = Marks(config, host)
    # Before the kernel is asked: what is lifted below is older than what it says.
    marked = marks.split()
    proc = host.read(PROC) or ""
    versions = _versions(config, proc, host)
    configured, trouble = _configured(config, host)
    same = not states and host in UNTOUCHED
    if same:
        UNTOUCHED.discard(host)
    # Asked of no module, drbdsetup would load it.
    resource = look_at_kernel(config, versions, proc, host, states or same) if versions.loaded else None
    if resource is not None:
        resource = with_names(resource, configured, local)
    dropped = _dropped(config, resource, host)
    split, resyncing = _marked(marks, marked, resource, dropped)
    noted = Notes(config.res, host).read()
    apart = split is not None or (resource is not None and any(peer.connection == STANDALONE for peer in resource.peers))
    lineage = _lineage(config, noted, local, apart, host)
    return Actual(
        local,
        versions=versions,
        file=host.read(Path(config.file)),
        configured=configured,
        config_trouble=trouble,
        running=None if states else _running(config, resource, host, same),
        resource=resource,
        dropped=dropped,
        metadata=() if states else _metadata(config, resource, configured, local, host),
        resyncing=resyncing,
        split=split,
        fenced=tuple(sorted({node for node, _ in noted if node != local or is_fenced(noted, local, lineage)})),
        outdone=tuple(sorted({node for node, _ in noted if apart and node != local and is_outdone(noted, node, lineage)})),
    )


def _marked(marks: Marks, text: Optional[str], resource: Optional[Resource], dropped: str) -> Tuple[Optional[Split], Tuple[int, ...]]:
    """The marks as they are after this look, which leaves one where a split brain is seen, and takes away what is over."""
    resyncing = marks.resyncing(volume.number for volume in resource.volumes) if resource else ()
    if resource is not None and all_same(resource):
        # One that this process may not remove says nothing while all copies are the same.
        with contextlib.suppress(ApplyError):
            marks.lift_resync(resyncing)
            if text is not None:
                marks.lift_split(text)
        return None, ()
    found = parse_split(text) if text is not None else None
    if SPLIT in dropped and (found is None or not found.known):
        found = Split()
        # It is known now all the same: the kernel's log still has it.
        with contextlib.suppress(ApplyError):
            found = parse_split(marks.note_split(known=True))
    return found, resyncing


def _versions(config: Config, proc: str, host: Host) -> Versions:
    if proc:
        return Versions(parse_version(proc))
    return Versions(parse_code(ask(host, (config.drbdadm, "--version")).out), loaded=False)


def ask(host: Host, argv: Tuple[str, ...], seconds: float = SECONDS) -> Completed:
    """Run a program that only tells. ObserveError when it is missing or hangs: that is no answer."""
    try:
        return host.run(argv, seconds)
    except ApplyError as error:
        raise ObserveError(str(error)) from error


def look_at_kernel(config: Config, versions: Versions, proc: str, host: Host, same: bool = False) -> Optional[Resource]:
    """The resource as the kernel has it, None when it has none. proc: the text of /proc/drbd, which on 8.4 may do alone when ``same``."""
    if versions.nine:
        done = ask(host, (config.drbdsetup, "status", "--json", config.res))
        if done.code == 10 or (done.code and "No such resource" in done.words):
            return None
        return parse_status(_told(done, "drbdsetup status"), config.res)
    before = TOLD.get(host)
    if same and before is not None and before[0] == config and unchanged(proc, before[1]):
        return before[1]
    text = _told(ask(host, (config.drbdsetup, "events2", "--now", "--statistics", config.res)), "drbdsetup events2")
    found = parse_events(text, config.res)
    if found is None:
        return None
    TOLD[host] = (config, found)
    return with_progress(found, parse_progress(proc))


def _told(done: Completed, who: str) -> str:
    if done.code:
        raise ObserveError(f"{who}: {said(done)}")
    return done.out


def said(done: Completed) -> str:
    """A failing program's own words, on one line, without what drbd-utils says at every start."""
    return _spoken(done) or f"exit code {done.code}"


def _spoken(done: Completed) -> str:
    lines = [line.strip() for line in (done.err + "\n" + done.out).splitlines() if not NOISE.match(line)]
    return " ".join(lines)[-500:]


def _configured(config: Config, host: Host) -> Configuration:
    """From all files, with `common`: for one resource, `drbdadm dump` leaves that out. A broken neighbour breaks them all."""
    folder = Path(config.config_dir)
    files = (CONF, *(folder / name for name in host.names(folder) if name.endswith((".res", ".conf"))))
    texts = tuple(host.read(file, lossy=True) for file in files)
    known = DUMPED.get(host)
    if known is None or known[0] != (config, texts):
        DUMPED[host] = known = ((config, texts), _dumped(config, host))
    return known[1]


def _dumped(config: Config, host: Host) -> Configuration:
    done = ask(host, (config.drbdadm, "dump"))
    if done.code and "no resources defined" not in done.words:
        return None, said(done)
    return (parse_dump(done.out, config.res), "") if not done.code else (None, "")


def _running(config: Config, resource: Optional[Resource], host: Host, same: bool) -> Optional[Configured]:
    if resource is None:
        return None
    known = SHOWN.get(host)
    if same and known is not None and known[0] == config:
        return known[1]
    found = parse_show(_told(ask(host, (config.drbdsetup, "show", config.res)), "drbdsetup show"), config.res)
    SHOWN[host] = (config, found)
    return found


def promoted(host: Host) -> None:
    """Nothing but its role was changed since the last look: the next one need not ask what the kernel runs it with, nor, where /proc/drbd
    says so, how it is."""
    UNTOUCHED.add(host)
    told = TOLD.get(host)
    if told is not None:
        TOLD[host] = (told[0], replace(told[1], role=PRIMARY))


def _dropped(config: Config, resource: Optional[Resource], host: Host) -> str:
    if resource is None or not any(peer.connection == STANDALONE for peer in resource.peers):
        return ""
    try:
        log = host.run(("dmesg",), SECONDS).out
    except ApplyError:
        # Only a hint: that it is StandAlone is known without.
        return ""
    return parse_reason(log, config.res, tuple(volume.minor for volume in resource.volumes))


def _metadata(
    config: Config, resource: Optional[Resource], configured: Optional[Configured], local: str, host: Host
) -> Tuple[Metadata, ...]:
    """Only where it matters: before `up`, and of disks that were never good."""
    here = next((one for one in configured.hosts if one.host == local), None) if configured else None
    if here is None or (resource is not None and all(volume.disk == UP_TO_DATE for volume in resource.volumes)):
        return ()
    numbers = [volume.number for volume in resource.volumes] if resource else list(range(len(here.disks)))
    found = []
    for number in numbers:
        if resource is None and here.disks[number] in ("none", ""):
            continue
        done = ask(host, (config.drbdadm, "get-gi", f"{config.res}/{number}"))
        found.append(parse_generations(done.out, _spoken(done) if done.code else "", number, done.code))
    return tuple(found)


def _lineage(config: Config, noted: Noted, local: str, apart: bool, host: Host) -> Lineage:
    """The disk is asked only when this node is noted (a note is old once it has been resynced), or a peer that was not met since."""
    asked = any(node == local or apart for node, _ in noted)
    return lineage_of(config.res, host, config.drbdadm) if asked else Lineage()
