"""The kernel's table of mounts, as far as several systems read it: proc_pid_mountinfo(5). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Tuple

ESCAPED = re.compile(r"\\([0-7]{3})")


def plain(word: str) -> str:
    """A path as it is: spaces and the like stand in the table in octal."""
    return ESCAPED.sub(lambda found: chr(int(found.group(1), 8)), word)


def mount_points(text: str) -> Iterator[Tuple[str, str]]:
    """(``major:minor``, mount point) of each row; what is no row is passed over."""
    for line in text.splitlines():
        words = line.split()
        if len(words) > 4:
            yield words[2], plain(words[4])
