"""A Gluster volume by its own words: `gluster volume info|status|heal --xml`. Pure."""

from __future__ import annotations

import re
import xml.etree.ElementTree as Xml
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional, Tuple

from osvc_ha.planner.errors import ObserveError

# Names of files in split-brain are shown as far as they can be read.
SHOWN = 5
COUNTED = re.compile(r"Number of entries: *[0-9]+\Z")


@dataclass(frozen=True)
class Group:
    """Bricks that hold the same files, in order, as ``server:/folder``. needed: how many must be up to write."""

    bricks: Tuple[str, ...]
    needed: int
    # A replica's first brick decides between two halves (cluster.quorum-type auto).
    first_decides: bool = False

    def writable(self, up: frozenset[str]) -> bool:
        """Could its files be written with these bricks up?"""
        there = [brick for brick in self.bricks if brick in up]
        half = self.first_decides and 2 * len(there) == len(self.bricks) and self.bricks[0] in up
        return len(there) >= self.needed or half


@dataclass(frozen=True)
class Volume:
    """A volume, as the servers know it. up: None when they did not tell.

    pending: entries that wait to be healed; split: those whose copies contradict each other; None when not told.
    """

    name: str
    started: bool
    sort: str
    groups: Tuple[Group, ...]
    quorum: str = "none"
    up: Optional[frozenset[str]] = None
    pending: Optional[int] = None
    split: Optional[int] = None
    split_files: Tuple[str, ...] = ()

    @property
    def bricks(self) -> Tuple[str, ...]:
        """All, in order."""
        return tuple(brick for group in self.groups for brick in group.bricks)

    @property
    def down(self) -> Tuple[str, ...]:
        """Those that are known to be down."""
        return () if self.up is None else tuple(brick for brick in self.bricks if brick not in self.up)


def _parsed(text: str) -> Xml.Element:
    """The document. ObserveError with the program's own words for a refusal."""
    try:
        root = Xml.fromstring(text)
    except Xml.ParseError as error:
        raise ObserveError(f"gluster: unreadable answer {text[:200]!r}: {error}") from error
    if _text(root, "opRet", "0") != "0":
        raise ObserveError(f"gluster: {_text(root, 'opErrstr') or 'it refused without a word'}")
    return root


def _text(element: Xml.Element, path: str, default: str = "") -> str:
    return (element.findtext(path) or default).strip()


def _number(element: Xml.Element, path: str) -> int:
    text = _text(element, path, "0")
    return int(text) if text.isascii() and text.isdigit() else 0


def parse_info(text: str, name: str) -> Volume:
    """`volume info NAME --xml`. ObserveError when it tells of no such volume."""
    root = _parsed(text)
    found = next((one for one in root.iter("volume") if _text(one, "name") == name), None)
    if found is None:
        raise ObserveError(f"gluster: it knows no volume {name}")
    options = {_text(one, "name"): _text(one, "value") for one in found.iter("option")}
    bricks = tuple(_text(one, "name") for one in found.iter("brick"))
    replicas, coded = _number(found, "replicaCount"), _number(found, "disperseCount")
    size = max(1, coded or replicas)
    quorum = options.get("cluster.quorum-type") or ("auto" if replicas > 2 else "none")
    needed = coded - _number(found, "redundancyCount") if coded else _needed(size, quorum, options)
    groups = tuple(Group(bricks[at : at + size], max(1, needed), not coded and quorum == "auto") for at in range(0, len(bricks), size))
    return Volume(name, _text(found, "statusStr") == "Started", _text(found, "typeStr"), groups, quorum if size > 1 else "none")


def _needed(size: int, quorum: str, options: Mapping[str, str]) -> int:
    if quorum == "fixed":
        count = options.get("cluster.quorum-count", "1")
        return int(count) if count.isascii() and count.isdigit() else 1
    return size // 2 + 1 if quorum == "auto" else 1


def parse_up(text: str) -> frozenset[str]:
    """`volume status NAME --xml`: the bricks that run. A server that is gone is not in it."""
    nodes = ((_text(node, "hostname"), _text(node, "path"), _text(node, "status")) for node in _parsed(text).iter("node"))
    return frozenset(f"{host}:{path}" for host, path, status in nodes if status == "1" and path.startswith("/"))


def parse_heal(text: str) -> Tuple[Optional[int], Optional[int]]:
    """`volume heal NAME info summary --xml`: entries that wait, and entries in split-brain; None when no brick could be asked.

    Each brick counts those that it knows of, so the largest number is the nearest.
    """
    bricks = [brick for brick in _parsed(text).iter("brick") if _text(brick, "status") == "Connected"]
    if not bricks:
        return None, None
    return max(_number(one, "numberOfEntriesInHealPending") for one in bricks), max(
        _number(one, "numberOfEntriesInSplitBrain") for one in bricks
    )


def parse_count(text: str) -> Optional[int]:
    """`volume heal NAME statistics heal-count`, which has no XML: the largest number; None when no brick is counted."""
    counts = [int(line.rpartition(":")[2]) for line in text.split("\n") if COUNTED.match(line.strip())]
    return max(counts, default=None)


def parse_split(text: str) -> Tuple[str, ...]:
    """`volume heal NAME info split-brain --xml`: the files, sorted."""
    return tuple(sorted({(file.text or "").strip() for file in _parsed(text).iter("file")} - {""}))
