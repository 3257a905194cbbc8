"""Read the cluster from the agent on this node, by its unix socket: a language of its own on 2.1, REST on 3 (rest.py).

Polling the 2.1 socket (1-2 ms a call) is both cheaper and sooner than its event stream. Where the socket does not answer,
``om`` would not either: its questions go to the same one.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Tuple

from osvc_ha.agents import rest
from osvc_ha.cluster.reading import actor_path, parse_json, some
from osvc_ha.cluster.types import Cluster, Sections
from osvc_ha.cluster.v2 import cluster_from_v2
from osvc_ha.cluster.v3 import cluster_from_v3
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, ObserveError

LOG = logging.getLogger("osvc_ha.feed")
ROOTS = ("/var/lib/opensvc", "/usr/share/opensvc/var")
SECONDS = 5.0
# Every message on the 2.1 socket, either way, ends with it; the daemon may keep the connection open after.
END = "\0"


def local_name() -> str:
    """This node's name, as both agents make it: the host name in lower case, with its domain if it has one."""
    return socket.gethostname().lower()


class Feed:
    """Reads the cluster again and again; an object's config only when the agent says that it has changed."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._configs: dict[str, Tuple[str, Sections]] = {}

    def read(self) -> Cluster:
        """The cluster as this node's agent knows it. ConfigError when there is no agent, ObserveError when it does not say."""
        http, raw = (_sockets() / name for name in ("http.sock", "lsnr.sock"))
        # 3 first: it leaves behind the socket of a 2.1 that it replaced.
        if http.is_socket():
            return self._from_v3(http)
        if raw.is_socket():
            return self._from_v2(raw)
        raise ObserveError(f"{http.parent}: no socket, so OpenSVC's daemon does not run; start it: om daemon start")

    def _from_v3(self, http: Path) -> Cluster:
        status = rest.status(self._host, http)
        marks = rest.marks(status, local_name())
        self._configs = {path: self._config(path, mark, partial(rest.config, self._host, http, path)) for path, mark in marks.items()}
        return cluster_from_v3(status, {path: sections for path, (_, sections) in self._configs.items()}, local_name())

    def _from_v2(self, raw: Path) -> Cluster:
        status = _ask(self._host, raw, "daemon_status", {})
        marks = _local_configs(status, local_name())
        self._configs = {path: self._config(path, mark, partial(_config, self._host, raw, path)) for path, mark in marks.items()}
        return cluster_from_v2(status, {path: sections for path, (_, sections) in self._configs.items()}, local_name())

    def _config(self, path: str, mark: str, ask: Callable[[], Sections]) -> Tuple[str, Sections]:
        before = self._configs.get(path)
        if before is not None and mark and before[0] == mark:
            return before
        try:
            return mark, ask()
        except ObserveError as error:
            if before is None:
                raise
            # Its listeners stay as they were: an agent that cannot show one config has not said that it is empty.
            LOG.warning("%s; its last known config stays in force", error)
            return "", before[1]


def _sockets() -> Path:
    """The directory of the agent's sockets. 3 removes its own when it is stopped, 2.1 leaves them."""
    roots = (os.environ["OSVC_ROOT_PATH"] + "/var",) if os.environ.get("OSVC_ROOT_PATH") else ROOTS
    found = next((path for path in (Path(root, "lsnr") for root in roots) if path.is_dir()), None)
    if found is None:
        raise ConfigError(f"no OpenSVC agent on this node ({', '.join(roots)}); use --snapshot FILE to read a snapshot instead")
    if not os.access(found, os.X_OK):
        raise ConfigError(f"{found}: only root may ask the agent; use sudo, or --snapshot FILE to read a snapshot")
    return found


def _local_configs(status: Mapping[str, Any], local: str) -> dict[str, str]:
    """Path -> what changes when its config does, for the services and volumes that have a config on this node.

    Others the agent cannot show: it holds the configs of the objects whose scope has this node, and answers for itself only.
    """
    where = "agent 2.1 status: monitor"
    entry = some(some(some(status, "agent 2.1 status: ", "monitor"), where, "nodes"), f"{where}.nodes", local)
    found = some(some(entry, f"{where}.nodes.{local}", "services"), f"{where}.nodes.{local}.services", "config")
    return {path: str(about.get("csum") or "") for path, about in sorted(found.items()) if actor_path(path) and isinstance(about, Mapping)}


def _config(host: Host, raw: Path, path: str) -> Sections:
    found = _ask(host, raw, "object_config", {"path": path, "format": "json"})
    # "metadata" is the agent's word on the object, no section of its config.
    return {str(name): keys for name, keys in found.items() if isinstance(keys, Mapping) and name != "metadata"}


def _ask(host: Host, raw: Path, action: str, options: Mapping[str, str]) -> Mapping[str, Any]:
    """One question. ObserveError for silence, an answer that is cut off, and the agent's own refusals."""
    what = " ".join(("agent 2.1", action, *options.values()))
    request = json.dumps({"action": action, "method": "GET", "options": options}) + END
    reply = host.exchange(str(raw), request, SECONDS, END)
    if not reply.endswith(END):
        raise ObserveError(f"{what}: the answer is cut off after {len(reply)} characters")
    found = parse_json(reply.rstrip(END), what)
    if "error" in found and not isinstance(found["error"], Mapping):
        raise ObserveError(f"{what}: {found['error']}")
    return found
