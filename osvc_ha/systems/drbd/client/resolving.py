"""Does the steps of plan/resolving.py, each by one program, and waits for the resync."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import List, Optional, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, NotConverged
from osvc_ha.planner.types import Step
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.plan.promotion import progress
from osvc_ha.systems.drbd.plan.resolving import Course, Side, course
from osvc_ha.systems.drbd.state import Actual, Resource

from .doing import drbdadm
from .reading import look
from .roles import demote
from .saving import names, save
from .sides import connect_there

EVERY = 0.2
Tell = Callable[[str, float], None]


class Resolver:
    """One run on the victim. tell: a sentence, and percent (-1: none) for whoever waits."""

    def __init__(self, config: Config, actual: Actual, keep: str, remote: str, tell: Tell, host: Host) -> None:
        self._config, self._actual, self._keep, self._remote = config, actual, keep, remote
        self._tell, self._host = tell, host

    def do(self, step: Step, victim: Side) -> List[str]:
        """One step; sentences about it. ApplyError with the program's words."""
        config, host = self._config, self._host
        if step.do == "demote":
            demote(config, step, host)
        elif step.do == "disconnect":
            drbdadm(config, host, "disconnect")
        elif step.do == "invalidate":
            drbdadm(config, host, "invalidate")
        elif step.do == "connect":
            drbdadm(config, host, "connect", *(["--discard-my-data"] if step.arg("discard") == "true" else []))
        elif step.do == "save":
            return self._save(Path(step.on), victim)
        elif step.do == "connect-there":
            wrong = connect_there(config, self._keep, self._remote, host)
            return [f"{self._keep} could not be asked ({wrong}); run there: drbdadm connect {config.res}"] if wrong else []
        return []

    def _save(self, directory: Path, victim: Side) -> List[str]:
        resource, configured = self._actual.resource, self._actual.configured
        assert resource is not None and configured is not None
        here = next(one for one in configured.hosts if one.host == self._actual.local)
        stamp = datetime.fromtimestamp(self._host.now(), timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        told = []
        for at, volume in enumerate(resource.volumes):
            image, note = names(directory, resource.name, self._actual.local, stamp, volume.number)

            def tell(done: int, size: int, image: Path = image) -> None:
                self._tell(f"saving {image}", 100.0 * done / size)

            kept = save(here.disks[at], volume.size, image, tell)
            gi = victim.generations[at] if at < len(victim.generations) else None
            content = {"resource": resource.name, "volume": volume.number, "node": self._actual.local, "size_kib": volume.size}
            self._host.replace(note, json.dumps({**content, "generations": gi.text if gi else ""}, indent=2) + "\n", 0o600)
            told.append(f"saved {image}: {volume.size} KiB, of which {kept // 1024} are not zero")
        return told

    def wait(self, patience: float) -> None:
        """Until both are UpToDate. NotConverged when the other does not connect; ApplyError when DRBD drops the connection again."""
        heard = time.monotonic()
        while True:
            actual = look(self._config, self._actual.local, self._host, states=True)
            now = course(actual.resource, self._keep)
            if now is Course.DONE:
                return
            if now is Course.WRONG:
                drbdadm(self._config, self._host, "disconnect")
                raise ApplyError(f"{self._keep} was about to be overwritten by {self._actual.local}, so they were disconnected; see dmesg")
            if now is Course.DROPPED:
                raise ApplyError(f"{self._config.res} is StandAlone again: {actual.dropped or 'see dmesg on both nodes'}")
            heard = time.monotonic() if now is Course.SYNCING else heard
            if time.monotonic() - heard > patience:
                raise NotConverged(
                    f"{self._keep} does not connect; run there: drbdadm connect {self._config.res}. It is resynced from then on"
                )
            self._tell(*said(actual.resource, f"waiting for {self._keep} to connect"))
            self._host.sleep(EVERY)


def said(resource: Optional[Resource], otherwise: str) -> Tuple[str, float]:
    """What runs, and how far it is."""
    for peer in resource.peers if resource else ():
        for volume in peer.volumes:
            if volume.done is not None:
                return progress(peer, volume), volume.done
    return otherwise, -1.0
