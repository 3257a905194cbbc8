"""Programs are run as the account that owns the data: PostgreSQL refuses to be root."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from typing import Dict, Tuple

from osvc_ha.planner.errors import ApplyError
from osvc_ha.systems.postgres.config import Config

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def uid(config: Config) -> int:
    """Of the account; -1 when there is none."""
    try:
        return pwd.getpwnam(config.user).pw_uid
    except KeyError:
        return -1


def as_owner(config: Config) -> Tuple[str, ...]:
    """What goes in front of a command. Its directory is one that the account may enter, or PostgreSQL would not find itself."""
    moved = ("/usr/bin/env", "-C", "/")
    if os.geteuid() != 0:
        return moved
    return (*moved, "setpriv", f"--reuid={config.user}", f"--regid={_account(config).pw_gid}", "--init-groups", "--")


def give(config: Config, path: str) -> None:
    """Make the account the owner of a file or directory. ApplyError when it cannot be."""
    account = _account(config)
    try:
        os.chown(path, account.pw_uid, account.pw_gid)
    except OSError as error:
        raise ApplyError(f"{path}: cannot be given to {config.user}: {error.strerror}") from error


def environment(config: Config, more: Mapping[str, str] = {}) -> Dict[str, str]:  # noqa: B006
    """Nothing of ours: an agent's variables would reach every extension, and PG* ones would change what is asked."""
    return {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/", "USER": config.user, **more}


def _account(config: Config) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(config.user)
    except KeyError:
        raise ApplyError(f"there is no account {config.user}; create it, with the same uid on every node") from None
