"""A CephFS by its own words: `ceph fs status --format json`. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Tuple

from osvc_ha.planner.errors import ObserveError


@dataclass(frozen=True)
class CephFs:
    """One filesystem. ranks: name and state of each metadata server that has one, ``m active``. clients: how many mount it."""

    name: str
    ranks: Tuple[Tuple[str, str], ...]
    standbys: int
    clients: int

    @property
    def missing(self) -> Tuple[str, ...]:
        """Servers that do not serve, as ``m (replay)``."""
        return tuple(f"{server or 'nobody'} ({state})" for server, state in self.ranks if state != "active")


def parse_fs_status(text: str, name: str) -> CephFs:
    """The filesystem of that name; "" takes the only one. ObserveError when it is not told."""
    try:
        told = json.loads(text)
        found = {str(one["fs"]): int(one["clients"]) for one in told["clients"]}
        servers = [(str(one.get("name") or ""), str(one["state"]), one.get("rank")) for one in told["mdsmap"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ObserveError(f"ceph fs status: unreadable answer {text[:200]!r} ({type(error).__name__}: {error})") from error
    chosen = name or next(iter(found), "")
    if chosen not in found:
        raise ObserveError(f"ceph fs status: it knows no filesystem {name}".rstrip() + f"; there are {', '.join(sorted(found)) or 'none'}")
    ranks = tuple((server, state) for server, state, rank in servers if rank is not None and "standby" not in state)
    return CephFs(chosen, ranks, sum("standby" in state for _, state, _ in servers), found[chosen])
