"""Plans for one MongoDB replica set: its members are the instances that OpenSVC places.

Theory.

1. *The set elects its primary, and its configuration is a replicated register.* Nothing here overrules either. A configuration is
   newer by (term, version), counts once a majority of its own voters has it, and is written by the primary only (4.4 and later:
   Schultz, Dardik, Tripakis, "Design and Analysis of a Logless Dynamic Reconfiguration Protocol", OPODIS 2021; the manual's
   replSetReconfig). Before 4.4 nothing enforces this, and the same order is kept all the same.
2. *A reconfig is safe when* (C1) at most one member gains or loses its vote, so that any majority of the old and any of the new have a
   member in common; (C2) the configuration before it is on a majority, so that no older one can be elected from; (C3) what was
   acknowledged under it is on a majority too, which the server sees to. C1 is checked on the documents themselves (state/documents.py),
   C2 before and after each reconfig. Hence one change, a look, the next change.
   Unsafe: ``force``, which skips all three and can roll back acknowledged writes. Only `osvc-ha mongo force-reconfig` does it, for a
   person who names the survivors. No step here can.
3. *The document is edited, never rewritten.* What a person has set (hidden, delayed, arbiter, tags, horizons, a voter's priority 0)
   is carried over. Members that osvc_ha adds bear the tag ``osvc_ha``; votes and priority are changed on those alone.
4. *A set begins once.* By the first of the scope, with itself as its one member, when everybody who runs or is being started has
   shown to be in no set and to hold no data, in two looks (joining.py, PAUSE). Two that began all the same would have different
   replicaSetIds, which everybody sees and refuses. Afterwards each instance asks the primary to add its own member, and nobody else's.
5. *A member enters without a vote*, for one that copies data would count for majorities that it cannot help. It gets its vote when it
   is SECONDARY and close to the primary: by its own START, or by FOLLOW when START was killed in between. At most seven vote, an odd
   number from three on (voting.py).
6. *Leaving*: a primary steps down first, after a secondary has caught up, and ends when another is primary (stepping.py). STOP leaves
   the member in the set; UNPROVISION removes it, FOLLOW does so for those gone longer than ``grace`` (membership.py), both only while
   the voters that would be left are there in majority. A set that has lost its majority is a person's to mend.
   A STOP that costs the set its majority (one of two, or of three with one dead) says so in its last step, and is done. It loses no
   acknowledged write, and is undone by a start; to refuse it would hang the drain of a node, or the reboot behind it, whose power then
   goes all the same, without a handover. A primary still hands over first: the one that stays then has everything, for reads, and for a
   person who has to go on with it alone. What is refused is a STOP that may lose something: nobody has caught up.
7. The order of FOLLOW's changes (gone ones out, votes taken, votes given, priorities) is Percona's operator's
   (percona-server-mongodb-operator, mgo.go); it too makes one change a reconcile and never forces.

8. *A start without a majority does its own part and ends well* (``await-majority``, Step.theirs): the others need this mongod to have a
   majority again, and an agent that hears of a failure stops it.
9. *What clients are to find* follows placement, not the heartbeat of the moment (seeds.py).

What cannot be planned at once is left open on purpose: ``wait-ready`` and ``settle`` look again and plan again by these same pure
functions, for the primary may change while a member copies data. Every reconfig step edits the configuration that is read then.
"""

from __future__ import annotations

from osvc_ha.cluster.types import Cluster
from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.guard import refuse_unresolved
from osvc_ha.planner.types import Plan, Verb
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.state import Actual, Desired

from .joining import provision, start
from .membership import follow
from .naming import known_hosts
from .readiness import facts, notes
from .seeds import seedlist
from .stepping import stop, unprovision
from .steps import resolve

__all__ = ["desired", "facts", "guard", "notes", "plan", "seedlist"]

ENDING = (Verb.STOP, Verb.UNPROVISION)


def desired(config: Config, cluster: Cluster, verb: Verb) -> Desired:
    """What OpenSVC wants of the set. ConfigError when it is not in scope, or for a node without a usable name, unless it is to end."""
    scope = cluster.own_scope(config.path)
    hosts, misnamed = known_hosts(config, cluster, scope)
    if misnamed and verb not in ENDING:
        raise ConfigError(misnamed)
    return Desired(
        verb=verb,
        config=config,
        local=cluster.local,
        scope=scope,
        members=cluster.members(config.path, starting=verb is Verb.START),
        staying=cluster.staying(config.path),
        hosts=hosts,
        misnamed=misnamed,
        first=cluster.is_first_placed(config.path),
        majority=cluster.has_majority(),
        waiting=tuple(node for node in scope if _waits(cluster, config.path, node)),
    )


def _waits(cluster: Cluster, path: str, node: str) -> bool:
    """Does OpenSVC say that nothing there was ever provisioned? An instance with data has a resource that is (Resource.provisioned looks
    into the directory, a file system has a flag of its own): the agent says "mixed" then, and nobody takes it for empty."""
    instance = cluster.object(path).instances.get(node)
    return instance is not None and cluster.node(node).alive and instance.provisioned is False and instance.state == "wait leader"


def plan(actual: Actual, desired: Desired) -> Plan:
    """The steps for the verb; empty when there is nothing to do."""
    if desired.misnamed:
        return () if _nothing_here(actual) else (resolve(desired, desired.misnamed),)
    if desired.verb is Verb.START:
        return start(actual, desired)
    if desired.verb is Verb.STOP:
        return stop(actual, desired)
    if desired.verb is Verb.PROVISION:
        return provision(actual, desired)
    if desired.verb is Verb.UNPROVISION:
        return unprovision(actual, desired)
    return follow(actual, desired)


def _nothing_here(actual: Actual) -> bool:
    """A service that was made with a mistake in it has to be purged without mending that first."""
    return not actual.runs and not (actual.disk.config or actual.disk.has_data)


def guard(actual: Actual, desired: Desired, plan: Plan) -> None:
    """UnsafePlan for whatever only a person can resolve, with the sentence that says how."""
    refuse_unresolved("mongo", plan)
