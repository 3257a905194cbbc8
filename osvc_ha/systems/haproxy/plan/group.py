"""The check-only backends from which HAProxy decides alone who a Redis group's master is. Pure; ``plan`` has the theory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Tuple

from osvc_ha.systems.haproxy.config import ASK, RECIPES, Config, resp, with_auth
from osvc_ha.systems.haproxy.state import MARK, Fragment, Server

Members = Mapping[str, Tuple[str, int]]


def render_group(config: Config, group: str, master: str, auth: str, sentinel_port: int, members: Members) -> Fragment:
    """Per node: has it called itself master for long, was it a replica until lately, and which Sentinels vote for it."""
    key = f"group {group}"
    parts = [_of_node(config, group, node, master, auth, sentinel_port, members) for node in members]
    servers = tuple(server for _, found in parts for server in found)
    return Fragment(key, f"{MARK}{key}\n" + "".join(text for text, _ in parts), servers=servers, auth=auth)


def _of_node(
    config: Config, group: str, node: str, master: str, auth: str, sentinel_port: int, members: Members
) -> Tuple[str, Tuple[Server, ...]]:
    address, port = members[node]
    checks = max(1, -(-config.claim // config.check_interval))
    role, was = f"role:{group}:{node}", f"was:{group}:{node}"
    lines = [f"backend {role}\n", with_auth(RECIPES["role"], auth), f"    server {node} {address}:{port} fall 1 rise {checks}\n"]
    # Two more, so that the one has risen before the other has fallen.
    lines += [f"backend {was}\n", with_auth(RECIPES["was"], auth), f"    server {node} {address}:{port} fall {checks + 2} rise 1\n"]
    lines += _votes(group, node, master, auth, sentinel_port, members)
    voters = tuple(Server(f"vote:{group}:{node}", voter, where, sentinel_port) for voter, (where, _) in members.items())
    return "".join(lines), (Server(role, node, address, port), Server(was, node, address, port), *voters)


def _votes(group: str, node: str, master: str, auth: str, sentinel_port: int, members: Members) -> Iterator[str]:
    address, port = members[node]
    yield f"backend vote:{group}:{node}\n"
    yield with_auth(ASK, f"{auth}.sentinel" if auth else "")
    yield f"    tcp-check send-binary {resp('SENTINEL', 'get-master-addr-by-name', master).hex()}\n"
    # A regex, because HAProxy waits until the time-out for a reply as long as a fixed text: a shorter address would linger.
    yield f"    tcp-check expect min-recv 5 rbinary {resp(address, str(port), kind='*2' + chr(13) + chr(10)).hex().upper()}\n"
    for voter, (where, _) in members.items():
        yield f"    server {voter} {where}:{sentinel_port} fall 1\n"
