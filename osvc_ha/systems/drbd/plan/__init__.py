"""Plans for one DRBD resource: one writer, decided by OpenSVC alone, and refused by us wherever two could be.

Theory.

1. *What is lost, and how.* Replication keeps one history of writes. It splits when two nodes write while apart: each acknowledges
   writes that the other never sees, and afterwards one side's are thrown away, by hand or by an ``after-sb`` policy. It goes backwards
   when a node with an older copy is promoted: everything since is overwritten by the next resync. DRBD itself prevents
   neither: with its defaults (``fencing dont-care``, no quorum) a node without its peer may be promoted at once. Both agents promote
   on a heartbeat's silence, and start the peer even where stonith failed (om3, daemon/imon/orchestration_started.go).
2. *"UpToDate" is what a disk was when its peer was last heard.* After a reboot without its peer, 8.4 with ``fencing dont-care``
   calls any disk that once was UpToDate, and may be a week old, UpToDate again, and promotes it (seen on 8.4.11); only
   with fencing does it say Consistent, and ask. So the disk state alone never suffices (promotion.outlook): each peer is connected and
   no Primary, or known to be Outdated, or its node is dead to a majority of the cluster that includes us. The last is the one case
   without proof; behind it stand the fence-peer handler (fencing.py) on 8.4 and quorum on 9, and a promotion without
   them is refused (protection.py).
3. *Quorum or fencing, never both* (DRBD User's Guide 9): two judges with different jurors. 9: ``quorum majority``, and both
   ``on-no-quorum`` and ``on-no-data-accessible`` io-error: a manager that has to stop a service cannot unmount what is frozen
   (drbd.ocf, drbd-reactor's promoter). 8.4: ``fencing resource-and-stonith``, under which no write is acknowledged until the handler
   has answered; ``resource-only`` writes on while it asks.
4. *A split brain is seen by the connection state, StandAlone, not by its handler.* Ways there that never call it: a Primary that is
   to become SyncTarget ("I shall become SyncTarget, but I am primary!"), and a peer with another size or unrelated data. It may be
   one side only: of two nodes whose disks differ in size, 8.4.11 left the other one Connecting, which rule 2 refuses all the same.
   A plain ``connect`` of a Secondary discards nothing, as long as no ``after-sb`` policy does: so it is tried, once, and what
   is dropped again is for a person, with the kernel's own reason (state/kernel_log.py) in the sentence. That reason is a line in a
   ring that a reboot empties, and the two histories outlive both: so a mark on the disk remembers it (splitting.py), until the two
   have met again, which is when DRBD compares them. A peer that is StandAlone and dead is not one that merely died: it may have died
   with the other half, so it is not gone past unless a majority had fenced it off before, or the quorum of 9 is here.
5. *Nothing here forces.* ``primary --force`` makes whatever is on this disk the truth (LINBIT/drbd PR#142); it is run once in a
   resource's life, when every disk was created empty and is seen to be so (provisioning.py). An override,
   allow_promote_alone, goes past a peer that is not heard, never past a disk that is not UpToDate.
6. *Looked at twice.* Between the plan and ``primary`` a peer may return, as Primary even. The promote step asks the same pure
   question again right before, and DRBD, once connected, refuses a second Primary by itself. Nor is the cluster believed before DRBD: a
   Primary that is dead to a majority, and connected to DRBD still, is waited for until DRBD has lost it too.
7. *STOP demotes, and needs nobody*: no cluster, no peer, no disk, no .res (a broken file of *another* resource fails every drbdadm,
   so it goes by drbdsetup). Of all that is read, only the kernel's own word on roles may make it fail; the rest, unread, is a doubt,
   which forbids a promotion and no demotion. It never takes the resource down: a Secondary that stays connected has the data when it
   is needed, and ``down`` with standby=false is how the agents' own driver loses it (opensvc#150). A device held open is not demoted
   (State change failed: -12), and the holders are named.
8. *Time is not asked.* No rule compares clocks; what waits, waits on a monotonic one.
"""

from __future__ import annotations

from typing import Optional

from osvc_ha.cluster.addresses import address_of, refuse_loopback
from osvc_ha.cluster.types import Cluster, Object
from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.guard import refuse_unresolved
from osvc_ha.planner.types import Plan, Verb
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.state import Actual, Desired

from .promotion import Kind, Outlook, outlook
from .provisioning import provision, unprovision
from .starting import check, start, stop
from .telling import facts, notes

__all__ = ["Kind", "Outlook", "check", "desired", "facts", "guard", "notes", "outlook", "plan"]


def desired(config: Config, cluster: Cluster, verb: Verb) -> Desired:
    """What OpenSVC wants of the resource. STOP needs no more of the cluster than this node's name.

    ConfigError for a rendered .res whose nodes are unknown, or have no usable address.
    """
    service = cluster.objects.get(config.path)
    nodes = config.nodes or (service.scope if service else ())
    rendered = config.render and verb in (Verb.START, Verb.PROVISION)
    if rendered and not nodes:
        raise ConfigError(f"service {config.path}: not in this cluster, so the nodes of {config.res} are not known; name them by nodes")
    addresses = {node: address_of(cluster.node(node), cluster.resolved) for node in nodes} if rendered else {}
    refuse_loopback(addresses)
    return Desired(
        verb=verb,
        config=config,
        local=cluster.local,
        nodes=nodes,
        alive=cluster.alive(),
        majority=cluster.has_majority(),
        cluster=tuple(sorted(cluster.nodes)),
        addresses=addresses,
        passive=config.passive,
        unused=tuple(node for node in nodes if node != cluster.local and _unused(cluster, service, node)),
    )


def _unused(cluster: Cluster, service: Optional[Object], node: str) -> bool:
    """Not while it is being provisioned: then it is on the way to be connected, and is waited for."""
    instance = service.instances.get(node) if service else None
    alive = node in cluster.alive()
    return alive and instance is not None and instance.provisioned is False and not instance.state.startswith("provisioning")


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
    return ()


def guard(actual: Actual, desired: Desired, plan: Plan) -> None:
    """UnsafePlan for whatever only a person can resolve, with the sentence that says how."""
    refuse_unresolved("drbd", plan)
