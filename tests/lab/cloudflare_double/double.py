"""The double itself: what it holds, and which call is which."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Optional

from .answers import Refused, page_of, success, wrapped
from .balancers import Balancers
from .faults import Fault, Faults
from .limits import CallLimit
from .server import Server
from .tokens import ALL_RIGHTS, Token, refuse_expired, who_calls
from .zone import Zone

RECORDS_USUAL, RECORDS_MOST = 100, 5000
ZONES_USUAL, ZONES_MOST = 20, 50
LB_ZONE, LB_ACCOUNT = "Load Balancers:Edit", "Load Balancing: Monitors And Pools:Edit"
# (HTTP status, code, words) for a zone that is not there, or no more; which of them comes is not documented.
GONE = {
    9109: (403, 9109, "Unauthorized to access requested resource"),
    1001: (400, 1001, "Invalid zone identifier"),
    7003: (404, 7003, "Could not route to {path}, perhaps your object identifier is invalid?"),
}


class Double:
    """Cloudflare's API on loopback, until ``close``. ``clock``: what its call limit goes by."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.zones: dict[str, Zone] = {}
        self.tokens: dict[str, Token] = {}
        self.balancers = Balancers()
        self.faults = Faults()
        self.limit = CallLimit(clock)
        self.gone = 9109
        # (method, path without the version, status) of every call, as it was answered; 0: it was not.
        self.calls: list[tuple[str, str, int]] = []
        self.closing = threading.Event()
        self.lock = threading.RLock()
        self._server = Server(self)
        self.url = self._server.url

    def __enter__(self) -> Double:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Answer nobody any more."""
        self.closing.set()
        self._server.close()

    def add_zone(self, name: str = "example.com", plan: str = "free", records_at_most: Optional[int] = None) -> Zone:
        """A zone without records."""
        zone = Zone(name, plan, records_at_most)
        self.zones[zone.ident] = zone
        return zone

    def add_token(self, rights: Iterable[str] = ALL_RIGHTS, zones: Optional[Iterable[Zone]] = None) -> Token:
        """A token of 40 characters."""
        token = Token(secrets.token_hex(20), frozenset(rights), None if zones is None else frozenset(zone.ident for zone in zones))
        self.tokens[token.secret] = token
        return token

    def fail(self, kind: str, method: str = "", path: str = "", times: int = 1, **more: Any) -> None:
        """Have the next matching calls go wrong; see faults.py."""
        self.faults.add(Fault(kind, method, path, times, **more))

    def delete_zone(self, zone: Zone) -> None:
        """As its owner does in the dashboard."""
        del self.zones[zone.ident]

    def writes(self) -> list[tuple[str, str, int]]:
        """The calls that were no look."""
        return [call for call in self.calls if call[0] != "GET"]

    def answer(self, method: str, path: str, query: dict[str, str], headers: Any, given: dict[str, Any]) -> bytes:
        """The body of a success, or Refused."""
        token = who_calls(self.tokens, headers.get("Authorization"), "X-Auth-Key" in headers or "X-Auth-Email" in headers)
        if (method, path) == ("GET", "/user/tokens/verify"):
            return success(token.verified())
        refuse_expired(token)
        if (method, path) == ("GET", "/zones"):
            return self._zones(token, query)
        found = re.fullmatch(r"/zones/([^/]+)(/dns_records|/load_balancers)?(?:/([^/]+))?", path)
        if found:
            return self._in_zone(token, method, path, found, query, given)
        found = re.fullmatch(r"/accounts/[^/]+/load_balancers/(monitors|pools)(?:/([^/]+))?", path)
        if found:
            token.require(LB_ACCOUNT)
            return self._balancing(found[1], method, found[2], query, given)
        raise Refused(404, 7000, "No route for that URI")

    def _zones(self, token: Token, query: dict[str, str]) -> bytes:
        if "Zone:Read" not in token.rights:
            # Seen in reports of cert-manager's users.
            right = "com.cloudflare.api.account.zone.list"
            raise Refused(403, 0, f"Actor 'com.cloudflare.api.token.{token.ident}' requires permission '{right}' to list zones")
        seen = [zone for zone in self.zones.values() if token.sees(zone.ident) and query.get("name", zone.name) == zone.name]
        part, page = page_of(len(seen), query, ZONES_USUAL, ZONES_MOST)
        return success([zone.public() for zone in seen[part]], page)

    def _in_zone(self, token: Token, method: str, path: str, found: Any, query: dict[str, str], given: dict[str, Any]) -> bytes:
        if found[1] not in self.zones:
            status, code, words = GONE[self.gone]
            raise Refused(status, code, words.format(path=path))
        zone = self.zones[found[1]]
        if found[2] is None:
            token.require("Zone:Read", zone.ident)
            return success(zone.public())
        if found[2] == "/load_balancers":
            token.require(LB_ZONE, zone.ident)
            return self._balancing("load_balancers", method, found[3], query, given)
        token.require("DNS:Edit" if method != "GET" or "DNS:Read" not in token.rights else "DNS:Read", zone.ident)
        return _records(zone, method, found[3], query, given)

    def _balancing(self, kind: str, method: str, ident: Optional[str], query: dict[str, str], given: dict[str, Any]) -> bytes:
        if ident is None and method == "GET":
            things = list(self.balancers.kept[kind].values())
            part, page = page_of(len(things), query, 50, 1000)
            return success(things[part], page)
        if ident is None and method == "POST":
            return success(self.balancers.create(kind, given))
        acts = {"PATCH": self.balancers.edit, "PUT": self.balancers.overwrite}
        if ident is not None and method in acts:
            return success(acts[method](kind, ident, given))
        if ident is not None and method in ("GET", "DELETE"):
            return success((self.balancers.get if method == "GET" else self.balancers.delete)(kind, ident))
        raise Refused(405, 10405, "Method not allowed for this authentication scheme")


def _records(zone: Zone, method: str, ident: Optional[str], query: dict[str, str], given: dict[str, Any]) -> bytes:
    if method == "GET" and ident is None:
        found = [record for record in zone.records.values() if _matches(record, query)]
        part, page = page_of(len(found), query, RECORDS_USUAL, RECORDS_MOST)
        return wrapped(zone.text(found[part]), page)
    if method == "POST" and ident == "batch":
        return success(zone.batch(given))
    if method == "POST" and ident is None:
        return success(zone.create(given))
    if ident is None:
        raise Refused(405, 10405, "Method not allowed for this authentication scheme")
    if method == "DELETE":
        return success({"id": zone.delete(ident)["id"]})
    acts = {"PATCH": zone.edit, "PUT": zone.overwrite}
    return success(acts[method](ident, given) if method in acts else zone.get(ident))


FILTERS: dict[str, Callable[[str, str], bool]] = {
    "": str.__eq__,
    "exact": str.__eq__,
    "contains": str.__contains__,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "present": lambda value, _: bool(value),
    "absent": lambda value, _: not value,
}


def _matches(record: dict[str, Any], query: dict[str, str]) -> bool:
    """All filters that were given; each ignores case, as documented."""
    for given, wanted in query.items():
        field, _, how = given.partition(".")
        if field in ("name", "type", "content", "comment") and not FILTERS[how](str(record.get(field) or "").lower(), wanted.lower()):
            return False
    return True
