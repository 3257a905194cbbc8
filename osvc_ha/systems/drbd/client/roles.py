"""Becoming Primary and ceasing to be it, and the waiting before."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Tuple

from osvc_ha.host import Completed, Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.planner.types import Step
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.plan.promotion import Kind, outlook
from osvc_ha.systems.drbd.plan.provisioning import may_force
from osvc_ha.systems.drbd.plan.steps import recall
from osvc_ha.systems.drbd.state import UP_TO_DATE, Holder
from osvc_ha.systems.drbd.state.holders import mounts_of, process, sentence, stacked_on, swaps_of

from .asking import said
from .doing import drbdadm
from .kernel import promoted
from .reading import look

EVERY = 0.1
HELD = "(-12)"
# Another node's state change is under way, or this one's own: -10, -18, -19 of drbd_state_err (8.4.11), the same words in 9.
PASSING = ("refused by peer", "transient state", "Concurrent state changes", "in-flight")
WORDS = {
    "(-7)": "the fence-peer handler refused: see its log in {directory}",
    "(-1)": "a peer is Primary by now; stop the service there first",
}


def wait(config: Config, step: Step, host: Host) -> None:
    """Until a promotion is possible, or certainly not: the promote step then says why. Bounded by connect_timeout and wait_sync."""
    desired = recall(config, step)

    def past(kind: Kind) -> Callable[[], bool]:
        return lambda: outlook(look(config, desired.local, host, states=True), desired).kind is not kind

    if host.wait(past(Kind.CONNECTING), config.connect_timeout, EVERY):
        host.wait(past(Kind.SYNCING), config.wait_sync, EVERY)


def promote(config: Config, step: Step, host: Host) -> None:
    """Look once more, then `primary`, never with --force."""
    desired = recall(config, step)

    def attempt() -> bool:
        seen = outlook(look(config, desired.local, host, states=True), desired)
        if seen.kind is not Kind.READY:
            raise ApplyError(seen.why)
        done = host.run((config.drbdadm, "primary", config.res), config.promote_timeout)
        if done.code and not any(word in done.words for word in PASSING):
            raise ApplyError(_refused(config, done))
        if not done.code:
            promoted(host)
        return not done.code

    if not host.wait(attempt, min(config.promote_timeout, 10.0), EVERY):
        raise ApplyError(f"{config.res}: a peer kept refusing the change of role for 10 s; see dmesg on both")


def _refused(config: Config, done: Completed) -> str:
    words = said(done)
    more = next((text for code, text in WORDS.items() if code in words), "").format(directory=config.runtime_dir)
    return f"{config.drbdadm} primary {config.res}: {words}" + (f"; {more}" if more else "")


def demote(config: Config, step: Step, host: Host) -> None:
    """`secondary` by drbdsetup, which reads no file; while somebody holds the device, until demote_timeout."""
    minors = step.arg("minors").split()
    # 8.4 takes a minor, any of the resource; 9 takes the name.
    nine = (host.read(Path("/proc/drbd")) or "").startswith("version: 9")
    argv = (config.drbdsetup, "secondary", config.res if nine or not minors else minors[0])
    last = Completed(0, "", "")

    def attempt() -> bool:
        nonlocal last
        last = host.run(argv, config.promote_timeout)
        return not (last.code and (HELD in last.words or "held open" in last.words or any(word in last.words for word in PASSING)))

    done = host.wait(attempt, config.demote_timeout, EVERY)
    if done and not last.code:
        return
    if HELD in last.words or "held open" in last.words:
        who = sentence(holders(tuple(int(minor) for minor in minors), host))
        raise ApplyError(f"/dev/drbd{minors[0]} is still held open after {config.demote_timeout:g} s: {who}")
    raise ApplyError(f"{' '.join(argv)}: {said(last)}")


def holders(minors: Tuple[int, ...], host: Host) -> Tuple[Holder, ...]:
    """Who has these devices open: mounts in any namespace, swap, what is built on top, and processes."""
    stacked = {minor: host.names(Path(f"/sys/block/drbd{minor}/holders")) for minor in minors}
    found = list(stacked_on(stacked) + swaps_of(host.read(Path("/proc/swaps")) or "", minors))
    seen = {""}
    for pid in (int(name) for name in host.names(Path("/proc")) if name.isdigit()):
        # A process may end while we read; a container has mounts of its own.
        with contextlib.suppress(ObserveError):
            table = host.read(Path(f"/proc/{pid}/mountinfo"), lossy=True) or ""
            for mount in mounts_of(table, minors):
                if mount.what not in seen:
                    seen.add(mount.what)
                    found.append(mount)
    return (*found, *_processes(minors, host))


def _processes(minors: Tuple[int, ...], host: Host) -> Tuple[Holder, ...]:
    """By `find`, the one program that reads all links of all processes in one go, and is everywhere."""
    tests = [word for minor in minors for word in ("-o", "-lname", f"/dev/drbd{minor}")][1:]
    with contextlib.suppress(ApplyError):
        done = host.run(("find", "/proc", "-mindepth", "3", "-maxdepth", "3", "-path", "/proc/*/fd/*", "(", *tests, ")"), 5.0)
        pids = sorted({int(line.split("/")[2]) for line in done.out.splitlines() if line.count("/") > 3 and line.split("/")[2].isdigit()})
        return tuple(process(pid, host.read(Path(f"/proc/{pid}/cmdline"), lossy=True) or "") for pid in pids)
    return ()


def first_sync(config: Config, step: Step, host: Host) -> None:
    """The one use of --force: every disk is empty, and is seen to be so right before. Otherwise nothing is done.

    Secondary again at once: who is to write is for START.
    """
    desired = recall(config, step)
    local = desired.local

    def decided() -> bool:
        seen = look(config, local, host)
        good = seen.resource is not None and all(volume.disk == UP_TO_DATE for volume in seen.resource.volumes)
        return good or may_force(seen, desired)

    host.wait(decided, config.connect_timeout, EVERY)
    if may_force(look(config, local, host), desired):
        drbdadm(config, host, "primary", "--force", seconds=config.promote_timeout)
        drbdadm(config, host, "secondary")


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {
    "wait": wait,
    "promote": promote,
    "demote": demote,
    "first-sync": first_sync,
}
