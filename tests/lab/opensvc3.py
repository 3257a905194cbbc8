"""Agent 3 on a lab node, from its binary ``om``."""

from __future__ import annotations

from agent_lab import CRASH_FILE, FAILOVER_CONF, Agent, Blueprint, cluster_files
from namespaces import Contents

# The first ends when all nodes are there: it is long for a busy machine, on which one that came late would find its service taken.
NODE_CONF = f"""[node]
env = TST
rejoin_grace_period = 80s
ready_period = 2s
split_action = disabled

[hook#crash]
events = NodeSplitAction
command = /bin/sh {CRASH_FILE}
"""
# In the background, holding none of the caller's pipes.
RUN = "setsid om daemon run >/var/log/om.log 2>&1 </dev/null &"


def alone(binary: str, root: str) -> Contents:
    """A node without a cluster, whose agent keeps everything below ``root`` (OSVC_ROOT_PATH), with the failover service."""
    files = {f"{root}/etc/node.conf": NODE_CONF, f"{root}/etc/web.conf": FAILOVER_CONF.replace("n2 n1 n3", "n1")}
    return Contents({}, files, {"/usr/bin/om": binary})


def agent(binary: str) -> Agent:
    """The record for om3's binary."""

    def contents(name: str, blueprint: Blueprint) -> Contents:
        return Contents({}, cluster_files(name, blueprint, NODE_CONF), {"/usr/bin/om": binary})

    return Agent("3", contents, WORDS)


WORDS = {
    "run": f"sh -c '{RUN}'",
    "daemon_stop": "om daemon stop",
    "daemon_restart": "sh -c 'om daemon restart >/var/log/om-restart.log 2>&1 </dev/null'",
    "token": "om daemon auth --role join --duration 5m",
    # The cluster's certificate names the node that made it, which is any of those that started first.
    "join": "sh -c 'for peer in n1 n2 n3; do om cluster join --node $peer --token {token} && exit; done; exit 1'",
    # `om cluster leave` of v3.0.0-rc21 asks for a login that nobody can give.
    "leave": "true",
    "forget_node": "om cluster config update --set 'cluster.nodes={nodes}'",
    "create": "om {path} create --config {file} {values}",
    "provision": "om {path} provision --wait --time 120s",
    "look": "om {path} instance status --refresh",
    "purge": "om {path} purge --wait --time 60s",
    "freeze": "om {path} freeze",
    "unfreeze": "om {path} unfreeze",
    "drain": "om node drain --wait --time 60s",
    "switch": "om {path} switch --to {to} --wait --time 60s",
    "stop": "om {path} instance stop",
    "start": "om {path} instance start",
    "thaw": "om {path} instance unfreeze",
    "freeze_node": "om node freeze",
    "thaw_node": "om node unfreeze",
    "label": "om node config update --set labels.{key}={value}",
    "patience": "om cluster config update --set hb#1.timeout={timeout} --set hb#1.interval={interval} --set node.ready_period={ready}",
    "quorum": "om cluster config update --set cluster.quorum={value}",
    "create_secret": "om prod/sec/creds create",
    "add_secret": "om prod/sec/creds key add --name password --value {value}",
    "read_secret": "om prod/sec/creds key decode --name password",
}
