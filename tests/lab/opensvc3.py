"""Agent 3 on a lab node, from its binary ``om``."""

from __future__ import annotations

from typing import Tuple

from agent_lab import CLUSTER_CONF, CONFIGS, FAILOVER_CONF, Agent
from namespaces import Contents

# The first ends when all nodes are there: it is long for a busy machine, on which one that came late would find its service taken.
NODE_CONF = """[node]
env = TST
rejoin_grace_period = 80s
ready_period = 2s
split_action = disabled
"""
# In the background, holding none of the caller's pipes.
RUN = "setsid om daemon run >/var/log/om.log 2>&1 </dev/null &"


def alone(binary: str, root: str) -> Contents:
    """A node without a cluster, whose agent keeps everything below ``root`` (OSVC_ROOT_PATH), with the failover service."""
    files = {f"{root}/etc/node.conf": NODE_CONF, f"{root}/etc/web.conf": FAILOVER_CONF.replace("n2 n1 n3", "n1")}
    return Contents({}, files, {"/usr/bin/om": binary})


def agent(binary: str) -> Agent:
    """The record for om3's binary."""

    def contents(nodes: Tuple[str, ...]) -> Contents:
        files = {
            **CONFIGS,
            "/etc/opensvc/cluster.conf": CLUSTER_CONF.format(nodes=" ".join(nodes)),
            "/etc/opensvc/node.conf": NODE_CONF,
        }
        return Contents({}, files, {"/usr/bin/om": binary})

    return Agent("3", contents, WORDS)


WORDS = {
    "run": f"sh -c '{RUN}'",
    "daemon_stop": "om daemon stop",
    "stop": "om {path} instance stop",
    "start": "om {path} instance start",
    "thaw": "om {path} instance unfreeze",
    "freeze_node": "om node freeze",
    "thaw_node": "om node unfreeze",
    "label": "om node config update --set labels.{key}={value}",
    "quorum": "om cluster config update --set cluster.quorum={value}",
    "create_secret": "om prod/sec/creds create",
    "add_secret": "om prod/sec/creds key add --name password --value {value}",
    "read_secret": "om prod/sec/creds key decode --name password",
}
