"""Agent 2.1 on a lab node, from a checkout of it."""

from __future__ import annotations

from agent_lab import CRASH_FILE, Agent, Blueprint, cluster_files
from namespaces import Contents

# The first ends when all nodes are there: it is long for a busy machine, on which one that came late would find its service taken.
NODE_CONF = f"""[node]
env = TST
rejoin_grace_period = 80s
ready_period = 2s

[hook#crash]
events = crash reboot
command = /bin/sh {CRASH_FILE}
"""
# Without it the agent looks for ssh and rsync between the nodes, and warns.
NO_SYNC = "\n[sync#i0]\ndisable = true\n"
DEFAULTS = "OSVC_ROOT_PATH=/usr/share/opensvc\nOSVC_PYTHON=/usr/bin/python3\n"
# What the package's postinstall makes; without the first, the monitor thread ends at each start.
DIRECTORIES = ("/var/lib/opensvc/node", "/var/lib/opensvc/lock", "/var/lib/opensvc/compliance", "/var/log/opensvc", "/var/tmp/opensvc")


def agent(checkout: str) -> Agent:
    """The record for a checkout of opensvc/opensvc."""

    def contents(name: str, blueprint: Blueprint) -> Contents:
        files = cluster_files(name, blueprint, NODE_CONF)
        files.update({path: text + NO_SYNC for path, text in blueprint.objects.items() if path in files})
        files.update({f"{directory}/.keep": "" for directory in DIRECTORIES})
        files["/etc/default/opensvc"] = DEFAULTS
        return Contents({"/usr/share/opensvc": checkout}, files, {"/usr/bin/om": "/usr/share/opensvc/bin/om"})

    return Agent("2.1", contents, WORDS)


WORDS = {
    "run": "sh -c 'om daemon start >/dev/null 2>&1 </dev/null &'",
    "daemon_stop": "om daemon stop",
    "daemon_restart": "om daemon restart",
    "token": "om cluster get --kw cluster.secret",
    "join": "om daemon join --node n1 --secret {token}",
    "leave": "om daemon leave",
    "forget_node": "true",
    "create": "om {path} create --config {file} {values}",
    "provision": "om {path} provision --wait --time 120",
    "look": "om {path} print status --refresh",
    "purge": "om {path} purge --wait --time 60",
    "freeze": "om {path} freeze",
    "unfreeze": "om {path} thaw",
    "drain": "om node drain --wait --time 60",
    "switch": "om {path} switch --to {to} --wait --time 60",
    "stop": "om {path} stop --local",
    "start": "om {path} start --local",
    "thaw": "om {path} thaw --local",
    "freeze_node": "om node freeze --local",
    "thaw_node": "om node thaw --local",
    "label": "om node set --kw labels.{key}={value}",
    "patience": "om cluster set --kw hb#1.timeout={timeout} --kw hb#1.interval={interval} --kw node.ready_period={ready}",
    "quorum": "om cluster set --kw cluster.quorum={value}",
    "create_secret": "om prod/sec/creds create",
    "add_secret": "om prod/sec/creds add --key password --value {value}",
    "read_secret": "om prod/sec/creds decode --key password",
}
