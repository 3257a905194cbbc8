"""Unmounting: honestly, with the names of those who are in the way."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import List, Tuple

from osvc_ha.host import Completed, Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.planner.types import Step
from osvc_ha.systems.volumes.config import Config, Kind

from .looking import program, touch

HOLDERS_SECONDS = 15.0
KILLED_SECONDS = 5.0
SHOWN = 5


@dataclass(frozen=True)
class Holder:
    """Who keeps a mount busy: pid 0 is the kernel. how: cwd, root, exe, open, map, a loop device, swap, or a mount namespace."""

    pid: int
    command: str
    how: str
    what: str

    def __str__(self) -> str:
        """For an operator: the command as far as it names a program."""
        if not self.pid:
            return f"{self.how} on {self.what}"
        if self.how == "mount namespace":
            return f"process {self.pid} ({self.command[:60]}), which has it mounted at {self.what} in a mount namespace of its own"
        return f"process {self.pid} ({self.command[:60]}), {self.how} {self.what}"


def holders(host: Host, place: str = "", device: str = "") -> Tuple[Holder, ...]:
    """Who is in the way at a place, and who has a device mounted in another mount namespace. ApplyError when that cannot be told."""
    done = host.run(program("holders.py", {"place": place, "device": device}), seconds=HOLDERS_SECONDS)
    try:
        return tuple(Holder(int(pid), str(command), str(how), str(what)) for pid, command, how, what in json.loads(done.out))
    except (ValueError, TypeError) as error:
        raise ApplyError(f"who holds {place or device} cannot be told: {done.words}") from error


def unmount(config: Config, step: Step, host: Host) -> None:
    """Unmount ``step.on``; with kill_holders, end those who are in the way first, if it is busy."""
    done = _umount(config, step.on, host)
    if done.code and config.kill_holders:
        _end(holders(host, step.on), config, step.on, host)
        done = _umount(config, step.on, host)
    if done.code:
        found = _named(holders(host, step.on))
        raise ApplyError(f"umount {step.on}: {_words(done, step.on)}{_held_by(found)}")
    _free(config, host)


def _umount(config: Config, place: str, host: Host, *options: str) -> Completed:
    # Without -i and -c it asks the filesystem where it is, and hangs with one that hangs.
    return host.run(["umount", "-i", "-c", *options, place], seconds=config.mount_timeout)


def _words(done: Completed, place: str) -> str:
    return done.words.replace(f"umount: {place}: ", "").rstrip(".")


def _held_by(found: str) -> str:
    return f": {found}; stop them, or set kill_holders=true" if found else "; nobody on this node is seen to use it"


def _named(found: Tuple[Holder, ...]) -> str:
    """The first sort of each process is enough."""
    once = {holder.pid or holder.how: holder for holder in reversed(found)}
    shown = [str(holder) for holder in list(once.values())[::-1]]
    return "; ".join(shown[:SHOWN]) + (f"; and {len(shown) - SHOWN} more" if len(shown) > SHOWN else "")


def _end(found: Tuple[Holder, ...], config: Config, place: str, host: Host) -> None:
    """SIGTERM, and SIGKILL for those that stay. Not us, nor who called us."""
    ours = {1, os.getpid(), os.getppid()}
    pids = sorted({holder.pid for holder in found if holder.pid} - ours)
    for sign, seconds in ((signal.SIGTERM, float(config.kill_seconds)), (signal.SIGKILL, KILLED_SECONDS)):
        for pid in pids:
            host.kill(pid, sign)
        if host.wait(partial(_are_gone, tuple(pids), host), seconds):
            return
        # A pid may be another process by then.
        pids = sorted({holder.pid for holder in holders(host, place) if holder.pid} & set(pids))


def _are_gone(pids: Tuple[int, ...], host: Host) -> bool:
    return not any(host.alive(pid) for pid in pids)


def _free(config: Config, host: Host) -> None:
    """Unmounted here, a device may be in use all the same: then what is below could not be stopped, and would not say why."""
    if not config.kind.block:
        return
    try:
        number = touch(config, host).device.number
    except ObserveError:
        return
    found = holders(host, device=number) if number else ()
    if found:
        raise ApplyError(f"{config.device} is unmounted here, and still in use: {_named(found)}; stop them")


def abort(config: Config, step: Step, host: Host) -> None:
    """End the client, whose calls then fail instead of hanging, and unmount; the kernel's own client is cut off by -f."""
    if config.kind is Kind.CEPH:
        done = _umount(config, step.on, host, "-f")
    else:
        pid = touch(config, host).client.pid
        if not pid:
            raise ApplyError(f"{step.on}: the process that serves it is not found on this node; end it, then stop again")
        host.kill(pid, signal.SIGKILL)
        done = _released(config, step.on, pid, host)
    if done.code:
        raise ApplyError(f"umount {step.on}: {_words(done, step.on)}{_held_by(_named(holders(host, step.on)))}")


def _released(config: Config, place: str, pid: int, host: Host) -> Completed:
    """Unmount once the client is gone. Whose calls hung in it lets go a moment later, and until then the place is busy."""
    host.wait(lambda: not host.alive(pid), KILLED_SECONDS)
    tries: List[Completed] = []

    def unmounted() -> bool:
        tries.append(_umount(config, place, host))
        return not tries[-1].code

    host.wait(unmounted, KILLED_SECONDS)
    return tries[-1]


def detach(config: Config, step: Step, host: Host) -> None:
    """Lazily: it is out of sight, and who has it open goes on."""
    done = _umount(config, step.on, host, "-l")
    if done.code:
        raise ApplyError(f"umount -l {step.on}: {_words(done, step.on)}")


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {"unmount": unmount, "abort": abort, "detach": detach}
