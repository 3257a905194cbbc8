"""Listeners as config text. Pure; ``plan`` has the theory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Tuple

from osvc_ha.cluster.addresses import address_of
from osvc_ha.cluster.alphabets import shown
from osvc_ha.cluster.labels import Check, Listener, discover
from osvc_ha.cluster.types import Cluster
from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.haproxy.config import MASTER, RECIPES, Config, with_auth
from osvc_ha.systems.haproxy.state import MARK, Fragment, Server, section

from .group import render_group

AUTHORITY_DECIDES = (Check.REDIS, Check.REDIS_REPLICA, Check.MONGO_PRIMARY, Check.MONGO, Check.PATRONI)


def known_addresses(cluster: Cluster) -> Tuple[Mapping[str, str], Mapping[str, str]]:
    """Node -> address, and node -> what to do where there is none."""
    known: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for name, node in cluster.nodes.items():
        try:
            known[name] = address_of(node, cluster.resolved)
        except ConfigError as error:
            unknown[name] = str(error)
    return known, unknown


@dataclass(frozen=True)
class RedisGroup:
    """One Sentinel group behind HAProxy: its name here, Sentinel's name for it, where its parts are, and its single-writer backends."""

    id: str
    master: str
    servers: Tuple[Tuple[str, str, int], ...]
    sentinel_port: int
    auth: str
    backends: Tuple[str, ...]


def redis_groups(cluster: Cluster) -> Tuple[RedisGroup, ...]:
    """The groups whose authority may move, for whoever pushes it. The names are those that ``desired`` renders."""
    addresses, _ = known_addresses(cluster)
    found: dict[str, RedisGroup] = {}
    for listener in discover(cluster, cluster.containers).listeners:
        if listener.check not in (Check.REDIS, Check.REDIS_REPLICA):
            continue
        group, backend = _group_id(listener), _backend_name(listener)
        servers = tuple((node, addresses[node], listener.target_port) for node in listener.scope if node in addresses)
        before = found.get(group) or RedisGroup(group, listener.group, servers, listener.sentinel_port, listener.auth, ())
        found[group] = replace(before, backends=(*before.backends, backend))
    return tuple(found.values())


def _group_id(listener: Listener) -> str:
    redis = listener.check in (Check.REDIS, Check.REDIS_REPLICA)
    return f"{section(listener.path)}:{listener.group}" if redis else ""


def _backend_name(listener: Listener) -> str:
    group = _group_id(listener)
    return f"l4:{section(listener.key)}" + (f":rw:{group}" if group else "")


def fragments_of(config: Config, listener: Listener, addresses: Mapping[str, str]) -> Iterator[Fragment]:
    """One listener as config text: the checks of its Redis group, if it has one, and the listener itself."""
    group = _group_id(listener)
    if group:
        members = {node: (addresses[node], listener.target_port) for node in listener.scope if node in addresses}
        yield render_group(config, group, listener.group, listener.auth, listener.sentinel_port, members)
    name = section(listener.key)
    backend = _backend_name(listener)
    front = f"{MARK}{listener.key} ({shown(listener.source)})\nfrontend fe:{name}\n"
    front += "".join(f"    bind {bind}:{listener.port}\n" for bind in config.bind)
    if listener.maxconn:
        front += f"    maxconn {listener.maxconn}\n"
    if listener.sni:
        front += "    tcp-request inspect-delay 5s\n"
        front += f"    tcp-request content accept if {{ req.ssl_sni -i {listener.sni} }}\n"
        front += "    tcp-request content reject if { req.ssl_hello_type gt 0 } or WAIT_END\n"
    if listener.check is Check.REDIS_REPLICA:
        replicas = f"l4:{name}:ro:{group}"
        front += f"    use_backend {replicas} if {{ nbsrv({replicas}) gt 0 }}\n"
    text, servers = _backend(backend, listener, addresses, _rules(config, listener, group))
    if listener.check is Check.REDIS_REPLICA:
        rules = _balance(listener) + with_auth(RECIPES["replica"], listener.auth)
        more, others = _backend(replicas, listener, addresses, rules, placed=True)
        text, servers = text + more, servers + others
    yield Fragment(listener.key, f"{front}    default_backend {backend}\n{text}", listener.port, servers, listener.auth)


def _rules(config: Config, listener: Listener, group: str) -> str:
    """The balance and check lines of a listener's (read-write) backend."""
    if group:
        need = len(listener.nodes) // 2 + 1
        return (
            f"    balance first\n{MASTER}{with_auth(RECIPES['role'], listener.auth)}"
            f"    tcp-check connect addr unix@{config.authority_socket}\n"
            f'    tcp-check send-lf "GET /{need}/{group}:%[srv_name] HTTP/1.0\\r\\n\\r\\n"\n'
            "    tcp-check expect min-recv 12 rstring ^HTTP/1.[01]\\ 200\n"
        )
    recipe = RECIPES[listener.check.value].replace("@PATH@", listener.http_path)
    # What a `tcp-check connect` does not say itself it does not do: it passes the server's own check-ssl over.
    return _balance(listener) + (recipe.replace("tcp-check connect", "tcp-check connect ssl") if listener.check_tls else recipe)


def _balance(listener: Listener) -> str:
    return f"    balance {listener.balance}\n" if listener.balance else ""


def _backend(
    name: str, listener: Listener, addresses: Mapping[str, str], rules: str, placed: bool = False
) -> Tuple[str, Tuple[Server, ...]]:
    """One backend with every node of the scope; where an authority decides, placement stays out of it, unless ``placed``.

    Replicas are placed: an instance that is about to stop gets no new readers.
    """
    extra = " send-proxy-v2" if listener.send_proxy else ""
    if listener.check_port and listener.check_port != listener.target_port:
        extra += f" port {listener.check_port}"
    if listener.check_tls:
        # Whose certificate it is, clients verify. They speak TLS to the server themselves.
        extra += " check-ssl verify none"
    port, decided = listener.target_port, listener.check in AUTHORITY_DECIDES and not placed
    servers = tuple(
        Server(name, node, addresses[node], port, "ready" if decided else where.value)
        for node, where in listener.nodes
        if node in addresses
    )
    lines = "".join(f"    server {server.name} {server.address}:{port}{extra}\n" for server in servers)
    return f"backend {name}\n{rules}{lines}", servers
