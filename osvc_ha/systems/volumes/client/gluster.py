"""Asks Gluster about the volume, all questions together within health_seconds."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError, ObserveError
from osvc_ha.systems.volumes.config import Config
from osvc_ha.systems.volumes.state import Volume
from osvc_ha.systems.volumes.state.gluster import parse_count, parse_heal, parse_info, parse_split, parse_up

LEAST_SECONDS = 0.5


class Asker:
    """One glusterd: this node's ("") or another's."""

    def __init__(self, server: str, give_up: float, host: Host) -> None:
        self.server, self._give_up, self._host = server, give_up, host

    def __call__(self, *words: str) -> str:
        """What a question prints. ObserveError when there is no time left, or nothing is printed."""
        left = self._give_up - self._host.monotonic()
        if left < LEAST_SECONDS:
            raise ObserveError("gluster: no time left; raise health_seconds")
        remote = [f"--remote-host={self.server}"] if self.server else []
        done = self._host.run(["gluster", "--mode=script", *remote, "volume", *words], seconds=left)
        if done.code and not done.out.lstrip().startswith("<"):
            raise ObserveError(f"gluster: {' '.join(done.words.split())}")
        return done.out


def ask(config: Config, host: Host) -> Tuple[Optional[Volume], str]:
    """The volume as far as it is told, and why not more."""
    give_up = host.monotonic() + config.health_seconds
    volume, unheard = None, ""
    for server in ("", *config.servers):
        asker = Asker(server, give_up, host)
        try:
            volume = parse_info(asker("info", config.volume, "--xml"), config.volume)
            break
        except HaError as error:
            # This node need not be a server; what a server says counts.
            unheard = str(error)
    if volume is None or not volume.started:
        return volume, "" if volume else unheard
    try:
        volume = replace(volume, up=parse_up(asker("status", config.volume, "--xml")))
        return _with_heals(volume, asker), ""
    except HaError as error:
        return volume, str(error)


def _with_heals(volume: Volume, asker: Asker) -> Volume:
    """Replicated and dispersed volumes heal."""
    if all(len(group.bricks) == 1 for group in volume.groups):
        return replace(volume, pending=0, split=0)
    if volume.down:
        # `info` connects to every brick, and waits 10 s for one whose node is gone (measured); this counts what the others know.
        return replace(volume, pending=parse_count(asker("heal", volume.name, "statistics", "heal-count")))
    pending, split = parse_heal(asker("heal", volume.name, "info", "summary", "--xml"))
    files = parse_split(asker("heal", volume.name, "info", "split-brain", "--xml")) if split else ()
    return replace(volume, pending=pending, split=split, split_files=files)
