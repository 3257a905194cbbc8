"""Files with a secret: a password, a token, a key. They are read anew for each use, and what is in one is in no message."""

from __future__ import annotations

import stat
from pathlib import Path

from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, ObserveError

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def is_open(mode: int) -> bool:
    """May anybody but the owner use a file of this st_mode? Then what is in it is no secret any more."""
    return bool(mode & OTHERS)


def read_password(file: str, host: Host) -> str:
    """The password in a file, without the newline at its end; "" for no file. ObserveError when it is missing."""
    if not file:
        return ""
    text = host.read(Path(file))
    if text is None:
        raise ObserveError(f"{file}: no such file; it should hold the password, mode 0600")
    return text.rstrip("\r\n")


def read_secret(keyword: str, path: Path, host: Host, want: str) -> str:
    """The text of a file. ConfigError when it is not there, empty, or open to others; ObserveError when it cannot be read.

    want: what should be in it, for the message.
    """
    text = host.read(path)
    if text is None or not text.strip():
        raise ConfigError(f"{keyword}={path}: {'no such file' if text is None else 'is empty'}; {want}")
    try:
        mode = host.mode(path)
    except ObserveError as error:
        raise ObserveError(f"{keyword}={error}") from error
    if is_open(mode):
        shown = f"{stat.S_IMODE(mode):04o}"
        raise ConfigError(f"{keyword}={path}: others than its owner can use it (mode {shown}); chmod 0600, and make a new one")
    return text
