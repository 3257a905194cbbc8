"""Who calls, and what that token may."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import Any, Optional

from .answers import Refused

# Cloudflare's names of the permission groups that matter here.
ALL_RIGHTS = frozenset({"Zone:Read", "DNS:Read", "DNS:Edit", "Load Balancers:Edit", "Load Balancing: Monitors And Pools:Edit"})
# The documented example has 40 characters of these; what exactly counts as malformed is not documented.
WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{30,}")


@dataclass
class Token:
    """One API token. ``zones``: ids it is limited to, None for all. ``status``: active, disabled or expired."""

    secret: str
    rights: frozenset[str] = ALL_RIGHTS
    zones: Optional[frozenset[str]] = None
    status: str = "active"
    ident: str = field(default_factory=lambda: uuid.uuid4().hex)

    def require(self, right: str, zone: str = "") -> None:
        """403 without it (code 10000: cloudflare/terraform-provider-cloudflare and external-dns reports)."""
        if right not in self.rights or (zone and not self.sees(zone)):
            raise Refused(403, 10000, "Authentication error")

    def sees(self, zone: str) -> bool:
        """Is this zone among its resources?"""
        return self.zones is None or zone in self.zones

    def verified(self) -> dict[str, Any]:
        """The result of /user/tokens/verify."""
        return {"id": self.ident, "status": self.status}


def who_calls(tokens: dict[str, Token], authorization: Optional[str], other: bool) -> Token:
    """The token of a call. 9106, 6003, 9109: as reported; that 9109 comes with 403, too.

    other: the call carries X-Auth-Key or X-Auth-Email, which go before a token, and there is no such account here.
    """
    if other:
        raise Refused(400, 6003, "Invalid request headers", [(6103, "Invalid format for X-Auth-Key header")])
    if authorization is None:
        raise Refused(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
    kind, _, secret = authorization.partition(" ")
    if kind != "Bearer" or not WELL_FORMED.fullmatch(secret):
        raise Refused(400, 6003, "Invalid request headers", [(6111, "Invalid format for Authorization header")])
    if secret not in tokens or tokens[secret].status == "disabled":
        raise Refused(403, 9109, "Invalid access token")
    return tokens[secret]


def refuse_expired(token: Token) -> None:
    """What an expired token is answered is not documented; this is what a token without the right gets."""
    if token.status != "active":
        raise Refused(401, 10000, "Authentication error")
