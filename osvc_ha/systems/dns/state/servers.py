"""The keyword ``server``: one or several addresses of a primary. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Tuple

from osvc_ha.cluster.addresses import is_address
from osvc_ha.planner.errors import ConfigError

Server = Tuple[str, int]
PORT = 53


def parse_servers(text: str) -> Tuple[Server, ...]:
    """``ns1.example.com, 192.0.2.1:5353, [2001:db8::1]:53, 2001:db8::1`` -> (host, port) each; the port is 53 where none is given."""
    found = tuple(_server(word) for word in text.replace(",", " ").split())
    if not found:
        raise ConfigError("names no server; want <host>:<port>, an IPv6 address in brackets")
    return found


def _server(word: str) -> Server:
    host, colon, number = word.rpartition(":")
    if is_address(_bare(word)):
        return str(ip_address(_bare(word))), PORT
    if not colon:
        return word, PORT
    bare = _bare(host)
    number_fits = number.isascii() and number.isdecimal() and 0 < int(number) < 65536
    if not number_fits or not bare or (":" in bare) is (bare == host):
        raise ConfigError(f"{word!r} is not <host>:<port>, such as 192.0.2.1:53 or [2001:db8::1]:53")
    return bare, int(number)


def _bare(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host
