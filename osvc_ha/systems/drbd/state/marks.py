"""The text of a mark, as hooks/marking.py and our own looks write it: ``name=value`` lines. Pure."""

from __future__ import annotations

from . import Split

UNKNOWN = "unknown"


def parse_split(text: str) -> Split:
    """Never raises: whatever is in the file, that it is there is the mark."""
    told = {name: value.strip() for name, _, value in (line.partition("=") for line in text.splitlines())}
    # DRBD 9 tells the peer by its number, and the names of all numbers.
    peer = told.get("DRBD_PEER") or told.get(f"DRBD_NODE_ID_{told.get('DRBD_PEER_NODE_ID', '')}", "")
    return Split(told.get("at", ""), told.get("why", "") != UNKNOWN, peer)


def render_split(at: str, known: bool) -> str:
    """A mark of our own. at: when, as ISO 8601."""
    return f"at={at}\n" + ("" if known else f"why={UNKNOWN}\n")
