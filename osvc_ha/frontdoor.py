"""Tell a local HAProxy who may write, through its runtime socket: ``backends_of`` and ``grant``. ``group`` is a ``group_id``.

HAProxy's own checks find out alone; this only makes it faster. A caller may therefore treat every
error from here as "the checks will do it".

What is relied on in the configuration: a stick table ``lease`` (string keys, store gpt0, expire 3s),
where 1 grants and 2 revokes ``<group>:<node>`` until it expires; and backends ``l4:<listener>:rw:<group>``
whose servers are named after their nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Dict, List, Tuple

from osvc_ha.cluster.types import full_path
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError

SOCKET_SECONDS = 0.5
GRANTED, REVOKED = 1, 2


def group_id(path: str, group: str) -> str:
    """HAProxy's name for a Sentinel group: two services may call theirs alike. Only characters of its section names."""
    return f"{full_path(path).replace('/', ':')}:{group}"


def backends_of(host: Host, socket: str, group: str) -> Dict[str, Tuple[str, ...]]:
    """Backend -> its servers, for the group's single-writer listeners. ObserveError when the socket does not say."""
    text = host.exchange(socket, "show servers state\n", SOCKET_SECONDS)
    lines = text.splitlines()
    if not lines or lines[0].strip() != "1":
        raise ObserveError(f"{socket}: not HAProxy's runtime API: {_brief(text)!r}")
    found: Dict[str, List[str]] = {}
    for line in lines[1:]:
        words = line.split()
        if len(words) > 3 and words[1].startswith("l4:") and words[1].endswith(f":rw:{group}"):
            found.setdefault(words[1], []).append(words[3])
    return {backend: tuple(sorted(servers)) for backend, servers in sorted(found.items())}


def grant(
    host: Host, socket: str, group: str, node: str, others: Sequence[str], backends: Sequence[str], seconds: float = SOCKET_SECONDS
) -> None:
    """Open ``node`` and close ``others``, in one exchange of at most ``seconds``. Leases first: every check that starts from now on agrees.

    The new one comes up before the old ones go down, which closes their sessions (on-marked-down
    shutdown-sessions): a client that comes back at once must find somebody. ApplyError with HAProxy's words
    for a refused command.
    """
    refused = _brief(host.exchange(socket, "; ".join(commands(group, node, others, backends)) + "\n", seconds))
    if refused:
        raise ApplyError(f"{socket}: {refused}")


def commands(group: str, node: str, others: Sequence[str], backends: Sequence[str]) -> Tuple[str, ...]:
    """The runtime commands of one grant, in order."""
    words = [f"set table lease key {group}:{other} data.gpt0 {REVOKED}" for other in others]
    words.append(f"set table lease key {group}:{node} data.gpt0 {GRANTED}")
    words += [f"set server {backend}/{node} health up" for backend in backends]
    words += [f"set server {backend}/{other} health down" for backend in backends for other in others]
    return tuple(words)


def cut_old_workers(host: Host, master_socket: str, backend: str, server: str) -> int:
    """End the sessions to one server that workers of before a reload still carry, and say how many there were.

    An old worker checks nothing any more (haproxy: stop_proxy), so it would serve them to a deposed master until
    hard-stop-after. ObserveError when the master process does not say; a worker that ends meanwhile is no error.
    """
    cut = 0
    for pid in old_workers(host.exchange(master_socket, "show proc\nquit\n", SOCKET_SECONDS)):
        text = host.exchange(master_socket, f"@!{pid} show sess\nquit\n", SOCKET_SECONDS)
        # One by one: there, `shutdown sessions server` answers "Proxy is disabled."
        found = [line.partition(":")[0] for line in text.splitlines() if f" be={backend} srv={server} " in line]
        for session in found:
            host.exchange(master_socket, f"@!{pid} shutdown session {session}\nquit\n", SOCKET_SECONDS)
        cut += len(found)
    return cut


def old_workers(text: str) -> Tuple[int, ...]:
    """Pids under ``# old workers`` of the master's ``show proc``."""
    _, _, rest = text.partition("# old workers\n")
    rows = (line.split() for line in rest.partition("\n#")[0].splitlines())
    return tuple(int(row[0]) for row in rows if row and row[0].isdecimal())


def _brief(text: str) -> str:
    """HAProxy answers a command that worked with an empty line."""
    return " ".join(text.split())[:300]
