"""Names of records: IDNA, lengths, what is below what. Pure.

``absolute`` is how every name from outside comes in. IDNA is Python's own codec, so IDNA 2003: it maps ß to ss, where IDNA
2008 keeps it. Write the A-label (xn--…) where that matters; it is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from osvc_ha.cluster.alphabets import shown
from osvc_ha.planner.errors import ConfigError

LONGEST_LABEL = 63
LONGEST_NAME = 253
_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


def absolute(name: str, domain: str) -> str:
    """``redis`` -> ``redis.<domain>``; ``@`` -> the domain; a name that ends with a dot, or with the domain, is absolute already.

    Raises ConfigError, the end of a sentence that begins with the name, for what no zone can hold.
    """
    given = name.strip()
    if given == "@":
        return domain
    ascii_name = canonical_name(given)
    found = ascii_name if given.endswith(".") or is_below(ascii_name, domain) else f"{ascii_name}.{domain}"
    if len(found) > LONGEST_NAME:
        raise ConfigError(f"{shown(found)} has {len(found)} characters, and a name {LONGEST_NAME} at most; shorten it")
    return found


def canonical_name(name: str) -> str:
    """Lower case, A-labels, no last dot. Raises ConfigError naming the label that cannot be."""
    bare = name[:-1] if name.endswith(".") else name
    labels = [_label(one, name) for one in bare.replace("。", ".").split(".")]
    if "*" in labels[1:]:
        raise ConfigError(f"{shown(name)}: a * stands for itself only as the first label")
    found = ".".join(labels)
    if len(found) > LONGEST_NAME:
        raise ConfigError(f"{shown(name)} has {len(found)} characters, and a name {LONGEST_NAME} at most; shorten it")
    return found


def _label(label: str, name: str) -> str:
    if label == "*":
        return label
    if not label:
        raise ConfigError(f"{shown(name)} has an empty label; write it without two dots in a row")
    try:
        found = label.lower() if label.isascii() else label.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise ConfigError(f"{shown(label)} is no label of an internationalised name: {error}") from error
    if len(found) > LONGEST_LABEL:
        raise ConfigError(f"the label {shown(found)} has {len(found)} characters, {LONGEST_LABEL} at most; shorten it")
    if not _CHARACTERS.issuperset(found) or found.startswith("-") or found.endswith("-"):
        raise ConfigError(f"{shown(label)} is no label: letters, digits, dash and underscore, no dash at its ends")
    return found


def is_below(name: str, domain: str) -> bool:
    """Is it the domain, or below it?"""
    return name == domain or name.endswith(f".{domain}")


def parents(name: str, domain: str) -> Iterator[str]:
    """The names above it, nearest first, down to and with the domain. None for a name that is not below it."""
    while name != domain and is_below(name, domain):
        name = name.partition(".")[2]
        yield name


def is_wildcard(name: str) -> bool:
    """Does it begin with ``*.``?"""
    return name.startswith("*.")
