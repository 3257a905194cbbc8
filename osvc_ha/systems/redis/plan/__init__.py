"""Plans for one Sentinel group: 1 master, N replicas, as many Sentinels, an instance on each node of the scope.

Theory.

1. *Sentinel decides who is master; nothing here overrules it.* A role is taken because a majority of the
   configured Sentinels names it under the highest config epoch, and the node's own ROLE is asked
   (kubeblocks-addons#2590). REPLICAOF is sent only to end a switch that Sentinel has decided
   (antirez in redis#3837). Sentinel's file is its database, written once and never again.
2. *A server starts as a replica of nobody* (of a port that refuses), a role in which it takes no write and
   loses no data, whatever its old configuration says. It takes its part (joining.part) once Sentinels and peers have spoken. So a
   master reborn empty wipes nobody (kubeblocks#10753), and one that was replaced while it was away never
   takes a write.
3. *Ready is when a failover would work* (readiness.missing), not when a port answers.
4. *A planned handover loses nothing* because of two independent holds on the old master (handover.py):
   the pause, under which the replicas catch up, and the fence, min-replicas-to-write = all its replicas,
   which stops its writes the moment one is promoted away, whatever happened to us. The pause ends by
   itself; the fence is taken back by whoever looks next, START or FOLLOW, since the number wanted is
   part of Desired. While a handover runs, its connection subscribes to a channel on the master; it dies
   with the process, so nobody mistakes a running handover for one that was killed.
5. *FOLLOW keeps membership right, never roles* (membership.py), and only from the first placed node that
   sees a majority of the cluster.

What cannot be planned at once is left open on purpose: ``join``, ``monitor`` and ``demote`` look again
and decide by the same pure functions, for the master may change while a server loads its data.
"""

from __future__ import annotations

from osvc_ha.authority import Claim, Grant, View, Vote, authority
from osvc_ha.cluster.addresses import address_of, refuse_loopback
from osvc_ha.cluster.types import Cluster
from osvc_ha.planner.guard import refuse_unresolved
from osvc_ha.planner.types import Plan, Step, Verb
from osvc_ha.systems.redis.config import Config
from osvc_ha.systems.redis.state import Actual, Desired, Health

from .handover import handover_plan, stop
from .joining import provision, start
from .membership import follow
from .readiness import facts, notes

__all__ = ["Claim", "Grant", "View", "Vote", "authority", "desired", "facts", "guard", "handover_plan", "notes", "plan"]


def desired(config: Config, cluster: Cluster, verb: Verb) -> Desired:
    """What OpenSVC wants of the group. ConfigError for a node without a usable address, or that is not in scope."""
    scope = cluster.own_scope(config.path)
    labelled = {name: node.address for name, node in cluster.nodes.items() if node.address}
    addresses = {node: address_of(cluster.node(node), cluster.resolved) for node in scope}
    refuse_loopback({**labelled, **addresses})
    return Desired(
        verb=verb,
        config=config,
        local=cluster.local,
        scope=scope,
        members=cluster.members(config.path, starting=verb is Verb.START),
        staying=cluster.staying(config.path),
        addresses=addresses,
        first=cluster.is_first_placed(config.path),
        majority=cluster.has_majority(),
    )


def plan(actual: Actual, desired: Desired) -> Plan:
    """The steps for the verb; empty when there is nothing to do."""
    if desired.verb is Verb.START:
        return start(actual, desired)
    if desired.verb is Verb.STOP:
        return stop(actual, desired)
    if desired.verb is Verb.PROVISION:
        return provision(actual, desired)
    if desired.verb is Verb.UNPROVISION:
        return unprovision(actual, desired)
    return follow(actual, desired)


def unprovision(actual: Actual, desired: Desired) -> Plan:
    """STOP, and then leave nothing behind. A container's files go once it is gone: whoever ends it asks again."""
    stopped = stop(actual, desired)
    disk = actual.disk
    running = any(process.health is not Health.ABSENT for process in (actual.here, actual.watcher))
    if running and not desired.config.launch:
        return stopped
    if not (disk.server_config or disk.sentinel_config or disk.has_data) or any(step.do == "resolve" for step in stopped):
        return stopped
    return (*stopped, Step("remove-directory", actual.local, f"OpenSVC unprovisions Redis on {actual.local}"))


def guard(actual: Actual, desired: Desired, plan: Plan) -> None:
    """UnsafePlan for whatever only a person can resolve, with the sentence that says how."""
    refuse_unresolved("redis", plan)
