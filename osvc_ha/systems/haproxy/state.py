"""What HAProxy is (Actual), what it should be (Desired), and the texts in between. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Optional, Tuple

from osvc_ha.cluster.alphabets import shown
from osvc_ha.planner.diff import diff
from osvc_ha.planner.errors import ObserveError

from .config import Config

MARK = "# --- "
DIGEST_LINE = "    description osvc_ha "
STATE_COLUMNS = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port"
)
FORCED_MAINT, FORCED_DRAIN = 0x01, 0x08
ANY = frozenset({"*", "0.0.0.0", "::"})
ADMIN = {"ready": 0, "maint": FORCED_MAINT, "drain": FORCED_DRAIN}


class Server(NamedTuple):
    """One server line. admin: ready, drain or maint, as the runtime API says it."""

    backend: str
    name: str
    address: str
    port: int
    admin: str = "ready"


@dataclass(frozen=True)
class Fragment:
    """The part of the config that one listener owns, and lives or dies with alone.

    key: the listener, or ``group <id>`` for the checks that a Redis group's listeners share.
    port: what it binds, 0 for nothing. auth: the credentials its text needs, empty for none.
    """

    key: str
    text: str
    port: int = 0
    servers: Tuple[Server, ...] = ()
    auth: str = ""

    @property
    def digest(self) -> str:
        """Short name of exactly this text."""
        return digest_of(self.text)


@dataclass(frozen=True)
class Actual:
    """One look at HAProxy.

    digest: of the config the worker runs, not of the file. servers: (backend, server) -> admin state.
    down: those that fail their check. text: the file. credentials: path -> the check lines that log in.
    owners: path -> whose mark it bears, or "" (``ownership.owner_in``). held: marked as another's, and an HAProxy runs there.
    """

    running: bool = False
    digest: str = ""
    servers: Mapping[Tuple[str, str], str] = field(default_factory=dict)
    down: frozenset[Tuple[str, str]] = frozenset()
    text: Optional[str] = None
    busy: frozenset[Tuple[str, int]] = frozenset()
    rejected: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)
    file_limit: int = 1024
    owners: Mapping[str, str] = field(default_factory=dict)
    held: bool = False


@dataclass(frozen=True)
class Desired:
    """What the labels and the placement ask for. ``running`` None: leave the process as it is. ``gone``: leave no file either.

    service: whose resource this is, "" by hand. takes: it may take paths that are nobody's. here: ``ownership.services_here``.
    cluster: its id.
    """

    running: Optional[bool]
    preamble: str
    fragments: Tuple[Fragment, ...]
    bind: Tuple[str, ...] = ("*",)
    maxconn: Optional[int] = None
    allow_empty: bool = False
    problems: Tuple[str, ...] = ()
    gone: bool = False
    service: str = ""
    takes: bool = False
    here: Optional[Mapping[str, bool]] = None
    cluster: str = ""


def digest_of(text: str) -> str:
    """Sixteen hex digits that name a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def split_fragments(text: str) -> Tuple[str, Tuple[str, ...]]:
    """A rendered config -> its preamble and the fragments, each beginning with its mark."""
    head, *rest = text.split("\n" + MARK)
    return head + "\n", tuple(MARK + part.rstrip("\n") + "\n" for part in rest)


def join_fragments(preamble: str, fragments: Iterable[str]) -> str:
    """The whole config, with its own digest where ``show info`` gives it back."""
    body = preamble + "".join(fragments)
    return body.replace("global\n", f"global\n{DIGEST_LINE}{digest_of(body)}\n", 1)


def changes(before: str, after: str) -> str:
    """Which fragments differ between two configs, in a few words."""
    old, new = ({_title(part): part for part in split_fragments(text)[1]} for text in (before, after))
    found = diff(old, new)
    rows = (
        ("new", [key for key, _ in found.create]),
        ("changed", [key for key, _, _ in found.update]),
        ("gone", [key for key, _ in found.delete]),
    )
    parts = [f"{word}: {', '.join(keys[:3])}{f' and {len(keys) - 3} more' if len(keys) > 3 else ''}" for word, keys in rows if keys]
    return "; ".join(parts) or "settings"


def _title(fragment: str) -> str:
    return fragment.partition("\n")[0][len(MARK) :]


def loaded_digest(text: Optional[str]) -> str:
    """The digest a config declares; empty when it declares none (not ours, or none there)."""
    _, _, rest = (text or "").partition(DIGEST_LINE)
    return rest.partition("\n")[0]


def parse_runtime(reply: str) -> Tuple[str, Mapping[Tuple[str, str], str], frozenset[Tuple[str, str]]]:
    """Reply to ``show info;show servers state`` -> (loaded digest, (backend, server) -> admin state, those that are down).

    Raises ObserveError when either part is missing: a truncated answer is not an empty HAProxy.
    """
    facts, _, table = reply.partition("\n# be_id ")
    if "Uptime_sec:" not in facts or not table.endswith("\n\n"):
        raise ObserveError(f"HAProxy's runtime API answered {reply[:80]!r} to `show info;show servers state`")
    _, _, rest = facts.lower().partition("\ndescription: osvc_ha ")
    digest = rest.partition("\n")[0].strip()
    servers: dict[Tuple[str, str], str] = {}
    down: list[Tuple[str, str]] = []
    for line in table.split("\n")[1:]:
        if not line:
            break
        columns = line.split(" ", 7)
        if len(columns) < 8 or not columns[6].isdecimal():
            raise ObserveError(f"HAProxy's server state has a line this version does not know: {line[:80]!r}")
        key = columns[1], columns[3]
        servers[key] = _admin_word(columns[6])
        if columns[5] == "0":
            down.append(key)
    return digest, servers, frozenset(down)


def _admin_word(bits: str) -> str:
    if bits == "0":
        return "ready"
    number = int(bits)
    return "maint" if number & FORCED_MAINT else "drain" if number & FORCED_DRAIN else "ready"


def merge_state(dump: str, servers: Iterable[Server]) -> str:
    """The state file a new worker loads: what the old one knew, and DOWN for what it did not.

    A server without a known state would start UP and take clients until its first check
    (haproxy/haproxy#918, #2085); one whose address changed is a new server (#199, #1412).
    Placement always comes from ``servers``, never from the dump.
    """
    known: dict[Tuple[str, str, str, str], list[str]] = {}
    for line in dump.split("\n"):
        columns = line.split(" ")
        if len(columns) > 18 and columns[0].isdecimal():
            # A server given by name (srv_fqdn) is known by it; the address is what it resolved to.
            address = columns[4] if columns[17] == "-" else columns[17]
            known[columns[1], columns[3], address, columns[18]] = columns
    lines = ["1", f"# {STATE_COLUMNS}"]
    for number, server in enumerate(servers, 1):
        columns = known.get((server.backend, server.name, server.address, str(server.port))) or _down(server, number)
        columns[6] = str(ADMIN[server.admin])
        lines.append(" ".join(columns))
    return "\n".join(lines) + "\n"


def _down(server: Server, number: int) -> list[str]:
    return [
        *f"{number} {server.backend} {number} {server.name} {server.address} 0 0 1 1 0 13 2 0 6 0 0 0 - {server.port} - 0 0 - - 0".split(
            " "
        )
    ]


def servers_in(text: str) -> Iterator[Server]:
    """Every server of a rendered config, in its order, as written; not HAProxy itself."""
    backend = ""
    for line in text.split("\n"):
        if line.startswith("backend "):
            backend = line[8:]
        elif line.startswith("    server ") and " unix@" not in line:
            _, name, target, _ = (line + " ").lstrip().split(" ", 3)
            address, _, port = target.rpartition(":")
            yield Server(backend, name, address, int(port))


def binds_in(text: Optional[str]) -> frozenset[Tuple[str, int]]:
    """(address, port) of every listener a config opens."""
    found = set()
    for part in (text or "").split("\n    bind ")[1:]:
        address, _, port = part.partition("\n")[0].split(" ", 1)[0].rpartition(":")
        if port.isdecimal():
            found.add((address, int(port)))
    return frozenset(found)


def taken(binds: Iterable[str], port: int, busy: frozenset[Tuple[str, int]], ours: frozenset[Tuple[str, int]]) -> str:
    """The first of our addresses on which somebody else already listens at this port; empty when free."""
    for bind in binds:
        foreign = {address for address, at in busy if at == port} if (bind, port) not in ours else set()
        if foreign and (bind in ANY or bind in foreign or "*" in foreign):
            return bind
    return ""


def section(key: str) -> str:
    """A listener's key in the characters HAProxy allows in section names (letters, digits, - _ . :).

    Not a dot: names may hold dots, and prod/svc/a.b and group c must not become one with prod/svc/a and group b.c.
    """
    return key.replace("/", ":")


def render_preamble(config: Config, cluster_name: str, node: str) -> str:
    """Everything that no listener owns. ``@MAXCONN@`` is filled in when the file limit is known.

    successor: a worker that is leaving counts no server any more (be_usable_srv), so it passes the question on.
    """
    return f"""# Written by osvc_ha on node {shown(node)} from the labels of cluster {shown(cluster_name)}: edits are lost; edit those.
global
    mworker-max-reloads {config.workers}
    maxconn @TOTAL@
    hard-stop-after {config.hard_stop_after}s
    stats socket {config.runtime_socket} mode 600 level admin expose-fd listeners
    stats timeout 1m
    server-state-file {config.state_file}
    log {config.log}
defaults
    mode tcp
    maxconn @MAXCONN@
    log global
    option dontlognull
    option clitcpka
    option srvtcpka
    option redispatch 1
    timeout connect {config.connect_timeout}ms
    timeout client {config.idle_timeout}s
    timeout server {config.idle_timeout}s
    timeout check {config.check_timeout}ms
    load-server-state-from-file global
    default-server check inter {config.check_interval}ms fall 2 rise 1 init-addr libc,none
frontend authority
    mode http
    timeout client 5s
    bind unix@{config.authority_socket} mode 600
    http-request set-var(txn.need) path,field(2,/)
    http-request set-var(txn.node) path,field(3,/)
    http-request set-var(txn.lease) var(txn.node),table_gpt0(lease)
    http-request set-var(txn.votes) str(vote:),concat(,txn.node),nbsrv
    http-request set-var(txn.role) str(role:),concat(,txn.node),nbsrv
    http-request set-var(txn.was) str(was:),concat(,txn.node),nbsrv
    http-request return status 503 if {{ var(txn.lease) -m int eq 2 }}
    http-request return status 200 if {{ var(txn.lease) -m int eq 1 }}
    http-request return status 200 if {{ var(txn.role),add(txn.was) -m int ge 1 }} {{ var(txn.votes),sub(txn.need) -m int ge 0 }}
    http-request return status 503 if !{{ stopping }}
    default_backend successor
backend successor
    mode http
    server worker unix@{config.authority_socket} no-check
backend lease
    stick-table type string len 640 size 100k expire {config.lease}s store gpt0
"""
