"""Where the Cluster comes from: a snapshot file, or the agent of this node and what the node itself sees."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional, Tuple

from osvc_ha import discovery
from osvc_ha.agents.feed import Feed
from osvc_ha.cluster.listeners import Problem
from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.memory import recalled
from osvc_ha.planner.errors import ConfigError

LOG = logging.getLogger("osvc_ha.cluster")
RESOLVE_AGAIN = 60.0


class Source:
    """Where the Cluster comes from: a snapshot file, or the agent with the containers and addresses that this node sees.

    problems: what the last reading could not see of the containers. A watcher reads many times, so configs that
    did not change, and addresses for a minute, are remembered. sight: for the follower of the agent that wakes the watcher.
    """

    def __init__(self, snapshot: Optional[Path], node: str, host: Host) -> None:
        if node and snapshot is None:
            raise ConfigError(f"--node {node}: only with --snapshot; without one, the cluster is seen from this node")
        self.problems: Tuple[Problem, ...] = ()
        self._snapshot = snapshot
        self._node = node
        self._host = host
        self._feed = Feed(host)
        self.sight = self._feed.sight
        self._containers: Tuple[Mapping[str, Any], ...] = ()
        self._resolved: Mapping[str, str] = {}
        self._resolved_for: Tuple[str, ...] = ()
        self._resolve_at = 0.0

    def read(self) -> Cluster:
        """The Cluster now. An HaError when it cannot be told."""
        if self._snapshot is not None:
            # As it was written: the same file gives the same plan everywhere, so nothing of this machine goes in.
            return discovery.load_cluster(self._snapshot, self._host, self._node)[0]
        cluster = self._feed.read()
        containers, problems = discovery.containers_on(self._host)
        for problem in problems:
            if problem not in self.problems:
                LOG.warning("%s", problem.message)
        self.problems = problems
        # An engine that does not answer has not said that nothing runs.
        self._containers = self._containers if problems else containers
        cluster = recalled(cluster, self._host)
        return replace(cluster, containers=self._containers, resolved=self._addresses(cluster))

    def _addresses(self, cluster: Cluster) -> Mapping[str, str]:
        """Only the nodes that no label gives an address: resolving costs time and can hang."""
        names = tuple(sorted(name for name, node in cluster.nodes.items() if not node.address))
        if names != self._resolved_for or time.monotonic() >= self._resolve_at:
            found = discovery.resolve_addresses(names, self._host)
            # A resolver that is down takes no address away from a watcher that knows it.
            kept = {name: where for name, where in self._resolved.items() if name in names}
            self._resolved, self._resolved_for = {**kept, **found}, names
            self._resolve_at = time.monotonic() + RESOLVE_AGAIN
        return self._resolved

    def evaluated(self, path: str, section: str) -> Mapping[str, str]:
        """The keywords of a section of a service, evaluated for this node by the agent."""
        return self._feed.evaluated(path, section)
