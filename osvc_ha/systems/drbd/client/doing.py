"""Everything that is not a role: the .res, metadata, up, connect, down."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.systems.drbd.config import Config

from .asking import said
from .dumped import rewritten
from .kernel import touched
from .marks import Marks
from .reading import look

SECONDS = 30.0


def drbdadm(config: Config, host: Host, *words: str, seconds: float = SECONDS) -> None:
    """Run it on the resource. ApplyError with its words."""
    touched(host)
    done = host.run((config.drbdadm, *words, config.res), seconds)
    if done.code:
        raise ApplyError(f"{config.drbdadm} {' '.join(words)} {config.res}: {said(done)}")


def write_config(config: Config, step: Step, host: Host) -> None:
    """The new .res, once drbdadm itself has read it: one that it refuses would break every other resource of the node."""
    with tempfile.TemporaryDirectory(prefix="osvc_ha-") as folder:
        candidate = Path(folder) / f"{config.res}.res"
        host.replace(candidate, step.payload)
        done = host.run((config.drbdadm, "-c", str(candidate), "dump", config.res), SECONDS)
    # 10: nothing for this host in it. Anything that is wrong with the text is told with a line number.
    if done.code and f"{candidate}:" in done.err + done.out:
        raise ApplyError(f"{config.file}: drbdadm refuses it, so the old one stays: {said(done)}")
    host.replace(Path(config.file), step.payload, 0o644)
    rewritten(host)


def remove_config(config: Config, step: Step, host: Host) -> None:
    """The .res that we wrote."""
    host.remove(Path(config.file))
    rewritten(host)


def create_metadata(config: Config, step: Step, host: Host) -> None:
    """Where there is none. Never by --force: drbdmeta then refuses a disk with a file system, and asks before it overwrites metadata."""
    for found in look(config, step.arg("local"), host).metadata:
        if found.kind == "none":
            done = host.run((config.drbdadm, "create-md", f"{config.res}/{found.volume}"), 300.0)
            if done.code:
                raise ApplyError(f"{config.drbdadm} create-md {config.res}/{found.volume}: {said(done)}")


def up(config: Config, step: Step, host: Host) -> None:
    """Attach, and begin to connect; all or nothing: one that failed halfway is in the kernel without a disk or a peer."""
    try:
        drbdadm(config, host, "up")
    except ApplyError:
        host.run((config.drbdadm, "down", config.res), SECONDS)
        raise


def adjust(config: Config, step: Step, host: Host) -> None:
    """Tell the kernel what the file says now."""
    drbdadm(config, host, "adjust")


def connect(config: Config, step: Step, host: Host) -> None:
    """A plain one: it never discards. Marked before: should the peer die before the two meet, nothing else tells that it was StandAlone."""
    marks = Marks(config, host)
    if marks.split() is None:
        marks.note_split(known=False)
    drbdadm(config, host, "connect")


def down(config: Config, step: Step, host: Host) -> None:
    """Out of the kernel."""
    drbdadm(config, host, "down")


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {
    "write-config": write_config,
    "remove-config": remove_config,
    "create-metadata": create_metadata,
    "up": up,
    "adjust": adjust,
    "connect": connect,
    "down": down,
}
