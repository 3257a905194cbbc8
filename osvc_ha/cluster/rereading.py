"""Reading a JSON document again and again when most of it is the same each time: only what differs is parsed. Pure.

An agent's status is 700 KB for 200 services on 3 nodes, and a change touches one or two of its thousand parts. A part
whose text is what it was is the very object that it was (``is``), so whoever builds on it can skip it as well.

Exact, not a guess: a JSON string, object or list says itself where it ends, so where the text goes on as a whole one
did before, that is what is there. Of a number or a word it must be seen that it ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Dict, List, Tuple

from osvc_ha.cluster.reading import parse_json

# So many objects within each other are looked into; what is deeper is parsed whole, which costs less than looking. In 2.1's
# status an instance is the first that is parsed whole: monitor, nodes, n1, services, status, prod/svc/web.
DEPTH = 6
# Of the outermost the text is not kept: they never come again as they were, and a copy of 700 KB costs more than a look.
COPIED = 3
_decode = json.JSONDecoder().raw_decode
_blank = re.compile(r"[ \t\n\r]*").match
ENDS = frozenset(",}] \t\n\r")


class Part:
    """One value: its text with its key in front, and for an object that was looked into what it is made of."""

    __slots__ = ("key", "parts", "text", "value")

    def __init__(self, key: str, text: str, value: Any, parts: Sequence[Part] = ()) -> None:
        self.key = key
        self.text = text
        self.value = value
        self.parts = parts


NOTHING = Part("", "", None)


class Rereader:
    """Parses one kind of document; remembers the last. Not for two threads at once."""

    def __init__(self) -> None:
        self._last = NOTHING

    def parse(self, text: str, what: str) -> Dict[str, Any]:
        """As ``parse_json``. What is returned is kept: nobody may change it."""
        try:
            start = _after_blank(text, 0)
            found, end = _reread(text, start, start, "", self._last, DEPTH)
            whole = _after_blank(text, end) == len(text) and isinstance(found.value, dict)
        except (ValueError, IndexError, StopIteration, RecursionError):
            whole = False
        if not whole:
            # Whatever is wrong with it is said there.
            return parse_json(text, what)
        self._last = found
        document: Dict[str, Any] = found.value
        return document


def _reread(text: str, start: int, at: int, key: str, before: Part, depth: int) -> Tuple[Part, int]:
    """The value at ``at``, whose key begins at ``start``; and where it ends."""
    if before.text and text.startswith(before.text, start):
        end = start + len(before.text)
        if before.text[-1] in '}]"' or text[end : end + 1] in ENDS:
            return before, end
    if depth and text[at] == "{":
        return _reread_object(text, start, at, key, before.parts, depth - 1)
    value, end = _decode(text, at)
    return Part(key, text[start:end], value), end


def _reread_object(text: str, start: int, at: int, key: str, before: Sequence[Part], depth: int) -> Tuple[Part, int]:
    """An object by its members: most come again, in the order they had."""
    value: Dict[str, Any] = {}
    parts: List[Part] = []
    known: Dict[str, Part] = {}
    expected = iter(before)
    position = _after_blank(text, at + 1)
    more = text[position] != "}"
    while more:
        part = next(expected, NOTHING)
        end = position + len(part.text)
        # The usual case, without a call: it is what it was, and another follows.
        if not (part.text and text.startswith(part.text, position) and text[end] == ","):
            known = known or {one.key: one for one in before}
            part, end = _member(text, position, known, depth)
        parts.append(part)
        value[part.key] = part.value
        position, more = _next_member(text, end)
    end = position + 1
    return Part(key, text[start:end] if depth < COPIED else "", value, parts), end


def _member(text: str, start: int, known: Dict[str, Part], depth: int) -> Tuple[Part, int]:
    if text[start] != '"':
        raise ValueError(f"a name is expected at {start}")
    key, at = _decode(text, start)
    at = _after_blank(text, at)
    if text[at] != ":":
        raise ValueError(f"a colon is expected at {at}")
    return _reread(text, start, _after_blank(text, at + 1), key, known.get(key, NOTHING), depth)


def _next_member(text: str, end: int) -> Tuple[int, bool]:
    """Where the next one begins, or the object ends; is there one?"""
    if text.startswith(', "', end):
        return end + 2, True
    at = _after_blank(text, end)
    if text[at] == ",":
        return _after_blank(text, at + 1), True
    if text[at] != "}":
        raise ValueError(f"a comma is expected at {at}")
    return at, False


def _after_blank(text: str, at: int) -> int:
    found = _blank(text, at)
    return found.end() if found else at
