"""Checking a filesystem before it is mounted, and making one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from osvc_ha.host import Completed, Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.systems.volumes.config import Config, Kind

# fsck(8): 1, errors were corrected; 2, and the system should be rebooted, which is about a mounted root.
MENDED = 1 | 2
DIRTY = "valuable metadata changes in a log"


def check(config: Config, step: Step, host: Host) -> None:
    """By its own program, as far as the keyword fsck lets it."""
    if config.kind is Kind.XFS:
        _read_xfs(config, host)
    else:
        _preen(config, host)


def _preen(config: Config, host: Host) -> None:
    """-p repairs what is safe, and says 4 for what a person has to decide."""
    force = ["-f"] if config.fsck == "force" else []
    done = host.run(["fsck.ext4", *force, "-p", config.device], seconds=config.fsck_timeout)
    if done.code & ~MENDED:
        way = f"look at it with `fsck.ext4 -n {config.device}`, and repair it by hand" if done.code & 4 else "see what uses it"
        raise ApplyError(f"fsck.ext4 -p {config.device}: {_last(done)} (exit code {done.code}); {way}")


def _read_xfs(config: Config, host: Host) -> None:
    """-n changes nothing. With a journal that is still to be replayed its complaints mean nothing, and mounting replays it."""
    done = host.run(["xfs_repair", "-n", config.device], seconds=config.fsck_timeout)
    if done.code and DIRTY not in done.out + done.err:
        raise ApplyError(f"xfs_repair -n {config.device}: {_last(done)} (exit code {done.code}); repair it by hand with xfs_repair")


def _last(done: Completed) -> str:
    lines = [line.strip() for line in (done.out + "\n" + done.err).split("\n") if line.strip()]
    return " / ".join(lines[-4:]) or "it printed nothing"


def make(config: Config, step: Step, host: Host) -> None:
    """A filesystem, by a program that refuses where it finds one."""
    # mkfs.ext4 asks before it overwrites, and without a terminal it does not; mkfs.xfs refuses.
    done = host.run([f"mkfs.{config.kind.value}", "-q", config.device], seconds=config.fsck_timeout)
    if done.code:
        raise ApplyError(f"mkfs.{config.kind.value} {config.device}: {done.words}")


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {"check": check, "format": make}
