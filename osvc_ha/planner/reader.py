"""Reads a resource's keywords one at a time, for Config.parse. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Optional, Tuple

from .errors import ConfigError
from .types import Keyword

# One line of a server's configuration, unquoted.
PATH = re.compile(r"/[A-Za-z0-9._/@+=,-]+\Z")


class KeywordReader:
    """Reads one keyword at a time; every refusal names service, keyword, value and what would be right."""

    def __init__(self, given: Mapping[str, str], keywords: Sequence[Keyword]) -> None:
        self._given = given
        unknown = sorted(set(given) - {keyword.name for keyword in keywords})
        if unknown:
            known = ", ".join(keyword.name for keyword in keywords)
            raise ConfigError(f"{self._who()}: unknown keyword {unknown[0]}; known are {known}")

    def _who(self) -> str:
        return f"service {self._given.get('path', '?')}"

    def _wrong(self, key: str, value: str, right: str) -> ConfigError:
        return ConfigError(f"{self._who()}: {key}={value!r} is not {right}")

    def text(self, key: str, alphabet: re.Pattern[str], right: str, default: str = "", required: bool = False) -> str:
        """A value of that alphabet. right: what it should be, for the message."""
        value = self._given.get(key, "") or default
        if not value and required:
            raise ConfigError(f"{self._who()}: {key} is missing; it is {right}")
        if value and not alphabet.match(value):
            raise self._wrong(key, value, right)
        return value

    def file(self, key: str, default: str = "", required: bool = False) -> str:
        """A path."""
        return self.text(key, PATH, "an absolute path without spaces or quotes", default, required)

    def files(self, key: str) -> Tuple[str, ...]:
        """Paths, separated by spaces."""
        found = tuple(self._given.get(key, "").split())
        for value in found:
            if not PATH.match(value):
                raise self._wrong(key, value, "a list of absolute paths")
        return found

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self._given.get(key, "").lower()
        if value not in ("", "true", "false"):
            raise self._wrong(key, value, "true or false")
        return value == "true" if value else default

    def number(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number within these."""
        value = self._given.get(key, "") or str(default)
        # isascii: str.isdigit also accepts digits that int() refuses.
        if not (value.isascii() and value.isdigit()) or not least <= int(value) <= most:
            raise self._wrong(key, value, f"a number from {least} to {most}")
        return int(value)

    def auto(self, key: str, least: int, most: int) -> Optional[int]:
        """A whole number, or None for ``auto``."""
        if self._given.get(key, "") in ("", "auto"):
            return None
        return self.number(key, least, least, most)
