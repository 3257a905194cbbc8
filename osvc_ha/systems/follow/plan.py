"""Plans for the follower.

Theory.

1. *OpenSVC keeps it alive.* It is a resource like any other, so a follower that was killed is started again, on a node
   that leaves the service it is stopped, and what it has to say is in the resource's status.
2. *It runs when it has looked*, not when there is a process: start waits for the first look, and a follower that has not
   looked for two resyncs hangs, and is replaced.
3. *Another command is another follower.* New keywords reach it by ending the old one and starting anew, which costs
   nothing: all it knows is in the world, and what it does is cut short nowhere (see watch.py).
4. *Its problems are warnings*, never a reason to be down: it does its work for all that is well.
"""

from __future__ import annotations

from typing import Tuple

from osvc_ha.cluster.types import Cluster
from osvc_ha.planner.types import Facts, Plan, Step, Verb
from osvc_ha.seen import troubles
from osvc_ha.systems.follow.config import Config
from osvc_ha.systems.follow.state import Actual, Desired

PATIENCE = 30.0
RUNNING = {Verb.START: True, Verb.STOP: False, Verb.UNPROVISION: False}


def desired(config: Config, cluster: Cluster, verb: Verb) -> Desired:
    """The command, and whether it should run. To be provisioned it needs nothing."""
    return Desired(RUNNING.get(verb), config.argv, 2 * config.resync + PATIENCE)


def plan(actual: Actual, desired: Desired) -> Plan:
    """Start what does not run, replace what runs otherwise or hangs, end what should not run."""
    if desired.running is None:
        return ()
    if not desired.running:
        return (Step("end", "watch", "OpenSVC stops the follower on this node"),) if actual.pid else ()
    launch = Step("launch", "watch", f"the follower does not run: {' '.join(desired.argv)}")
    if not actual.pid:
        return (launch,)
    if actual.argv != desired.argv:
        return (Step("end", "watch", f"the follower runs as: {' '.join(actual.argv)}"), launch)
    if actual.looked and actual.age > desired.stale:
        return (Step("end", "watch", f"the follower has not looked for {actual.age:.0f} s: it hangs"), launch)
    return () if actual.looked else (Step("await", "watch", "wait for the follower's first look"),)


def notes(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """What the follower cannot put right."""
    return troubles(actual.seen)


def facts(actual: Actual, desired: Desired) -> Facts:
    """How each system is that it follows, while it does."""
    if not actual.pid:
        return ()
    told = tuple((name, health.status.value) for name, health in sorted(actual.seen.systems.items()))
    return (("pid", str(actual.pid)), ("last look", f"{actual.age:.0f} s ago" if actual.looked else "none yet"), *told)
