"""What a record may be: completed, normalised, or refused."""

from __future__ import annotations

import ipaddress
from typing import Any

from .answers import Refused, invalid

PROXIABLE = frozenset({"A", "AAAA", "CNAME"})
TYPES = PROXIABLE | {"CAA", "CERT", "DNSKEY", "DS", "HTTPS", "LOC", "MX", "NAPTR", "NS", "OPENPGPKEY", "PTR", "SMIMEA", "SRV", "SSHFP"}
TYPES |= {"SVCB", "TLSA", "TXT", "URI"}
HIGHEST_TTL = 86400
# /dns/manage-dns-records/reference/record-attributes: characters of a comment, tags of a record, by plan.
COMMENT_AT_MOST = {"free": 100, "pro": 500, "business": 500, "enterprise": 500}
TAGS_AT_MOST = {"free": 0, "pro": 20, "business": 20, "enterprise": 20}
LOWEST_TTL = {"free": 60, "pro": 60, "business": 60, "enterprise": 30}


def completed(given: dict[str, Any], zone: str, plan: str) -> dict[str, Any]:
    """The fields of a record as the API keeps them, from a whole set of them."""
    kind = str(given.get("type", "")).upper()
    if kind not in TYPES or not given.get("name"):
        raise Refused(400, 9207, "Request body is invalid.")
    proxied = bool(given.get("proxied") or False)
    if proxied and kind not in PROXIABLE:
        raise invalid(9004, "This record type cannot be proxied.")
    made = {
        "name": full_name(str(given["name"]), zone),
        "type": kind,
        **value_of(kind, given),
        "proxiable": kind in PROXIABLE,
        "proxied": proxied,
        "ttl": ttl_of(given.get("ttl", 1), proxied, plan),
        "settings": given.get("settings") or {},
        "comment": given.get("comment") or None,
        "tags": list(given.get("tags") or ()),
    }
    refuse_attributes(made, plan)
    return made


def full_name(name: str, zone: str) -> str:
    """A name outside the zone is completed with it, not refused (NewFuture/DDNS#21)."""
    name = name.rstrip(".").encode("idna").decode() if not name.isascii() else name.rstrip(".")
    name = name.lower()
    if name in ("@", zone):
        return zone
    full = name if name.endswith("." + zone) else f"{name}.{zone}"
    if len(full) > 253 or any(not 0 < len(label) <= 63 for label in full.split(".")):
        raise invalid(9000, "DNS name is invalid.")
    return full


def ttl_of(ttl: Any, proxied: bool, plan: str) -> int:
    """1 is automatic, and the only one of a proxied record."""
    if not isinstance(ttl, (int, float)) or isinstance(ttl, bool):
        raise Refused(400, 9207, "Request body is invalid.")
    lowest = LOWEST_TTL[plan]
    if ttl != 1 and not lowest <= ttl <= HIGHEST_TTL:
        raise invalid(9021, f"Invalid TTL. Must be between {lowest} and {HIGHEST_TTL:,} seconds, or 1 for automatic")
    return 1 if proxied else int(ttl)


def value_of(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """content, and for some types data and priority."""
    content = given.get("content")
    if kind in ("A", "AAAA"):
        return {"content": address(kind, str(content or ""))}
    if kind == "SRV":
        return service(given.get("data"))
    if not content and not given.get("data"):
        raise invalid(9104, "content is a required field.")
    if kind in ("CNAME", "NS", "PTR"):
        return {"content": str(content).rstrip(".").lower()}
    if kind == "MX":
        if "priority" not in given:
            raise invalid(9101, "priority is a required field.")
        return {"content": str(content).rstrip(".").lower(), "priority": given["priority"]}
    data = given.get("data")
    return {"content": content or " ".join(str(part) for part in data.values()), **({"data": data} if data else {})}


def address(kind: str, content: str) -> str:
    """An address in its shortest form."""
    family = ipaddress.IPv4Address if kind == "A" else ipaddress.IPv6Address
    try:
        return str(family(content))
    except ValueError:
        code, words = (9005, "a valid IPv4 address") if kind == "A" else (9006, "a valid IPv6 address")
        raise invalid(code, f"Content for {kind} record must be {words}.") from None


def service(data: Any) -> dict[str, Any]:
    """SRV is given as ``data``; its ``content`` is made from that."""
    if not isinstance(data, dict) or not {"priority", "weight", "port", "target"} <= set(data):
        raise invalid(9101, "priority, weight, port and target are required data fields.")
    kept = {name: int(data[name]) for name in ("port", "priority", "weight")}
    target = str(data["target"]).rstrip(".").lower() or "."
    content = f"{kept['priority']} {kept['weight']} {kept['port']} {target}"
    return {"content": content, "data": {**kept, "target": target}, "priority": kept["priority"]}


def refuse_attributes(record: dict[str, Any], plan: str) -> None:
    """9313, 9300: as reported, with these words."""
    comment, most = record["comment"] or "", COMMENT_AT_MOST[plan]
    if len(comment) > most or "\n" in comment or "\r" in comment:
        raise invalid(9313, f"DNS record comment exceeds the maximum length of {most} characters.")
    if len(record["tags"]) > TAGS_AT_MOST[plan]:
        raise invalid(9300, f"DNS record has {len(record['tags'])} tags, exceeding the quota of {TAGS_AT_MOST[plan]}.")
