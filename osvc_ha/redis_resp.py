"""RESP2, the wire format of Redis and Sentinel: ``encode`` and ``parse``. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Tuple

# Any: a reply is str, int, None, Refusal, or a list of replies; a recursive alias gains nothing but casts.
Reply = Any

DEEPEST = 8
LONGEST = 64 * 1024 * 1024


@dataclass(frozen=True)
class Refusal:
    """An error reply, such as ``NOAUTH Authentication required.``"""

    words: str

    @property
    def code(self) -> str:
        """Its first word: NOAUTH, LOADING, BUSY, ERR ..."""
        return self.words.split(" ", 1)[0]


class Incomplete(Exception):
    """The buffer ends before the reply does: read more, parse again."""


def encode(command: Sequence[str]) -> bytes:
    """An array of bulk strings, so that no value needs quoting."""
    words = [word.encode() for word in command]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def parse(buffer: bytearray, position: int, depth: int = 0) -> Tuple[Reply, int]:
    """One reply at ``position`` and where the next one starts. Incomplete, or ValueError when it is not RESP."""
    end = buffer.find(b"\r\n", position)
    if end < 0:
        if len(buffer) - position > LONGEST:
            raise ValueError("a line without end")
        raise Incomplete
    kind = buffer[position : position + 1]
    text = buffer[position + 1 : end].decode("utf-8", "replace")
    position = end + 2
    if kind == b"+":
        return text, position
    if kind == b"-":
        return Refusal(text.lstrip("-")), position
    if kind == b":":
        return int(text), position
    if kind == b"$":
        return _bulk(buffer, position, int(text))
    if kind == b"*" and depth < DEEPEST:
        return _array(buffer, position, int(text), depth)
    raise ValueError(f"unexpected {bytes(kind)!r}")


def _bulk(buffer: bytearray, position: int, size: int) -> Tuple[Reply, int]:
    if size < 0:
        return None, position
    if size > LONGEST:
        raise ValueError(f"a string of {size} bytes")
    if len(buffer) < position + size + 2:
        raise Incomplete
    return buffer[position : position + size].decode("utf-8", "replace"), position + size + 2


def _array(buffer: bytearray, position: int, size: int, depth: int) -> Tuple[Reply, int]:
    if size < 0:
        return None, position
    items = []
    for _ in range(size):
        item, position = parse(buffer, position, depth + 1)
        items.append(item)
    return items, position
