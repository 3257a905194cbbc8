"""What is remembered about a zone: its id, its plan's least TTL, what a batch may hold, and which records were seen as ours.

In the runtime directory, so that a quiet look of a new process is one call. Losing it costs calls, nothing else.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Optional, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.systems.dns.config import Config

from .cloudflare_calls import Calls

ENTERPRISE, LOWEST_TTL_ENTERPRISE, LOWEST_TTL = "enterprise", 30, 60


@dataclass(frozen=True)
class Zone:
    """One zone. batch_limit: changes that a batch may have, 0 while nobody knows. ours: ids of records, sorted.

    balanced: load balancers of ours were seen or asked for, so that they are still looked at when nothing asks for them any more.
    """

    name: str
    api_url: str
    ident: str
    account: str = ""
    lowest_ttl: int = LOWEST_TTL
    batch_limit: int = 0
    ours: Tuple[str, ...] = ()
    balanced: bool = False


class ZoneMemory:
    """The zone as it is known; ``zone()`` asks Cloudflare once."""

    def __init__(self, config: Config, calls: Calls, host: Host) -> None:
        self.config = config
        self.calls = calls
        self.host = host
        self.path = config.runtime_dir / "cloudflare-zone.json"
        self._zone: Optional[Zone] = self._kept()

    def zone(self) -> Zone:
        """The zone, found by its name unless it is known. ObserveError when there is none with this name that the token sees."""
        if self._zone is None:
            self._keep(self._found())
        assert self._zone is not None
        return self._zone

    def forget(self) -> None:
        """It may be gone: the next ``zone()`` asks again."""
        self._zone = None

    def learn_batch_limit(self, most: int) -> None:
        """A batch may have so many changes."""
        self._keep(replace(self.zone(), batch_limit=most))

    def learn_balanced(self) -> None:
        """There are load balancers to look at."""
        self._keep(replace(self.zone(), balanced=True))

    def learn_ours(self, idents: Iterable[str]) -> None:
        """These records have been seen with our mark."""
        self._keep(replace(self.zone(), ours=tuple(sorted(idents))))

    def _found(self) -> Zone:
        name = self.config.zone

        def ask(client: Any) -> Any:
            return client.zones.with_streaming_response.list(name=name)

        told = self.calls.get(f"looking for the zone {name}", "Zone:Read", ask)
        for row in told["result"]:
            if row["name"] == name:
                plan = (row.get("plan") or {}).get("legacy_id") or ""
                lowest = LOWEST_TTL_ENTERPRISE if plan == ENTERPRISE else LOWEST_TTL
                account = (row.get("account") or {}).get("id") or ""
                return Zone(name, self.config.api_url, row["id"], account, lowest)
        raise ObserveError(
            f"zone {name}: Cloudflare shows no such zone to this token; it was deleted, the keyword zone (or domain) is misspelt, "
            "or the token's zone resources leave it out (right Zone:Read)"
        )

    def _kept(self) -> Optional[Zone]:
        try:
            kept = json.loads(self.host.read(self.path) or "")
            zone = Zone(**{**kept, "ours": tuple(kept["ours"])})
        except (ValueError, TypeError, KeyError, ObserveError):
            return None
        return zone if (zone.name, zone.api_url) == (self.config.zone, self.config.api_url) else None

    def _keep(self, zone: Zone) -> None:
        if zone == self._zone:
            return
        self._zone = zone
        # A look must not fail because nothing can be remembered.
        with contextlib.suppress(ApplyError):
            self.host.replace(self.path, json.dumps(asdict(zone)) + "\n")
