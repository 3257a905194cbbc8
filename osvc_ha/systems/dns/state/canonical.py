"""The one form of a record's value, so that comparing what is with what should be is ``==``. Pure.

Servers answer with other spellings than they were given: upper case, a last dot, ``2001:DB8:0::1``, a TXT in pieces. Every
such difference is an update that never ends (kubernetes-sigs/external-dns#1463).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import List

from osvc_ha.planner.errors import ConfigError

LONGEST_STRING = 255
_STRINGS = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)')
_ESCAPE = re.compile(r"\\(\d{3}|.)")


def canonical(type_: str, value: str) -> str:
    """The value of a record of that type. ConfigError for an address, or an SRV, that is none; other types come back stripped."""
    text = value.strip()
    try:
        if type_ == "A":
            return str(IPv4Address(text))
        if type_ == "AAAA":
            return str(IPv6Address(text))
    except ValueError as error:
        raise ConfigError(f"{type_} {text!r}: {error}") from error
    if type_ in ("CNAME", "NS", "PTR", "DNAME"):
        return _host(text)
    if type_ == "SRV":
        return _srv(text)
    if type_ == "TXT":
        return txt(txt_text(text))
    return text


def _host(text: str) -> str:
    return text.lower().rstrip(".") or "."


def _srv(text: str) -> str:
    """``priority weight port target``."""
    parts = text.split()
    if len(parts) != 4 or not all(one.isascii() and one.isdecimal() and int(one) <= 65535 for one in parts[:3]):
        raise ConfigError(f"SRV {text!r} is not <priority> <weight> <port> <target>")
    return " ".join([*(str(int(one)) for one in parts[:3]), _host(parts[3])])


def txt_text(value: str) -> str:
    """What a TXT in presentation format says: its strings joined. A text without quotes stands for itself."""
    text = value.strip()
    if not text.startswith('"'):
        return text
    return "".join(_plain(one.group(1) if one.group(1) is not None else one.group(2)) for one in _STRINGS.finditer(text))


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found.group(1))) if found.group(1).isdecimal() else found.group(1), text)


def txt(text: str) -> str:
    """A text as a TXT's value: quoted strings of 255 characters at most."""
    pieces: List[str] = [text[at : at + LONGEST_STRING] for at in range(0, len(text), LONGEST_STRING)] or [""]
    return " ".join('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in pieces)
