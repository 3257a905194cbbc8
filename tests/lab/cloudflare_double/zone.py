"""One zone: its records, what may stand beside what, and the batch."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any, Optional

from .answers import Refused
from .rules import PROXIABLE, completed

BATCH_AT_MOST = {"free": 200, "pro": 3500, "business": 3500, "enterprise": 3500}
# Documented for free zones made since September 2024, and for paid plans; an Enterprise zone's is agreed with Cloudflare.
RECORDS_AT_MOST = {"free": 200, "pro": 3500, "business": 3500, "enterprise": 1_000_000}
# What a caller may set; the rest is the API's.
GIVEN = ("name", "type", "content", "data", "priority", "proxied", "ttl", "settings", "comment", "tags")
ADDRESSES = frozenset({"A", "AAAA"})


def now() -> str:
    """The API's time format."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Zone:
    """Records by id, in the order in which they were made."""

    def __init__(self, name: str, plan: str = "free", records_at_most: Optional[int] = None) -> None:
        self.name = name
        self.plan = plan
        self.ident = uuid.uuid4().hex
        self.account = uuid.uuid4().hex
        self.records_at_most = RECORDS_AT_MOST[plan] if records_at_most is None else records_at_most
        self.batch_at_most = BATCH_AT_MOST[plan]
        # The words of that refusal are not documented; a client must get along with ones that name no number.
        self.batch_words = "Batch request exceeds the maximum of {most} operations."
        self.records: dict[str, dict[str, Any]] = {}
        self.made = now()
        self._by_name: dict[str, set[str]] = defaultdict(set)
        self._text: dict[str, str] = {}

    def public(self) -> dict[str, Any]:
        """The zone as /zones shows it."""
        plan = {"id": uuid.uuid5(uuid.NAMESPACE_DNS, self.plan).hex, "name": f"{self.plan.title()} Website", "legacy_id": self.plan}
        shown = {"id": self.ident, "name": self.name, "status": "active", "paused": False, "type": "full", "development_mode": 0}
        shown.update(name_servers=["ada.ns.cloudflare.com", "lee.ns.cloudflare.com"], created_on=self.made, modified_on=self.made)
        shown.update(original_name_servers=[], original_registrar=None, original_dnshost=None, activated_on=self.made)
        shown.update(meta={"step": 2, "custom_certificate_quota": 0, "page_rule_quota": 3, "phishing_detected": False})
        shown.update(owner={"id": None, "type": "user", "email": None}, account={"id": self.account, "name": "somebody"})
        shown.update(tenant={"id": None, "name": None}, tenant_unit={"id": None}, plan=plan, permissions=["#dns_records:edit"])
        return shown

    def get(self, ident: str) -> dict[str, Any]:
        """One record, or 81044."""
        if ident not in self.records:
            raise Refused(404, 81044, "Record does not exist.")
        return self.records[ident]

    def text(self, records: Iterable[dict[str, Any]]) -> str:
        """Records as a JSON list."""
        return "[" + ",".join(self._text[record["id"]] for record in records) + "]"

    def create(self, given: dict[str, Any]) -> dict[str, Any]:
        """POST."""
        made = completed(given, self.name, self.plan)
        self._refuse_conflict(made)
        if len(self.records) >= self.records_at_most:
            raise Refused(400, 81045, "Record quota exceeded.")
        return self._keep({"id": uuid.uuid4().hex, **made, "meta": {}, "created_on": now()})

    def edit(self, ident: str, given: dict[str, Any]) -> dict[str, Any]:
        """PATCH: what is not given stays."""
        old = self.get(ident)
        kept = {name: old[name] for name in GIVEN if name in old}
        if "proxied" in given and not given["proxied"] and "ttl" not in given and old["proxied"]:
            kept["ttl"] = 1
        return self._alter(old, {**kept, **given})

    def overwrite(self, ident: str, given: dict[str, Any]) -> dict[str, Any]:
        """PUT: what is not given has its default."""
        return self._alter(self.get(ident), given)

    def delete(self, ident: str) -> dict[str, Any]:
        """DELETE; the record as it was."""
        gone = self.get(ident)
        del self.records[ident], self._text[ident]
        self._by_name[gone["name"]].discard(ident)
        return gone

    def batch(self, given: dict[str, Any]) -> dict[str, Any]:
        """Deletes, patches, puts, posts, in this order; all of it or, with the first error, nothing."""
        lists = {name: list(given.get(name) or ()) for name in ("deletes", "patches", "puts", "posts")}
        size = sum(len(each) for each in lists.values())
        if size > self.batch_at_most:
            # Code and words: not documented.
            raise Refused(400, 9317, self.batch_words.format(most=self.batch_at_most, size=size))
        kept = dict(self.records)
        try:
            return {
                "deletes": [self.delete(each["id"]) for each in lists["deletes"]],
                "patches": [self.edit(each["id"], _without_id(each)) for each in lists["patches"]],
                "puts": [self.overwrite(each["id"], _without_id(each)) for each in lists["puts"]],
                "posts": [self.create(each) for each in lists["posts"]],
            }
        except Refused:
            self._put_back(kept)
            raise

    def _alter(self, old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        made = completed(given, self.name, self.plan)
        self._refuse_conflict(made, old["id"])
        self._by_name[old["name"]].discard(old["id"])
        stamps = {"meta": {}, "created_on": old["created_on"]}
        return self._keep({"id": old["id"], **made, **stamps})

    def _keep(self, record: dict[str, Any]) -> dict[str, Any]:
        record["modified_on"] = now()
        if record["comment"]:
            record["comment_modified_on"] = record["modified_on"]
        if record["tags"]:
            record["tags_modified_on"] = record["modified_on"]
        self.records[record["id"]] = record
        self._by_name[record["name"]].add(record["id"])
        self._text[record["id"]] = json.dumps(record)
        return record

    def _put_back(self, records: dict[str, dict[str, Any]]) -> None:
        self.records = records
        self._text = {ident: json.dumps(record) for ident, record in records.items()}
        self._by_name = defaultdict(set)
        for ident, record in records.items():
            self._by_name[record["name"]].add(ident)

    def _refuse_conflict(self, made: dict[str, Any], own: str = "") -> None:
        """81053, 81054, 81058 as reported; 81057 is the older code for an identical record (aaPanel/aaPanel#112)."""
        beside = [self.records[ident] for ident in self._by_name[made["name"]] if ident != own]
        if any((made["type"], made["content"]) == (other["type"], other["content"]) for other in beside):
            raise Refused(400, 81058, "An identical record already exists.")
        if made["type"] == "CNAME" and any(other["type"] in PROXIABLE for other in beside):
            raise Refused(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
        if made["type"] in ADDRESSES and any(other["type"] == "CNAME" for other in beside):
            raise Refused(400, 81054, "A CNAME record with that host already exists.")
        if made["name"] != self.name and any((made["type"] == "NS") != (other["type"] == "NS") for other in beside):
            raise Refused(400, 81056, "NS records with that host already exist.")


def _without_id(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "id"}
