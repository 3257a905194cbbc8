"""mongod.log: how big it is, and a new one in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Optional

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.systems.mongo.config import Config

from .link import Trouble, session
from .peers import own_peer


def log_size(config: Config) -> Optional[int]:
    """In bytes; None when there is no such file. One that cannot be read is as good as empty: nobody could rename it."""
    try:
        return Path(config.log).stat().st_size
    except FileNotFoundError:
        return None
    except OSError:
        return 0


def rotate(config: Config, step: Step, host: Host) -> None:
    """Rename it, and have mongod open a new one. ApplyError when it does not: the next look finds no mongod.log, and asks again."""
    try:
        Path(config.log).replace(f"{config.log}.1")
    except FileNotFoundError:
        # By somebody who was killed before mongod heard of it.
        pass
    except OSError as error:
        raise ApplyError(f"{config.log}: cannot be renamed: {error.strerror}") from error
    try:
        # By command, not by SIGUSR1: of a mongod in a container the pid file tells the container's own number.
        with session(own_peer(config, step.arg("host"), host)) as talk:
            talk.ask("logRotate")
    except Trouble as trouble:
        raise ApplyError(trouble.words) from trouble


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {"rotate-log": rotate}
