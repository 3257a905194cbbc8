"""Reads a resource's keywords, for Config.parse. Pure.

``KeywordReader`` is for systems of which a node has several resources: its sentences begin with the service. Those of a system
that a node has once begin with the system's name, and are made with the functions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Optional, Tuple

from .errors import ConfigError
from .types import Keyword

# One line of a server's configuration, unquoted.
PATH = re.compile(r"/[A-Za-z0-9._/@+=,-]+\Z")
PROGRAM = re.compile(r"[A-Za-z0-9._/@+=,-]+\Z")
USER = re.compile(r"[A-Za-z0-9._@-]*\Z")
SERVICE = re.compile(r"[a-z0-9A-Z][A-Za-z0-9._/-]*\Z")


def refuse_unknown(system: str, given: Mapping[str, str], keywords: Sequence[Keyword]) -> None:
    """ConfigError for a keyword that the system does not have."""
    known = {keyword.name for keyword in keywords}
    for name in given:
        if name not in known:
            raise ConfigError(f"{system}: unknown keyword {name}={given[name]}; known: {', '.join(sorted(known))}")


def is_whole(text: str, least: int, most: int) -> bool:
    """Is it a whole number within these?"""
    # isascii: str.isdigit also accepts digits that int() refuses.
    return text.isascii() and text.isdigit() and least <= int(text) <= most


def whole(text: str, least: int, most: int) -> int:
    """The number. ConfigError with the end of the sentence ``<keyword>=<text> ...``."""
    if not is_whole(text, least, most):
        raise ConfigError(f"is not a whole number from {least} to {most}")
    return int(text)


def whole_of(system: str, given: Mapping[str, str], name: str, least: int, most: int, default: str = "") -> int:
    """A keyword that is a whole number. ConfigError with the whole sentence."""
    text = given.get(name) or default
    try:
        return whole(text, least, most)
    except ConfigError as error:
        raise ConfigError(f"{system}: {name}={text} {error}") from error


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

    def service(self, key: str, example: str, required: bool = True) -> str:
        """The path of the service that the resource is of. example: one, for the message."""
        return self.text(key, SERVICE, f"a service path, such as {example}", required=required)

    def program(self, key: str, default: str) -> str:
        """A program by name or path."""
        return self.text(key, PROGRAM, "a program name or path", default=default)

    def user(self, key: str, what: str = "a user name") -> str:
        """Whom to log in as; empty for nobody."""
        return self.text(key, USER, what)

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
        if not is_whole(value, least, most):
            raise self._wrong(key, value, f"a number from {least} to {most}")
        return int(value)

    def auto(self, key: str, least: int, most: int) -> Optional[int]:
        """A whole number, or None for ``auto``."""
        if self._given.get(key, "") in ("", "auto"):
            return None
        return self.number(key, least, least, most)
