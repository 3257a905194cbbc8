"""Which characters may reach a config file. Everything an operator or an image wrote passes through here.

Sets and ``issuperset`` instead of regular expressions: a thousand listeners ask this tens of thousands of times.
"""

from __future__ import annotations

import string

_WORD = string.ascii_letters + string.digits
NAME = frozenset(_WORD + "-_")
NODE = frozenset(_WORD + ".-_")
GROUP = frozenset(_WORD + ".-_")
OBJECT_PATH = frozenset(_WORD + ".-_/")
FILE_PATH = frozenset(_WORD + ".-_/+@")
HOST_NAME = frozenset(_WORD + ".-")
ADDRESS = frozenset(_WORD + ".-:")
# RFC 3986 without the characters that HAProxy's config gives a meaning to (quotes, #, $, \, brackets).
URL_PATH = frozenset(_WORD + "-._~%!&()*+,;=:@/?")
LONGEST_NAME = 64
LONGEST_VALUE = 255


def is_of(alphabet: frozenset[str], value: str, longest: int = LONGEST_VALUE) -> bool:
    """Is this a non-empty value of these characters only, and not too long?"""
    return 0 < len(value) <= longest and alphabet.issuperset(value)


def shown(value: str) -> str:
    """A value as it may appear in a message: control characters escaped, never longer than a line."""
    text = value if value.isprintable() else value.encode("unicode_escape").decode("ascii")
    return text if len(text) <= 60 else f"{text[:57]}..."
