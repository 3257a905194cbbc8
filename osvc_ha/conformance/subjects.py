"""What the cases need to know of each system: its programs, where its files are, how to break it.

A system that is to be checked too gets one more record here, and no case changes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from osvc_ha.planner.errors import ConfigError


@dataclass(frozen=True)
class Place:
    """Where the resource under test lives. home: its private directory. ports: free ones on ``address``.

    path: the service. snapshot: the cluster that it is shown; None inside a real agent, which shows its own.
    """

    home: Path
    address: str
    ports: Tuple[int, ...]
    path: str
    snapshot: Optional[Path] = None


Keywords = Mapping[str, str]


def no_ageing(place: Place) -> None:
    """A system whose status asks the program itself, and so needs no time to see that it hangs."""


@dataclass(frozen=True)
class Subject:
    """keywords: those that keep it in its place. programs: keywords that name one. wrong: a keyword, and a value that it cannot have.

    owned: files below home that the driver writes and reads. restless: what the programs write by themselves while
    they run, as patterns of names. stays: what may be left after unprovision. prepare: makes what the keywords name.
    age: lets a hung program's time pass. seconds: a start or a stop may take, on a busy machine.
    """

    system: str
    keywords: Callable[[Place], Keywords]
    programs: Tuple[str, ...]
    wrong: Tuple[str, str]
    owned: Tuple[str, ...]
    restless: Tuple[str, ...] = ()
    stays: Tuple[str, ...] = ()
    prepare: Callable[[Place], None] = no_ageing
    age: Callable[[Place], None] = no_ageing
    seconds: float = 60.0


def _haproxy(place: Place) -> Keywords:
    return {
        "config_file": str(place.home / "haproxy.cfg"),
        "runtime_dir": str(place.home / "run"),
        "credentials_dir": str(place.home / "credentials"),
        "bind": place.address,
        "maxconn": "100",
        "reload_interval": "0",
    }


def _redis(place: Place) -> Keywords:
    return {
        "group": "conformance",
        "port": str(place.ports[0]),
        "sentinel_port": str(place.ports[1]),
        "directory": str(place.home / "redis"),
    }


def _follow(place: Place) -> Keywords:
    pairs = {name: value for name, value in _haproxy(place).items() if name not in ("maxconn", "reload_interval")}
    program = {"program": str(place.home / "osvc-ha")} if place.snapshot else installed()
    return {
        "systems": "haproxy",
        "keywords": " ".join(f"haproxy.{name}={value}" for name, value in pairs.items()),
        "runtime_dir": str(place.home / "follower"),
        "start_timeout": "20",
        **program,
    }


def installed() -> Keywords:
    """The keyword ``program``, where the default is not there."""
    from osvc_ha import PROGRAM

    return {} if Path(PROGRAM).exists() else {"program": str(Path(sys.executable).with_name("osvc-ha"))}


def _follow_snapshot(place: Place) -> None:
    """osvc-ha as it is installed, except that it is shown the snapshot."""
    if place.snapshot is None:
        return
    program = place.home / "osvc-ha"
    words = f"sys.argv += ['--snapshot', {str(place.snapshot)!r}]"
    program.write_text(f"#!{sys.executable}\nimport sys\nfrom osvc_ha.cli import main\n{words}\nmain()\n", encoding="utf-8")
    program.chmod(0o755)


def _age_follower(place: Place) -> None:
    """As if its last look had been an hour ago: it hangs, so it does not write there itself."""
    file = place.home / "follower" / "watch.json"
    seen = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**seen, "looked_at": time.time() - 3600}), encoding="utf-8")


SUBJECTS = {
    "haproxy": Subject(
        system="haproxy",
        keywords=_haproxy,
        programs=("haproxy",),
        wrong=("check_interval", "often"),
        owned=(
            "haproxy.cfg",
            "run/haproxy.pid",
            "run/servers.state",
            "run/rejected.json",
            "run/reload.stamp",
            "haproxy.cfg.owner",
            "run/owner",
        ),
        restless=("*.log",),
        # HAProxy leaves its sockets behind; a lock that is removed is no lock.
        stays=("*.log", "*.sock", "lock"),
    ),
    "redis": Subject(
        system="redis",
        keywords=_redis,
        programs=("redis_server", "redis_sentinel"),
        wrong=("port", "http"),
        owned=("redis/server/redis.conf", "redis/server/redis.pid", "redis/sentinel/sentinel.conf", "redis/sentinel/sentinel.pid"),
        restless=("*.log", "*.conf", "*.rdb", "*.aof", "*.manifest"),
        seconds=90.0,
    ),
    "follow": Subject(
        system="follow",
        keywords=_follow,
        programs=("program",),
        wrong=("resync", "never"),
        owned=("follower/watch.json",),
        restless=("*.log", "watch.json", "haproxy.cfg", "rejected.json"),
        stays=("*.log", "osvc-ha", "haproxy.cfg", "rejected.json", "lock"),
        prepare=_follow_snapshot,
        age=_age_follower,
    ),
}


def find_subject(system: str) -> Subject:
    """The record of a system. ConfigError lists those there are."""
    if system not in SUBJECTS:
        raise ConfigError(f"{system}: no conformance record; there are {', '.join(SUBJECTS)}")
    return SUBJECTS[system]
