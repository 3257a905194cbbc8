"""Which files a configuration of DRBD has drbdadm read besides itself. Pure."""

from __future__ import annotations

import re
from typing import List, Optional, Tuple

from osvc_ha.planner.errors import ObserveError

from .tree import tokens

# With these, what drbdadm says rests on more than the texts: another file, or this machine's addresses.
MORE = frozenset({"template-file", "floating", "stacked-on-top-of", "inherit"})
# Relative to the file it stands in, or absolute; jokers in the last part only. glob(3) knows more.
PATTERN = re.compile(r"/?(?:[A-Za-z0-9._+-]+/)*[A-Za-z0-9._+*?-]+\Z")


def includes(text: str) -> Optional[Tuple[str, ...]]:
    """The patterns of its ``include`` statements, in order. None when that cannot be told for sure."""
    depth = 0
    words: List[str] = []
    found: List[str] = []
    try:
        for token, quoted in tokens(text, "drbd.conf"):
            if not quoted and token in "{};":
                depth += {"{": 1, "}": -1, ";": 0}[token]
                if words[:1] == ["include"]:
                    if token != ";" or depth or len(words) != 2 or not _plain(words[1]):
                        return None
                    found.append(words[1])
                words = []
            elif not quoted and (token in MORE or (token == "include" and (words or depth))):
                return None
            else:
                words.append(token)
    except ObserveError:
        return None
    return tuple(found) if not depth and not words else None


def _plain(pattern: str) -> bool:
    return bool(PATTERN.match(pattern)) and ".." not in pattern.split("/")
