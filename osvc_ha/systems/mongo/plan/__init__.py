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
   shown to be in no set and to hold no data (joining.py). Two that began all the same would have different replicaSetIds, which
   everybody sees and refuses. Afterwards each instance asks the primary to add its own member, and nobody else's.
5. *A member enters without a vote*, for one that copies data would count for majorities that it cannot help. It gets its vote when it
   is SECONDARY and close to the primary: by its own START, or by FOLLOW when START was killed in between. At most seven vote, an odd
   number from three on (voting.py).
6. *Leaving*: a primary steps down first, after a secondary has caught up, and ends when another is primary (stepping.py). STOP leaves
   the member in the set; UNPROVISION removes it, FOLLOW does so for those gone longer than ``grace`` (membership.py), both only while
   the voters that would be left are there in majority. A set that has lost its majority is a person's to mend.
7. The order of FOLLOW's changes (gone ones out, votes taken, votes given, priorities) is Percona's operator's
   (percona-server-mongodb-operator, mgo.go); it too makes one change a reconcile and never forces.

What cannot be planned at once is left open on purpose: ``wait-ready`` and ``settle`` look again and plan again by these same pure
functions, for the primary may change while a member copies data. Every reconfig step edits the configuration that is read then.
"""

from __future__ import annotations

from osvc_ha.cluster.types import Cluster
from osvc_ha.planner.errors import ConfigError, UnsafePlan
from osvc_ha.planner.types import Plan, Verb
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.state import Actual, Desired

from .joining import provision, start
from .membership import follow
from .naming import member_hosts
from .readiness import facts, notes
from .seeds import seedlist
from .stepping import stop, unprovision

__all__ = ["desired", "facts", "guard", "notes", "plan", "seedlist"]


def desired(config: Config, cluster: Cluster, verb: Verb) -> Desired:
    """What OpenSVC wants of the set. ConfigError for a node without a usable name, or that is not in scope."""
    scope = cluster.object(config.path).scope
    if cluster.local not in scope:
        raise ConfigError(f"service {config.path}: {cluster.local} is not in its scope ({' '.join(scope)})")
    runs = {node: cluster.runs(config.path, node) for node in scope}
    return Desired(
        verb=verb,
        config=config,
        local=cluster.local,
        scope=scope,
        members=tuple(node for node in scope if runs[node] or (node == cluster.local and verb is Verb.START)),
        staying=tuple(node for node in scope if runs[node] and node != cluster.local),
        hosts=member_hosts(config, cluster, scope),
        first=cluster.is_first_placed(config.path),
        majority=cluster.has_majority(),
        waiting=tuple(node for node in scope if _waits(cluster, config.path, node)),
    )


def _waits(cluster: Cluster, path: str, node: str) -> bool:
    instance = cluster.object(path).instances.get(node)
    return instance is not None and cluster.node(node).alive and instance.provisioned is False and instance.state == "wait leader"


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


def guard(actual: Actual, desired: Desired, plan: Plan) -> None:
    """UnsafePlan for whatever only a person can resolve, with the sentence that says how."""
    for step in plan:
        if step.do == "resolve":
            raise UnsafePlan(f"mongo {step.on}: {step.why}")
