"""What silent nodes said of themselves while they spoke, kept on disk.

Both agents drop a dead peer's labels with its status, and the address of a node is one of them. Without it, neither a
restarted follower nor a start could name the node that is down, and a group that has to be told of it would be left alone.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from osvc_ha.cluster.addresses import remembering
from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError

LOG = logging.getLogger("osvc_ha.memory")
DIRECTORY = Path("/var/lib/osvc_ha/clusters")


def recalled(cluster: Cluster, host: Host, directory: Path = DIRECTORY) -> Cluster:
    """The cluster with the last known labels of the nodes that are silent. One file per cluster: two on one host stay apart.

    A file that is broken, or cannot be written, costs only the memory: the labels of those who speak are not in doubt.
    """
    file = directory / f"{quote(cluster.id or cluster.name, safe='')}.json"
    before = _read(file, host)
    found = remembering(cluster, before)
    now = {name: dict(node.labels) for name, node in found.nodes.items() if node.labels}
    if now != before:
        try:
            host.replace(file, json.dumps({"labels": now}, indent=1, sort_keys=True))
        except ApplyError as error:
            LOG.debug("%s", error)
    return found


def _read(file: Path, host: Host) -> Mapping[str, Mapping[str, str]]:
    try:
        found = json.loads(host.read(file) or "{}")
        labels = found["labels"] if found else {}
        return {str(name): {str(key): str(value) for key, value in words.items()} for name, words in labels.items()}
    except (ObserveError, ValueError, TypeError, KeyError, AttributeError) as error:
        LOG.warning("%s: not what was written there, begun anew: %s", file, error)
        return {}
