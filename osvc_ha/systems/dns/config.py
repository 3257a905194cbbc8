"""Keywords of the dns system, and the frozen Config they become. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Tuple

from osvc_ha.cluster.label_options import port, truth
from osvc_ha.cluster.seedlist import SEEDLISTS, Seedlist, parse_seedlists
from osvc_ha.cluster.types import full_path
from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.reader import refuse_unknown, whole
from osvc_ha.planner.types import Keyword
from osvc_ha.systems.dns.state.names import absolute, canonical_name, is_below
from osvc_ha.systems.dns.state.servers import parse_servers

CLOUDFLARE = "https://api.cloudflare.com/client/v4"
AUTO = "auto"
KEYWORDS: Tuple[Keyword, ...] = (
    Keyword("path", "The service this is a resource of, as namespace/kind/name: its node writes. By hand: whoever asks does.", "this one"),
    Keyword("domain", "The names that are ours are this one and those below it.", required=True),
    Keyword("zone", "The provider's zone, when it is a parent of domain.", "the domain"),
    Keyword("provider", "cloudflare, or rfc2136: a server that takes signed dynamic updates (Knot, BIND, PowerDNS).", "cloudflare"),
    Keyword("policy", "upsert-only: a name that nothing asks for any more stays, and status says so. sync: it is removed.", "upsert-only"),
    Keyword("node_names", "Write <node>.<domain> and *.<node>.<domain> for every node of the cluster.", "true"),
    Keyword("ingress", "The l4 service: the nodes where it is up are the ingress nodes."),
    Keyword(
        "global",
        "Names for the whole cluster, each with its mode, separated by spaces, as `*=round-robin redis=vip www=load-balancer`. @ is the "
        "domain itself. round-robin: the ingress nodes; vip: the keyword vip; load-balancer: one of Cloudflare's, over the ingress nodes.",
    ),
    Keyword("vip", "The address of the names in vip mode: an IPv4, an IPv6, or both separated by a comma."),
    Keyword(
        "mongo",
        "MongoDB seed lists (mongodb+srv), separated by spaces, as `db=prod/svc/mongo`: the members that this service's replica set has, "
        "or `db=n1:27017,n2,n3/admin?replicaSet=rs0`: these. Only data-bearing, visible members; hosts by name, below the domain.",
    ),
    Keyword("node_ttl", "Seconds a resolver may keep the records of a node; auto: what Cloudflare chooses.", "300"),
    Keyword("global_ttl", "The same for the names of `global`.", "60"),
    Keyword("service_ttl", "The same for names that services ask for; a service's own osvc.dns.ttl wins.", "60"),
    Keyword("mongo_ttl", "The same for SRV and TXT records of seed lists.", "60"),
    Keyword("node_proxied", "Serve the nodes' wildcards through Cloudflare's HTTP proxy; never <node>.<domain> itself.", "false"),
    Keyword("global_proxied", "Those names of `global` that Cloudflare's HTTP proxy serves, separated by spaces. HTTP(S) only."),
    Keyword(
        "dead_node", "What becomes of *.<node>.<domain> after grace: withdraw, or ingress: it points to the ingress nodes.", "withdraw"
    ),
    Keyword("grace", "Seconds a node has to be silent before dead_node applies.", "300"),
    Keyword("settle", "Seconds an ingress node has to be back before it returns to a round robin that has others.", "10"),
    Keyword("allow_private", "Publish private, shared (100.64.0.0/10), link-local and loopback addresses too.", "false"),
    Keyword("allow_mass_change", "Do what would remove over 30 % of ten or more of our records, or all of them.", "false"),
    Keyword("token_file", "A file (mode 0600) with the API token. Rights: Zone:DNS:Edit and Zone:Zone:Read of this zone."),
    Keyword("token_env", "The environment variable with the token, as a sec object gives it; token_file wins.", "CLOUDFLARE_API_TOKEN"),
    Keyword("api_url", "Cloudflare's API.", CLOUDFLARE),
    Keyword("account", "The account that load balancers' pools and monitors belong to.", "the zone's"),
    Keyword("origin_check", "How a load balancer checks its origins: tcp:<port>, http:<port>/<path> or https:<port>/<path>.", "tcp:443"),
    Keyword("budget", "Calls of the API within five minutes, at most, by one node. A user has 1200, all tokens together.", "300"),
    Keyword("server", "rfc2136: the primary, <host>:<port>, an IPv6 in brackets; several addresses of it are tried in turn."),
    Keyword("tsig_key_file", "rfc2136: a file (mode 0600) with the key that signs, <algorithm>:<name>:<base64>."),
    Keyword("timeout", "Seconds one call may take.", "10"),
    Keyword("seedlists", "The directory where services on this node tell the members of their replica sets.", str(SEEDLISTS)),
    Keyword("runtime_dir", "The writer's mark and what it remembers live here.", "/run/osvc_ha/<namespace>.<service>.dns"),
)
LONGEST_TTL = 86400
SHORTEST_TTL = 5


class Mode(Enum):
    """How a global name finds its addresses."""

    ROUND_ROBIN = "round-robin"
    VIP = "vip"
    LOAD_BALANCER = "load-balancer"


@dataclass(frozen=True)
class GlobalName:
    """One name for the whole cluster, absolute."""

    name: str
    mode: Mode


@dataclass(frozen=True)
class Config:
    """The parsed keywords. Names are absolute and canonical; times in seconds; ``path`` is "" by hand; a TTL of 1 is ``auto``."""

    domain: str
    zone: str = ""
    path: str = ""
    provider: str = "cloudflare"
    policy: str = "upsert-only"
    node_names: bool = True
    ingress: str = ""
    global_names: Tuple[GlobalName, ...] = ()
    vip: Tuple[str, ...] = ()
    mongo: Tuple[Seedlist, ...] = ()
    node_ttl: int = 300
    global_ttl: int = 60
    service_ttl: int = 60
    mongo_ttl: int = 60
    node_proxied: bool = False
    global_proxied: Tuple[str, ...] = ()
    dead_node: str = "withdraw"
    grace: float = 300.0
    settle: float = 10.0
    allow_private: bool = False
    allow_mass_change: bool = False
    token_file: str = ""
    token_env: str = "CLOUDFLARE_API_TOKEN"
    api_url: str = CLOUDFLARE
    account: str = ""
    origin_check: str = "tcp:443"
    budget: int = 300
    server: str = ""
    tsig_key_file: str = ""
    timeout: float = 10.0
    seedlists: Path = SEEDLISTS
    runtime_dir: Path = Path("/run/osvc_ha/dns")

    @property
    def mark_file(self) -> Path:
        """There while this node is the writer."""
        return self.runtime_dir / "writer"

    @property
    def memory_file(self) -> Path:
        """Since when which node is gone, and which ingress node is back."""
        return self.runtime_dir / "memory.json"

    @classmethod
    def parse(cls, keywords: Mapping[str, str]) -> Config:
        """Keywords as strings -> Config. Raises ConfigError naming the keyword, its value and what would do."""
        refuse_unknown("dns", keywords, KEYWORDS)
        given = {name: value.strip() for name, value in keywords.items() if value.strip()}
        if "domain" not in given:
            raise ConfigError("dns: domain is missing; set it to the domain whose names follow the cluster, such as ha.example.com")
        domain = _read(given, "domain", lambda text, _: _domain(text), "")
        values: dict[str, Any] = {"domain": domain, "zone": domain}
        for name in given:
            values[FIELDS.get(name, name)] = _read(given, name, READERS[name], domain)
        values.setdefault("runtime_dir", _runtime_dir(values.get("path", "")))
        found = cls(**values)
        for refusal in _refusals(found):
            raise ConfigError(f"dns: {refusal}")
        return found


def _read(given: Mapping[str, str], name: str, reader: Callable[[str, str], Any], domain: str) -> Any:
    try:
        if not given[name].isprintable():
            raise ConfigError("holds a control character; write it on one line")
        return reader(given[name], domain)
    except ConfigError as error:
        raise ConfigError(f"dns: {name}={given[name]!r}: {error}") from error


def _domain(text: str) -> str:
    found = canonical_name(text)
    if found.startswith("*."):
        raise ConfigError("is a wildcard; name the domain itself")
    return found


def _one_of(*words: str) -> Callable[[str, str], str]:
    def read(text: str, domain: str) -> str:
        if text not in words:
            raise ConfigError(f"is none of {', '.join(words)}")
        return text

    return read


def _whole(least: int, most: int) -> Callable[[str, str], int]:
    return lambda text, domain: whole(text, least, most)


def _ttl(text: str, domain: str) -> int:
    return 1 if text == AUTO else whole(text, SHORTEST_TTL, LONGEST_TTL)


def _globals(text: str, domain: str) -> Tuple[GlobalName, ...]:
    found: dict[str, GlobalName] = {}
    for word in text.split():
        name, _, mode = word.partition("=")
        if mode not in [one.value for one in Mode]:
            raise ConfigError(f"{word!r} is not <name>=<mode>, the mode one of {', '.join(one.value for one in Mode)}")
        one = GlobalName(absolute(name, domain), Mode(mode))
        if one.name in found:
            raise ConfigError(f"{name} comes twice")
        if one.mode is Mode.LOAD_BALANCER and one.name.startswith("*."):
            raise ConfigError(f"{word!r}: a load balancer has one host name; name the hosts")
        found[one.name] = one
    return tuple(found.values())


def _addresses(text: str, domain: str) -> Tuple[str, ...]:
    try:
        found = [ip_address(one.strip()) for one in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"{error}; want an IPv4, an IPv6, or both separated by a comma") from error
    if len({one.version for one in found}) < len(found):
        raise ConfigError("has two addresses of one family; a VIP is one address")
    return tuple(str(one) for one in found)


def _server(text: str, domain: str) -> str:
    parse_servers(text)
    return text


def _path(text: str, domain: str) -> str:
    if not text.startswith("/"):
        raise ConfigError("is not an absolute path")
    return text


def _origin_check(text: str, domain: str) -> str:
    kind, _, rest = text.partition(":")
    number, slash, _ = rest.partition("/")
    try:
        port(number)
    except ConfigError:
        kind = ""
    if kind not in ("tcp", "http", "https") or (kind == "tcp" and slash):
        raise ConfigError("is not tcp:<port>, http:<port>/<path> or https:<port>/<path>")
    return text


def _runtime_dir(path: str) -> Path:
    namespace, _, name = (path or "//").split("/")
    return Path(f"/run/osvc_ha/{namespace}.{name}.dns" if path else "/run/osvc_ha/dns")


FIELDS = {"global": "global_names"}
READERS: Mapping[str, Callable[[str, str], Any]] = {
    **{name: lambda text, domain: text for name in ("token_env", "api_url", "account")},
    **{name: lambda text, domain: truth(text) for name in ("node_names", "node_proxied", "allow_private", "allow_mass_change")},
    **{name: _ttl for name in ("node_ttl", "global_ttl", "service_ttl", "mongo_ttl")},
    **{name: lambda text, domain: full_path(text) for name in ("path", "ingress")},
    **{name: _path for name in ("token_file", "tsig_key_file")},
    **{name: _whole(0, 86400) for name in ("grace", "settle")},
    "domain": lambda text, domain: domain,
    "zone": lambda text, domain: _domain(text),
    "provider": _one_of("cloudflare", "rfc2136"),
    "policy": _one_of("upsert-only", "sync"),
    "dead_node": _one_of("withdraw", "ingress"),
    "global": _globals,
    "vip": _addresses,
    "mongo": lambda text, domain: parse_seedlists(text),
    "global_proxied": lambda text, domain: tuple(absolute(one, domain) for one in text.split()),
    "origin_check": _origin_check,
    "budget": _whole(1, 1200),
    "server": _server,
    "timeout": _whole(1, 300),
    **{name: lambda text, domain: Path(_path(text, domain)) for name in ("runtime_dir", "seedlists")},
}


def _refusals(found: Config) -> list[str]:
    """What cannot go together, one sentence each."""
    modes = {one.mode for one in found.global_names}
    names = {one.name for one in found.global_names}
    cloudflare = found.provider == "cloudflare"
    ttls = (found.node_ttl, found.global_ttl, found.service_ttl, found.mongo_ttl)
    stray = [name for name in found.global_proxied if name not in names]
    judged = (
        (not is_below(found.domain, found.zone), f"zone={found.zone}: domain={found.domain} is not below it"),
        (bool(modes - {Mode.VIP}) and not found.ingress, "global has a name that follows the ingress nodes; set ingress to the l4 service"),
        (found.dead_node == "ingress" and not found.ingress, "dead_node=ingress: set ingress to the l4 service"),
        (Mode.VIP in modes and not found.vip, "global has a name in vip mode; set vip to the address"),
        (Mode.LOAD_BALANCER in modes and not cloudflare, "load-balancer is Cloudflare's; use round-robin with rfc2136"),
        (not cloudflare and 1 in ttls, "a TTL of auto is Cloudflare's; set it in seconds"),
        (
            not cloudflare and (found.node_proxied or bool(names & set(found.global_proxied))),
            "only Cloudflare has a proxy; set none proxied",
        ),
        (not cloudflare and not found.server, "provider=rfc2136: set server to <host>:<port> of the primary"),
        (bool(stray), f"global_proxied: {', '.join(stray)} is not in global"),
    )
    return [sentence for wrong, sentence in judged if wrong]
