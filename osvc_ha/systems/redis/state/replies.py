"""From Redis' and Sentinel's replies to Server and Sentinel. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from osvc_ha.redis_resp import Reply
from osvc_ha.systems.redis.state import Health, Seen, Sentinel, Server


@dataclass(frozen=True)
class Names:
    """Which node an address means: names, their resolved addresses, case and ports brought to one form."""

    nodes: Mapping[str, str]
    port: int
    sentinel_port: int

    def server(self, host: str, port: str) -> str:
        """The node of a redis-server's address, or ``host:port``; empty for none."""
        return self._node(host, port, self.port)

    def sentinel(self, host: str, port: str) -> str:
        """The node of a Sentinel's address, or ``host:port``."""
        return self._node(host, port, self.sentinel_port)

    def _node(self, host: str, port: str, ours: int) -> str:
        if not host or port in ("", "0"):
            return ""
        known = self.nodes.get(host.lower().rstrip(".")) if port == str(ours) else None
        return known or f"{host}:{port}"


def parse_info(text: str) -> dict[str, str]:
    """``INFO``: one flat mapping; sections do not repeat keys."""
    pairs = (line.partition(":") for line in text.splitlines() if line and not line.startswith("#"))
    return {key: value for key, _, value in pairs}


def parse_pairs(reply: Reply) -> dict[str, str]:
    """``[k, v, k, v]``, as CONFIG GET and SENTINEL MASTER answer; empty for anything else."""
    if not isinstance(reply, Sequence) or isinstance(reply, str):
        return {}
    words = [str(word) for word in reply]
    return dict(zip(words[::2], words[1::2]))


def parse_server(node: str, info: Mapping[str, str], settings: Mapping[str, str], handover: bool, names: Names) -> Server:
    """INFO and ``CONFIG GET *replica*`` -> Server. Numbers that are missing count as 0."""
    replica = info.get("role") == "slave"
    max_lag = number(settings.get("min-replicas-max-lag"), 10)
    return Server(
        node=node,
        health=Health.LOADING if info.get("loading") == "1" else Health.ANSWERS,
        role=info.get("role", ""),
        master=names.server(info.get("master_host", ""), info.get("master_port", "")) if replica else "",
        link_up=info.get("master_link_status") == "up",
        offset=number(info.get("slave_repl_offset" if replica else "master_repl_offset")),
        keys=sum(
            number(dict(part.split("=", 1) for part in value.split(",")).get("keys"))
            for key, value in info.items()
            if key.startswith("db") and value.startswith("keys=")
        ),
        priority=number(settings.get("replica-priority"), 100),
        min_replicas=number(settings.get("min-replicas-to-write")),
        max_lag=max_lag,
        announce=settings.get("replica-announce-ip", ""),
        good=sum(_good(value, max_lag) for key, value in info.items() if key[5:].isdigit() and key.startswith("slave")),
        handover=handover,
        uptime=number(info.get("uptime_in_seconds")),
        pid=number(info.get("process_id")),
        file=info.get("config_file", ""),
    )


def _good(replica: str, max_lag: int) -> bool:
    """``ip=..,port=..,state=online,offset=..,lag=0``: as refreshGoodSlavesCount (replication.c) counts."""
    fields = dict(part.partition("=")[::2] for part in replica.split(","))
    return fields.get("state") == "online" and number(fields.get("lag"), max_lag + 1) <= max_lag


def parse_sentinel(node: str, master: Reply, address: Reply, replicas: Reply, sentinels: Reply, names: Names) -> Sentinel:
    """SENTINEL MASTER, get-master-addr-by-name, REPLICAS and SENTINELS -> Sentinel.

    Whom it names is get-master-addr-by-name: during a failover SENTINEL MASTER still prints the old address.
    """
    fields = parse_pairs(master)
    named = [str(word) for word in address] if isinstance(address, list) and len(address) == 2 else ["", ""]
    return Sentinel(
        node=node,
        health=Health.ANSWERS,
        monitors=bool(fields),
        master=names.server(named[0], named[1]),
        deposing="failover_in_progress" in _flags(fields) and (fields.get("ip"), fields.get("port")) == tuple(named),
        epoch=number(fields.get("config-epoch"), -1),
        quorum=number(fields.get("quorum")),
        down_after=number(fields.get("down-after-milliseconds")),
        failover_timeout=number(fields.get("failover-timeout")),
        flags=_flags(fields),
        settled_for=number(fields.get("role-reported-time")),
        replicas=tuple(sorted((_seen(item, names.server) for item in _items(replicas)), key=_where)),
        sentinels=tuple(sorted((_seen(item, names.sentinel) for item in _items(sentinels)), key=_where)),
    )


def _items(reply: Reply) -> list[dict[str, str]]:
    return [parse_pairs(item) for item in reply] if isinstance(reply, list) else []


def _seen(fields: Mapping[str, str], locate: Callable[[str, str], str]) -> Seen:
    return Seen(
        where=locate(fields.get("ip", ""), fields.get("port", "")),
        flags=_flags(fields),
        link_up=fields.get("master-link-status", "ok") == "ok",
        priority=number(fields.get("slave-priority"), 100),
        down_for=number(fields.get("s-down-time")),
    )


def _where(seen: Seen) -> str:
    return seen.where


def _flags(fields: Mapping[str, str]) -> frozenset[str]:
    return frozenset(filter(None, fields.get("flags", "").split(",")))


def number(text: Optional[str], default: int = 0) -> int:
    """A decimal number, or the default for anything else."""
    try:
        return int(text) if text is not None else default
    except ValueError:
        return default
