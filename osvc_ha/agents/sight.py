"""The agent's status as it is read in one process, by the thread that follows it and the one that acts on it.

Both would ask for the same document within a tenth of a second, and for each the daemon copies all that it knows (23 ms
with 200 services on 3 nodes). So who has just looked leaves it for who is woken by that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Optional, Tuple

from osvc_ha.agents import raw, rest
from osvc_ha.agents.sockets import Door, local_name
from osvc_ha.cluster.rereading import Rereader
from osvc_ha.host import Host

# Seconds for which what was left may be taken. What changes after it was read wakes anew, because it differs from it.
FRESH = 0.25
Document = Mapping[str, Any]


class Sight:
    """Reads the status, parses what is new in it, and hands it over. May be used from several threads."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._reader = Rereader()
        self._left: Optional[Tuple[float, Door, Document]] = None
        self._marked: Tuple[object, Mapping[str, str]] = (None, {})

    def status(self, door: Door) -> Document:
        """Ask. ObserveError when the agent does not say. Of 2.1, nobody may change what is returned: the next one is made of it."""
        if door.agent == "2.1":
            return raw.status(self._host, door.socket, self._parse)
        return rest.status(self._host, door.socket)

    def marks(self, door: Door, status: Document) -> Mapping[str, str]:
        """Path -> what changes when its config does; the very same mapping as long as none does (of 2.1). ObserveError as above."""
        if door.agent != "2.1":
            return rest.marks(status, local_name())
        told = raw.told_configs(status, local_name())
        with self._lock:
            if told is not self._marked[0]:
                self._marked = told, raw.marks_of(told)
            return self._marked[1]

    def leave(self, door: Door, status: Document) -> None:
        """For one who will be woken by it."""
        with self._lock:
            self._left = time.monotonic(), door, status

    def take(self, door: Door) -> Optional[Document]:
        """What was left just now, once."""
        with self._lock:
            found, self._left = self._left, None
        if found is None or found[1] != door or time.monotonic() - found[0] > FRESH:
            return None
        return found[2]

    def _parse(self, text: str, what: str) -> Document:
        with self._lock:
            return self._reader.parse(text, what)
