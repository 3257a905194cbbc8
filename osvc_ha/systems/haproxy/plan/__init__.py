"""Plans for HAProxy.

Theory.

1. *Who may be written to is decided inside HAProxy, by its own checks* (DESIGN rule 10), so it stays
   right with every osvc_ha process dead. A Redis server is used only while it calls itself master
   and HAProxy's own ``authority`` frontend agrees: a majority of the Sentinels name it
   (``nbsrv`` of its vote backend), and it has either called itself master without a break for ``claim``
   milliseconds, or was seen as a replica within that time. That closes the hole of a master that was
   paused and comes back in the second between a promotion and the moment the other Sentinels hear of it:
   master in its own eyes and still named by a majority, but neither for long enough nor promoted lately.
   The replica that was promoted is opened by the votes at once.
2. *A push can only hurry, and only for a while.* The stick table ``lease`` holds a grant or a
   revocation for three seconds (``expire``); then the checks decide alone.
3. *Nothing starts UP.* A worker loads the state of the one before it; what that did not know
   starts DOWN. Otherwise every server takes clients until its first check: 37 % of connections
   went to a replica around reloads in a measured run.
4. *A placement change moves no file.* All nodes in a service's scope are always listed; where an instance
   runs is a runtime state (ready, drain, maint), also written into the state that the next worker loads.
5. *Reload only for a new set of listeners or scopes*, and never more often than the budget.
6. *A fragment lives and dies alone.* A port in use elsewhere, missing credentials or a text that
   ``haproxy -c`` refuses drops that listener and is reported; the others go on.
7. *Nothing discovered is not nothing wanted*: the last good listeners stay, with an alarm.
8. *What another service owns is left alone*, its process, files and sockets: ``ownership``.

Sources: HAProxy configuration and management manuals; haproxy/haproxy#51, #918, #2085, #3298.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Tuple

from osvc_ha.cluster.labels import discover
from osvc_ha.cluster.types import Cluster
from osvc_ha.planner.guard import refuse_unresolved
from osvc_ha.planner.types import Plan, Step, Verb
from osvc_ha.systems.haproxy.config import Config
from osvc_ha.systems.haproxy.state import (
    Actual,
    Desired,
    Fragment,
    binds_in,
    changes,
    digest_of,
    join_fragments,
    loaded_digest,
    render_preamble,
    split_fragments,
    taken,
)

from .fragments import RedisGroup, fragments_of, known_addresses, redis_groups
from .ownership import TAKES, claim, others, refusal, sentence, services_here

__all__ = ["RedisGroup", "candidate", "desired", "guard", "maxconn_that_fits", "notes", "plan", "redis_groups"]

RUNNING = {Verb.START: True, Verb.STOP: False, Verb.UNPROVISION: False}
MOST_CONNECTIONS = 20000
FDS_PER_CONNECTION = 2
SPARE_FDS = 200
SPARE_CONNECTIONS = 100


def desired(config: Config, cluster: Cluster, verb: Verb) -> Desired:
    """Labels and placement -> fragments. Pure; a listener that cannot be rendered becomes a problem of its own."""
    found = discover(cluster, cluster.containers)
    addresses, unknown = known_addresses(cluster)
    fragments: dict[str, Fragment] = {}
    problems = [problem.message for problem in found.problems]
    for listener in found.listeners:
        missing = [node for node, _ in listener.nodes if node not in addresses]
        problems += [f"{listener.key}: {unknown.get(node, f'node {node}: not in this cluster')}; left out" for node in missing]
        for fragment in fragments_of(config, listener, addresses) if len(missing) < len(listener.nodes) else ():
            fragments.setdefault(fragment.key, fragment)
    return Desired(
        running=RUNNING.get(verb),
        gone=verb is Verb.UNPROVISION,
        preamble=render_preamble(config, cluster.name, cluster.local),
        fragments=tuple(fragments.values()),
        bind=config.bind,
        maxconn=config.maxconn,
        allow_empty=config.allow_empty,
        problems=tuple(problems),
        service=config.path,
        takes=verb in TAKES,
        here=services_here(cluster, config.path) if config.path and verb in TAKES else None,
        cluster=cluster.id,
    )


def plan(actual: Actual, desired: Desired) -> Plan:
    """Steps from one look at HAProxy to what is wanted."""
    theirs = others(actual, desired)
    if theirs:
        return refusal(theirs, desired)
    if desired.running is False:
        return _end(actual, desired)
    usable, _ = _judge(actual, desired)
    text = candidate(actual, desired, usable)
    steps: list[Step] = list(claim(actual, desired))
    if actual.text != text:
        why = f"the config on disk differs from the labels ({changes(actual.text or '', text)})"
        steps.append(Step("write", "config", why, payload=text))
    if not actual.running:
        if desired.running:
            steps.append(Step("start", "haproxy", "OpenSVC starts HAProxy on this node", payload=_placements(usable)))
    elif actual.digest != loaded_digest(text):
        steps.append(Step("reload", "haproxy", "the running HAProxy has another config than the one on disk", payload=_placements(usable)))
    else:
        steps.extend(_moves(actual, usable))
    return tuple(steps)


def _end(actual: Actual, desired: Desired) -> Plan:
    stop = (Step("stop", "haproxy", "OpenSVC stops HAProxy on this node"),) if actual.running else ()
    # A START that was refused by HAProxy has left the mark alone.
    marked = bool(desired.service) and desired.service in actual.owners.values()
    gone = desired.gone and (actual.text is not None or marked)
    return (*stop, *((Step("remove", "config", "OpenSVC unprovisions HAProxy on this node"),) if gone else ()))


def guard(actual: Actual, desired: Desired, plan: Plan) -> None:
    """UnsafePlan for paths that another service has, with the way out."""
    refuse_unresolved("haproxy", plan)


def notes(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """Everything that was dropped, lowered or kept against the labels, and every listener that refuses its clients.

    Where another service has the paths, that alone: the listeners are its.
    """
    theirs = others(actual, desired)
    if theirs:
        return (sentence(theirs, desired.service),)
    usable, dropped = _judge(actual, desired)
    kept = ("no listener is labelled; the last good ones stay (allow_empty=true removes them)",) if _keeps_last(actual, desired) else ()
    fits = maxconn_that_fits(actual, desired)
    lowered = (f"maxconn={desired.maxconn} does not fit {actual.file_limit} files; {fits} used; raise LimitNOFILE",)
    return desired.problems + dropped + kept + (lowered if fits < (desired.maxconn or 0) else ()) + tuple(_closed(actual, usable))


def _closed(actual: Actual, usable: Iterable[Fragment]) -> Iterator[str]:
    for fragment in usable:
        placed = [server for server in fragment.servers if server.admin == "ready" and server[:2] in actual.servers]
        if fragment.port and placed and all(server[:2] in actual.down for server in placed):
            hint = f"; is {fragment.auth} right?" if fragment.auth else ""
            yield f"{fragment.key}: clients are refused: {', '.join(dict.fromkeys(one.name for one in placed))} fail the check{hint}"


def candidate(actual: Actual, desired: Desired, usable: Iterable[Fragment]) -> str:
    """The config that should be on disk now."""
    if actual.text is not None and _keeps_last(actual, desired):
        return actual.text
    clients = maxconn_that_fits(actual, desired)
    preamble = desired.preamble.replace("@MAXCONN@", str(clients)).replace("@TOTAL@", str(clients + _questions(desired)))
    return join_fragments(preamble, (_with_credentials(actual, fragment) for fragment in usable))


def maxconn_that_fits(actual: Actual, desired: Desired) -> int:
    """HAProxy refuses to start when it needs more files than its limit: two per connection, one per listener and check."""
    others = sum(len(fragment.servers) + len(desired.bind) for fragment in desired.fragments) + SPARE_FDS
    most = (actual.file_limit - others) // FDS_PER_CONNECTION - _questions(desired)
    return max(1, min(desired.maxconn or MOST_CONNECTIONS, most))


def _questions(desired: Desired) -> int:
    """Connections of HAProxy to itself that clients cannot use up; else too many of one listener cut all sessions of the others."""
    return SPARE_CONNECTIONS + sum(1 for fragment in desired.fragments for server in fragment.servers if ":rw:" in server.backend)


def _keeps_last(actual: Actual, desired: Desired) -> bool:
    return not desired.fragments and not desired.allow_empty and bool(split_fragments(actual.text or "")[1])


def _judge(actual: Actual, desired: Desired) -> Tuple[Tuple[Fragment, ...], Tuple[str, ...]]:
    """Fragments that may go in, and a sentence for each that may not."""
    ports, ours = {port for _, port in actual.busy}, _ours(actual)
    usable: list[Fragment] = []
    reasons: list[str] = []
    for fragment in desired.fragments:
        words = actual.rejected.get(digest_of(_with_credentials(actual, fragment))) if actual.rejected else None
        if words:
            reasons.append(f"{fragment.key}: HAProxy refuses it: {words}")
        elif fragment.auth and fragment.auth not in actual.credentials:
            why = f"{fragment.key}: osvc.l4.auth={fragment.auth}: not a file in credentials_dir, of `user:password`, mode 0600"
            reasons += [why] if fragment.port else []
        elif fragment.port in ports and (bind := taken(desired.bind, fragment.port, actual.busy, ours)):
            reasons.append(f"{fragment.key}: port {fragment.port} on {bind} is taken by another process; `ss -ltnp` shows which")
        else:
            usable.append(fragment)
    return tuple(usable), tuple(reasons)


def _ours(actual: Actual) -> frozenset[Tuple[str, int]]:
    """The ports that HAProxy holds itself. A listener in a file that was never loaded holds none: somebody else may have come first."""
    if not actual.running or actual.digest == loaded_digest(actual.text):
        return binds_in(actual.text) if actual.running else frozenset()
    loaded = {":".join(backend.split(":", 5)[1:5]) for backend, _ in actual.servers}
    parts = (actual.text or "").split("\nfrontend fe:")[1:]
    return frozenset(bind for part in parts if part.partition("\n")[0] in loaded for bind in binds_in(part))


def _with_credentials(actual: Actual, fragment: Fragment) -> str:
    own, sentinel = actual.credentials.get(fragment.auth, ""), actual.credentials.get(f"{fragment.auth}.sentinel", "")
    return fragment.text.replace(f"    @AUTH {fragment.auth}@\n", own).replace(f"    @AUTH {fragment.auth}.sentinel@\n", sentinel)


def _placements(usable: Iterable[Fragment]) -> str:
    """Lines `backend server admin` of what is not simply ready: the part of the state file that placement decides."""
    servers = (server for fragment in usable for server in fragment.servers)
    return "".join(f"{server.backend} {server.name} {server.admin}\n" for server in servers if server.admin != "ready")


def _moves(actual: Actual, usable: Iterable[Fragment]) -> Iterator[Step]:
    for fragment in usable:
        for server in fragment.servers:
            have = actual.servers.get(server[:2])
            if have != server.admin and have is not None:
                why = f"{fragment.key}: {server.name} is {have} in HAProxy, its placement says {server.admin}"
                yield Step("set", f"{server.backend}/{server.name}", why, (("state", server.admin),))
