"""A file with a secret: a token, a key. What is in it is in no message."""

from __future__ import annotations

import stat
from pathlib import Path

from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, ObserveError


def read_secret(keyword: str, path: Path, host: Host, want: str) -> str:
    """Its text. ConfigError when it is not there, empty, or anybody but its owner may read it; ObserveError when it cannot be read.

    want: what should be in it, for the message.
    """
    text = host.read(path)
    if text is None or not text.strip():
        raise ConfigError(f"{keyword}={path}: {'no such file' if text is None else 'is empty'}; {want}")
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise ObserveError(f"{keyword}={path}: {error.strerror}") from error
    if mode & 0o077:
        raise ConfigError(f"{keyword}={path}: others than its owner can use it (mode {mode:04o}); chmod 0600, and make a new one")
    return text
