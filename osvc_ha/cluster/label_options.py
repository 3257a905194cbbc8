"""The grammar of one label: which options there are, what each may hold, and what is said when it does not.

Every parser takes the text and returns the value, or raises ConfigError with the end of the sentence
``service prod/svc/redis: osvc.l4.port=70000 ...``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Tuple

from osvc_ha.cluster.alphabets import FILE_PATH, GROUP, HOST_NAME, LONGEST_NAME, URL_PATH, is_of
from osvc_ha.cluster.listeners import Check
from osvc_ha.planner.errors import ConfigError

PREFIX = "osvc.l4."
PATRONI_REST_PORT = 8008
MOST_CONNECTIONS = 1_000_000
BALANCES = ("roundrobin", "static-rr", "leastconn", "first", "source", "random")
CHECKS: Mapping[str, Check] = MappingProxyType({check.value: check for check in Check if check is not Check.HTTP})
# PROXY protocol headers break these servers' own protocols.
SPEAK_PROXY = frozenset({Check.TCP, Check.HTTP})
# TLS from the first byte on, and nothing asked of whoever checks: PostgreSQL speaks it later, and Redis wants a client's certificate.
SPEAK_TLS = frozenset({Check.TCP, Check.HTTP, Check.MONGO, Check.MONGO_PRIMARY, Check.PATRONI})


def port(text: str) -> int:
    """1 to 65535, in plain digits."""
    number = int(text) if len(text) <= 5 and text.isascii() and text.isdigit() else 0
    if not 1 <= number <= 65535:
        raise ConfigError("is not a port (1-65535)")
    return number


def truth(text: str) -> bool:
    """true or false, in any case."""
    word = text.lower()
    if word not in ("true", "false"):
        raise ConfigError("is neither true nor false")
    return word == "true"


def check(text: str) -> Tuple[Check, str]:
    """The check and, for ``http:/path``, the path."""
    if text.startswith("http:"):
        path = text[len("http:") :]
        if not path.startswith("/") or not is_of(URL_PATH, path):
            raise ConfigError("is not http:/path, a path as it stands in a URL, special characters as %XX")
        return Check.HTTP, path
    found = CHECKS.get(text)
    if found is None:
        raise ConfigError(f"is not a check ({', '.join(CHECKS)}, http:/path)")
    return found, ""


def balance(text: str) -> str:
    """One of HAProxy's algorithms that need no argument."""
    if text not in BALANCES:
        raise ConfigError(f"is not a balance ({', '.join(BALANCES)})")
    return text


def maxconn(text: str) -> int:
    """1 to 1,000,000 connections."""
    number = int(text) if len(text) <= 7 and text.isascii() and text.isdigit() else 0
    if not 1 <= number <= MOST_CONNECTIONS:
        raise ConfigError(f"is not a number of connections (1-{MOST_CONNECTIONS})")
    return number


def sni(text: str) -> str:
    """A host name, or ``*.`` and a host name."""
    bare = text[2:] if text.startswith("*.") else text
    if not is_of(HOST_NAME, bare) or bare.startswith((".", "-")) or ".." in bare:
        raise ConfigError("is not a host name (letters, digits, dots, dashes; *. in front for all below)")
    return text


def group(text: str) -> str:
    """A Sentinel master name."""
    if not is_of(GROUP, text, LONGEST_NAME):
        raise ConfigError(f"is not a Sentinel group name (letters, digits, dot, dash, underscore; up to {LONGEST_NAME})")
    return text


def auth(text: str) -> str:
    """The absolute path of a credentials file: the credentials themselves never stand in a label."""
    if not text.startswith("/") or not is_of(FILE_PATH, text):
        raise ConfigError("is not the absolute path of a credentials file")
    return text


OPTIONS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "enable": truth,
        "port": port,
        "target_port": port,
        "check": check,
        "check_port": port,
        "check_tls": truth,
        "sni": sni,
        "balance": balance,
        "maxconn": maxconn,
        "group": group,
        "sentinel_port": port,
        "auth": auth,
        "send_proxy": truth,
    }
)
# They describe the service rather than one port of it: without a listener name they hold for all its listeners.
SHARED = frozenset({"group", "sentinel_port", "auth"})
