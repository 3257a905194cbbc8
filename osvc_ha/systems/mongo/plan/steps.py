"""The steps there are, and the arguments they carry, so that client/ needs neither Cluster nor Desired. Pure.

    do                on     args            what apply does
    write-config      node   host            renders mongod.conf (state/firstconfig.py) into the directory; makes the data directory
    launch            node   host            starts mongod, unless it runs and does not listen yet; waits until it accepts connections
    wait              node   host            waits until the mongod that somebody else starts accepts connections
    initiate          set    host, priority, under the host's lock: looks, and again ``pause`` seconds later; if both plans begin with
                             pause           this step: replSetInitiate with this member alone (documents.first_config); waits
                                             until it is a writable primary
    create-users      node   host            creates the user through the localhost exception, on a primary that has none; nothing
                                             where somebody else has begun the set
    add               node   change          see reconfig; the member that is added is this node's own
    vote, unvote      node   change          see reconfig
    remove            node   change          see reconfig
    priority          set    change          see reconfig
    sync-from         set    host, heir      ``heir`` (host:port) copies from this node's member, and the others of the scope from it
                                             (replSetSyncFrom); waits a little until they do, and leaves whoever refuses: it saves time
    step-down         node   host, seconds,  replSetStepDown on this node's mongod
                             catch_up
    wait-primary      set    not             waits until a member other than ``not`` (host:port) is a writable primary, as a
                                             majority sees it
    drain             node   seconds         waits
    tell              path                   writes the members (payload) for the dns system of this node, and wakes the followers
    withdraw          srv    host            waits until the SRV record has ``host`` (host:port) no more, and not for ever
    rotate-log        node   host            mongod.log becomes mongod.log.1, and mongod opens a new one
    stop              node   host            ends mongod, and waits until it is gone. Forced where it is still primary: that it
                                             may go all the same has been decided by the plan
    remove-directory  node   host            removes what is ours in the directory; never the keyfile, nor anything else
    wait-ready        set                    loops: looks again, plan(actual, recall(config, step)) again, does its steps but
    settle                                   for these two; until that plan is empty. ApplyError with its last sentence after
                                             ready_timeout, and at once with the sentence of a ``resolve``
    await-majority    set                    nothing: others' to do (Step.theirs), by coming back or by a person's decision
    resolve           set                    nothing: guard refuses the plan with its sentence

*reconfig*: find the primary; read its configuration (replSetGetConfig); ``state.documents.changed(document, change)`` makes the
next one from it, with version + 1 (None: it is so already, done; ApplyError's words when it is no longer right); replSetReconfig
without force, on that primary; wait until commitmentStatus. Raced (ConfigurationInProgress, NewReplicaSetConfigurationIncompatible,
NotWritablePrimary, CurrentConfigNotCommittedYet): read again, until the deadline. Before each attempt that follows a failed one, and
always before ``remove`` and ``vote``: look again, and go on only if the plan still has this very step (again.py). ``change``: one of
state.documents.Change, as text (``Change.text()``, ``Change.parse()``).
"""

from __future__ import annotations

from typing import Dict, Tuple

from osvc_ha.planner.types import Follows, Step, Verb
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.state import Desired

Args = Tuple[Tuple[str, str], ...]


def recall(config: Config, step: Step) -> Desired:
    """The Desired that ``group_args`` wrote down."""
    nodes = hosts(step.arg("nodes"))
    return Desired(
        verb=Verb(step.arg("verb")),
        config=config,
        local=step.arg("local"),
        scope=tuple(step.arg("scope").split()),
        members=tuple(step.arg("members").split()),
        staying=tuple(step.arg("staying").split()),
        hosts=nodes,
        first=step.arg("first") == "true",
        majority=step.arg("majority") == "true",
        waiting=tuple(step.arg("waiting").split()),
    )


def hosts(text: str) -> Dict[str, str]:
    """``n1=host n2=host`` -> node: host, in order."""
    return dict(pair.split("=", 1) for pair in text.split())


def group_args(desired: Desired) -> Args:
    """All that is needed to look again and decide again while a step waits."""
    return (
        ("verb", desired.verb.value),
        ("local", desired.local),
        ("scope", " ".join(desired.scope)),
        ("nodes", " ".join(f"{node}={host}" for node, host in desired.hosts.items())),
        ("members", " ".join(desired.members)),
        ("staying", " ".join(desired.staying)),
        ("first", str(desired.first).lower()),
        ("majority", str(desired.majority).lower()),
        ("waiting", " ".join(desired.waiting)),
    )


def at(desired: Desired, node: str) -> Args:
    """Where the node's mongod is, and the group."""
    return (("host", desired.member_at(node)), *group_args(desired))


def resolve(desired: Desired, why: str, override: str = "") -> Step:
    """A plan that guard refuses: only a person can go on. Its sentence is the status line."""
    return Step(
        "resolve", desired.config.replica_set, why + (f"; set {override} to do it anyway" if override else ""), needs=Follows.MEMBERSHIP
    )
