"""Configs that the agent has shown to some process of ours, kept for the next one.

An agent is asked for one config at a time, and a driver, a hook or ``osvc-ha snapshot`` is a new process each time: with 200
services that is 200 questions for what nobody has changed. What the agent says of a config, its mark, tells whether it is that one still.

Configs may hold secrets. So it is below /run, in memory, for its owner alone: the file 0600, its directory 0700.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Dict, Tuple
from urllib.parse import quote

from osvc_ha import __version__
from osvc_ha.cluster.types import Sections
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError

LOG = logging.getLogger("osvc_ha.feed")
DIRECTORY = Path("/run/osvc_ha/configs")
LOCK_SECONDS = 0.5
# Path as the agent has it -> (mark, config).
Configs = Mapping[str, Tuple[str, Sections]]


class ConfigMemory:
    """The file of one cluster. That it cannot be read or written costs only questions: nothing here raises an error.

    ``recall`` before the agent is asked, ``keep`` after.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._of = ""
        self._file = Path()
        # Of what is in the file as far as we know: path -> mark.
        self._kept: Dict[str, str] = {}

    def recall(self, agent: str, cluster: str, marks: Mapping[str, str]) -> Dict[str, Tuple[str, Sections]]:
        """Those of a cluster that have these very marks still. Reads once: empty when asked again for the same cluster.

        cluster: its id, or else its name; without either nothing is remembered. A mark that is empty is none.
        """
        # Another version may read an agent's answer in another way.
        of = f"osvc_ha {__version__}, agent {agent}, cluster {cluster}" if cluster else ""
        if of == self._of:
            return {}
        self._of, self._file = of, DIRECTORY / f"{agent}-{quote(cluster, safe='')}.json"
        found = self._read()
        self._kept = _marks(found)
        return {path: known for path, known in found.items() if known[0] and marks.get(path) == known[0]}

    def keep(self, configs: Configs) -> None:
        """All configs of the cluster as they are now. Writes only if one is new, and then forgets those of objects that are gone."""
        new = {path: known for path, known in configs.items() if known[0] and self._kept.get(path) != known[0]}
        if not new or not self._of:
            return
        try:
            DIRECTORY.mkdir(0o700, parents=True, exist_ok=True)
            if _is_private(DIRECTORY):
                # Whoever wrote since we read has not done so for nothing.
                with self._host.lock(self._file.with_suffix(".lock"), LOCK_SECONDS):
                    self._merge(configs, new)
        except (OSError, HaError) as error:
            LOG.debug("configs are not kept: %s", error)
        # Also if it failed: the next try is when there is something new again, not at each reading.
        self._kept.update(_marks(new))

    def _merge(self, configs: Configs, new: Configs) -> None:
        before = self._read()
        others = {path: known for path, known in before.items() if path in configs or path not in self._kept}
        now = {**{path: known for path, known in configs.items() if known[0]}, **others, **new}
        if _marks(now) != _marks(before):
            self._host.replace(self._file, json.dumps({"of": self._of, "configs": now}), 0o600)
        self._kept = _marks(now)

    def _read(self) -> Dict[str, Tuple[str, Sections]]:
        if not self._of or not _is_private(DIRECTORY) or not _is_private(self._file):
            return {}
        try:
            found = json.loads(self._host.read(self._file) or "{}")
            if found.get("of") != self._of:
                return {}
            return {path: _known(*told) for path, told in found["configs"].items()}
        except (HaError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            LOG.debug("%s: not what was written there: %s", self._file, error)
            return {}


def _known(mark: Any, sections: Any) -> Tuple[str, Sections]:
    """TypeError for what is no config."""
    if not isinstance(mark, str) or not isinstance(sections, dict) or not all(isinstance(keys, dict) for keys in sections.values()):
        raise TypeError("a mark and a config are expected")
    return mark, sections


def _marks(configs: Configs) -> Dict[str, str]:
    return {path: mark for path, (mark, _) in configs.items()}


def _is_private(path: Path) -> bool:
    """Ours, nobody else may read or write it, and no link: else it may hold anything, or be read by anybody."""
    try:
        about = os.lstat(path)
    except OSError:
        return False
    return about.st_uid == os.geteuid() and not about.st_mode & 0o077
