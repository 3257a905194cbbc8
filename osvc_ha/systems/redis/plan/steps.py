"""The arguments that steps carry, so that client.py needs neither Cluster nor Desired. Pure."""

from __future__ import annotations

from typing import Dict, Tuple

from osvc_ha.planner.types import Follows, Step, Verb
from osvc_ha.systems.redis.config import Config
from osvc_ha.systems.redis.state import Actual, Desired

Args = Tuple[Tuple[str, str], ...]
PARKED = "; it starts as a replica of nobody, which can harm no data"


def recall(config: Config, step: Step) -> Desired:
    """The Desired that ``group_args`` wrote down."""
    nodes = hosts(step.arg("nodes"))
    return Desired(
        verb=Verb.START,
        config=config,
        local=step.arg("local"),
        scope=tuple(nodes),
        members=tuple(step.arg("members").split()),
        staying=tuple(step.arg("staying").split()),
        addresses=nodes,
        first=False,
        majority=step.arg("majority") == "true",
    )


def strangers(actual: Actual, desired: Desired) -> Dict[str, str]:
    """What holds a port of ours on this node and was started with somebody else's configuration: "server", "sentinel" -> that file.

    Only where we start the processes: what others start for us, in a container, has files that we cannot see.
    """
    ours = f"{desired.config.directory.rstrip('/')}/"
    found = {"server": actual.here.file, "sentinel": actual.watcher.file}
    return {what: file for what, file in found.items() if desired.config.launch and file and not file.startswith(ours)}


def hosts(text: str) -> Dict[str, str]:
    """``n1=host n2=host`` -> node: host, in order."""
    return dict(pair.split("=", 1) for pair in text.split())


def at_server(desired: Desired, node: str) -> Args:
    """Where the node's redis-server is."""
    return (("at", desired.server_at(node)),)


def at_sentinel(desired: Desired, node: str) -> Args:
    """Where the node's Sentinel is."""
    return (("at", desired.sentinel_at(node)),)


def group_args(desired: Desired) -> Args:
    """All that is needed to look again and decide again while a step waits."""
    return (
        ("local", desired.local),
        ("nodes", " ".join(f"{node}={desired.addresses[node]}" for node in desired.scope)),
        ("members", " ".join(desired.members)),
        ("staying", " ".join(desired.staying)),
        ("majority", str(desired.majority).lower()),
    )


def server_settings(desired: Desired, node: str) -> Args:
    """CONFIG SET pairs of a redis-server, in the order in which state.Server holds them."""
    return (
        ("min-replicas-to-write", str(desired.min_replicas)),
        ("min-replicas-max-lag", str(desired.config.min_replicas_max_lag)),
        ("replica-priority", str(desired.priority(node))),
        # Without it, replicas on loopback or behind NAT all look like one (the field's oldest Sentinel bug).
        ("replica-announce-ip", desired.addresses[node]),
    )


def sentinel_settings(desired: Desired, quorum: int) -> Args:
    """SENTINEL SET pairs, in the order in which state.Sentinel holds them."""
    return (
        ("quorum", str(quorum)),
        ("down-after-milliseconds", str(desired.config.down_after)),
        ("failover-timeout", str(desired.config.failover_timeout)),
    )


def resolve(desired: Desired, why: str, override: str = "") -> Step:
    """A plan that guard refuses: only a person can go on. Its sentence is the status line."""
    return Step("resolve", desired.config.group, why + (f"; set {override} to do it anyway" if override else ""), needs=Follows.MEMBERSHIP)
