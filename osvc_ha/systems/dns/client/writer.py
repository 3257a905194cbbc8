"""The writer's mark, its memory, and the number of its writes: files in runtime_dir, which is in /run, so a reboot clears them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from osvc_ha.host import Host
from osvc_ha.systems.dns.config import Config
from osvc_ha.systems.dns.plan.turns import parse
from osvc_ha.systems.dns.state import Turn


def holds(config: Config, host: Host) -> bool:
    """Has START put the mark on this node, and STOP not taken it? ObserveError when that cannot be told."""
    return host.read(config.mark_file) is not None


def take(config: Config, host: Host) -> None:
    """Put the mark."""
    host.replace(config.mark_file, f"{config.path}\n")


def leave(config: Config, host: Host) -> None:
    """Take the mark away, and forget since when what was: the next time here is another."""
    host.remove(config.mark_file)
    host.remove(config.memory_file)


def recall(config: Config, host: Host) -> Mapping[str, Turn]:
    """What was noted."""
    return parse(host.read(config.memory_file, lossy=True) or "")


def written(config: Config, host: Host) -> str:
    """Changes with every write of this node, whichever process does it: the follower and a start run side by side."""
    return (host.read(_written_file(config), lossy=True) or "").strip()


def count(config: Config, host: Host) -> None:
    """Another write begins."""
    before = written(config, host)
    host.replace(_written_file(config), str(int(before) + 1 if before.isdecimal() else 1))


def lock_file(config: Config) -> Path:
    """Held while the zone is written."""
    return config.runtime_dir / "write.lock"


def _written_file(config: Config) -> Path:
    return config.runtime_dir / "writes"
