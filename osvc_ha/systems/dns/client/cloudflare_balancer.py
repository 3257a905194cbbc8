"""Cloudflare's load balancers as records of the type LB: monitor, pool and load balancer of one name, kept together.

All three bear our mark as the first word of their description, and the name behind it: a write that was cut off finds them
again. What a person set on an origin, a weight or "disabled", stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Optional

from osvc_ha.systems.dns.state import AUTOMATIC, LOAD_BALANCER, Change, Do, Owner, Record

from .cloudflare_calls import TRIES, Calls
from .cloudflare_errors import NoAnswer, Refusal
from .cloudflare_records import owner_of
from .cloudflare_zone import ZoneMemory

ZONE_RIGHT = "Zone.Load Balancers:Edit"
ACCOUNT_RIGHT = "Account.Load Balancing: Monitors And Pools:Edit"
MONITOR = "monitor="
USUAL_PORT = {"http": 80, "https": 443}

Row = dict[str, Any]


class Balancers:
    """The load balancers of the zone, and the pools and monitors of its account."""

    def __init__(self, calls: Calls, memory: ZoneMemory, mark: str) -> None:
        self.calls = calls
        self.memory = memory
        self.mark = mark
        self._balancers: list[Row] = []
        self._pools: dict[str, Row] = {}
        self._monitors: dict[str, Row] = {}

    def look(self) -> list[Record]:
        """Every load balancer of the zone as a record; ours with its origins and monitor. Three calls."""
        zone, account = self.memory.zone().ident, self._account()

        def balancers(client: Any) -> Any:
            return client.load_balancers.with_streaming_response.list(zone_id=zone)

        def pools(client: Any) -> Any:
            return client.load_balancers.pools.with_streaming_response.list(account_id=account)

        def monitors(client: Any) -> Any:
            return client.load_balancers.monitors.with_streaming_response.list(account_id=account)

        self._balancers = list(self.calls.get("listing load balancers", ZONE_RIGHT, balancers).get("result") or ())
        self._pools = _by_id(self.calls.get("listing pools", ACCOUNT_RIGHT, pools))
        self._monitors = _by_id(self.calls.get("listing monitors", ACCOUNT_RIGHT, monitors))
        return [self._record(row) for row in self._balancers]

    def write(self, changes: Sequence[Change]) -> list[tuple[Change, str]]:
        """Each of them; what was refused, and why. Raises what Calls raises when nothing more can be done."""
        refused: list[tuple[Change, str]] = []
        if changes:
            self.look()
        for change in changes:
            try:
                self._repeated(change)
            except Refusal as refusal:
                if refusal.about_access:
                    raise
                refused.append((change, str(refusal)))
        return refused

    def _repeated(self, change: Change) -> None:
        """After no answer, look, and do what is still missing: what is there by its description is not made again."""
        for tried in range(1, TRIES + 1):
            try:
                (self._gone if change.do is Do.DELETE else self._there)(change.record)
                return
            except NoAnswer:
                if tried == TRIES:
                    raise
                self.calls.pause(tried)
                self.look()

    def _there(self, record: Record) -> None:
        """Monitor, pool, load balancer: each altered where it is another, made where it is missing."""
        origins, check = _parts(record.value)
        about = f"{self.mark} {record.name}"
        monitor = self._kept("monitors", _ours(self._monitors, about), {**_monitor(check), "description": f"{about} {check}"})
        pool = _ours(self._pools, about)
        known = {origin["name"]: origin for origin in (pool or {}).get("origins") or ()}
        wanted = [{**{"enabled": True, **known.get(name, {})}, "name": name, "address": address} for name, address in origins]
        fields = {"name": _pool_name(about), "origins": wanted, "monitor": monitor["id"], "description": about}
        pool = self._kept("pools", pool, fields)
        fields = {"name": record.name, "default_pools": [pool["id"]], "fallback_pool": pool["id"], "proxied": record.proxied}
        if not record.proxied:
            fields["ttl"] = record.ttl if record.ttl != AUTOMATIC else 30
        balancer = next((row for row in self._balancers if row["name"] == record.name and self._owner(row) is Owner.OURS), None)
        self._kept("load_balancers", balancer, {**fields, "description": (balancer or {}).get("description") or about})

    def _kept(self, kind: str, there: Optional[Row], fields: Row) -> Row:
        """The thing with these fields, in one call, or none when it has them already."""
        if there is not None and all(there.get(name) == value for name, value in fields.items()):
            return there
        ident = "" if there is None else str(there["id"])

        def ask(client: Any) -> Any:
            things, scope = self._things(client, kind)
            if ident:
                return things.edit(ident, **scope, extra_body=fields)
            return things.create(**scope, **_required(kind, fields), extra_body=fields)

        what = f"{'edit' if ident else 'create'} {kind} {fields['description'].partition(' ')[2]}"
        row: Row = self.calls.send(what, self._right(kind), ask)["result"]
        {"monitors": self._monitors, "pools": self._pools}.get(kind, {})[row["id"]] = row
        return row

    def _gone(self, record: Record) -> None:
        """The load balancer, then its pool and monitor where they are ours."""
        about = f"{self.mark} {record.name}"
        for row in [row for row in self._balancers if row["name"] == record.name and self._owner(row) is Owner.OURS]:
            self._delete("load_balancers", row)
        for kind, rows in (("pools", self._pools), ("monitors", self._monitors)):
            there = _ours(rows, about)
            if there is not None:
                self._delete(kind, there)

    def _delete(self, kind: str, row: Row) -> None:
        def ask(client: Any) -> Any:
            things, scope = self._things(client, kind)
            return things.delete(row["id"], **scope)

        try:
            self.calls.send(f"delete {kind} {row.get('name') or row['id']}", self._right(kind), ask)
        except Refusal as refusal:
            if refusal.status != 404:
                raise

    def _things(self, client: Any, kind: str) -> tuple[Any, Row]:
        if kind == "load_balancers":
            return client.load_balancers.with_streaming_response, {"zone_id": self.memory.zone().ident}
        return getattr(client.load_balancers, kind).with_streaming_response, {"account_id": self._account()}

    def _right(self, kind: str) -> str:
        return ZONE_RIGHT if kind == "load_balancers" else ACCOUNT_RIGHT

    def _account(self) -> str:
        return self.memory.config.account or self.memory.zone().account

    def _owner(self, row: Row) -> Owner:
        return owner_of(row.get("description"), self.mark)

    def _record(self, row: Row) -> Record:
        pools = list(row.get("default_pools") or ())
        pool = self._pools.get(pools[0], {}) if len(pools) == 1 and row.get("fallback_pool") == pools[0] else {}
        proxied = row.get("proxied") is True
        ttl = AUTOMATIC if proxied else int(row.get("ttl") or 30)
        return Record(row["name"].lower(), LOAD_BALANCER, self._value(pool), ttl, proxied, self._owner(row), row["id"])

    def _value(self, pool: Row) -> str:
        """Without a pool of one's own this is no value that the plan could want, so the pool is put right."""
        origins = sorted(f"{origin['name']}={origin['address']}" for origin in pool.get("origins") or ())
        monitor = self._monitors.get(pool.get("monitor") or "")
        return " ".join([*origins, *([MONITOR + _check(monitor)] if monitor else [])])


def _by_id(told: Row) -> dict[str, Row]:
    return {row["id"]: row for row in told.get("result") or ()}


def _ours(rows: dict[str, Row], about: str) -> Optional[Row]:
    return next((row for row in rows.values() if f"{row.get('description')} ".startswith(f"{about} ")), None)


def _parts(value: str) -> tuple[list[tuple[str, str]], str]:
    """([(origin, address)], check) of a record's value."""
    words = value.split()
    check = next((word[len(MONITOR) :] for word in words if word.startswith(MONITOR)), "tcp:443")
    pairs = [word.partition("=") for word in words if not word.startswith(MONITOR)]
    return [(name, address) for name, _, address in pairs], check


def _monitor(check: str) -> Row:
    """``tcp:443`` or ``http:80/path`` as a monitor's fields."""
    kind, _, rest = check.partition(":")
    port, slash, path = rest.partition("/")
    fields: Row = {"type": kind, "port": int(port) if port.isdecimal() else 0}
    if kind != "tcp":
        fields.update(method="GET", path=slash + path or "/", expected_codes="2xx")
    return fields


def _check(monitor: Row) -> str:
    """What it checks, as the keyword was written, as long as it does that."""
    written = str(monitor.get("description") or "").rpartition(" ")[2]
    if ":" in written and all(monitor.get(name) == value for name, value in _monitor(written).items()):
        return written
    kind = str(monitor.get("type") or "http")
    path = str(monitor.get("path") or "") if kind != "tcp" else ""
    return f"{kind}:{monitor.get('port') or USUAL_PORT.get(kind, 0)}{path if path != '/' else ''}"


def _pool_name(about: str) -> str:
    """Letters, digits, dashes; one of a kind in the account."""
    return "osvc-ha-" + hashlib.sha256(about.encode()).hexdigest()[:24]


def _required(kind: str, fields: Row) -> Row:
    """What the SDK's functions insist on."""
    names = {"monitors": (), "pools": ("name", "origins"), "load_balancers": ("name", "default_pools", "fallback_pool")}[kind]
    return {name: fields[name] for name in names}
