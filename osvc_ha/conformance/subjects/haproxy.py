"""haproxy, and the follower, which is tried on it."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from osvc_ha.conformance.subjects.bodies import Processes
from osvc_ha.conformance.subjects.held import held
from osvc_ha.conformance.subjects.subject import Keywords, Place, Subject


def _haproxy(place: Place) -> Keywords:
    return {
        "config_file": str(place.home / "haproxy.cfg"),
        "runtime_dir": str(place.home / "run"),
        "credentials_dir": str(place.home / "credentials"),
        "bind": place.address,
        "maxconn": "100",
        "reload_interval": "0",
    }


@contextlib.contextmanager
def _held_haproxy(place: Place, keywords: Keywords) -> Iterator[Keywords]:
    yield {"haproxy": held(place.home / "held", keywords.get("haproxy", "haproxy"), "-c")}


def _follow(place: Place) -> Keywords:
    pairs = {name: value for name, value in _haproxy(place).items() if name not in ("maxconn", "reload_interval")}
    return {
        "systems": "haproxy",
        "keywords": " ".join(f"haproxy.{name}={value}" for name, value in pairs.items()),
        "runtime_dir": str(place.home / "follower"),
        "start_timeout": "20",
        "program": _program(place),
    }


def _program(place: Place) -> str:
    from osvc_ha import PROGRAM

    if place.snapshot:
        return str(place.home / "osvc-ha")
    return PROGRAM if Path(PROGRAM).exists() else str(Path(sys.executable).with_name("osvc-ha"))


def _follow_snapshot(place: Place, keywords: Keywords) -> None:
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


@contextlib.contextmanager
def _held_follower(place: Place, keywords: Keywords) -> Iterator[Keywords]:
    yield {"program": held(place.home / "held", keywords["program"]), "start_timeout": "2"}


HAPROXY = Subject(
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
    body=Processes(),
    restless=("*.log",),
    # HAProxy leaves its sockets behind; a lock that is removed is no lock.
    stays=("*.log", "*.sock", "lock"),
    unready=_held_haproxy,
)
FOLLOW = Subject(
    system="follow",
    keywords=_follow,
    programs=("program",),
    wrong=("resync", "never"),
    owned=("follower/watch.json",),
    body=Processes(),
    restless=("*.log", "watch.json", "haproxy.cfg", "rejected.json"),
    stays=("*.log", "osvc-ha", "haproxy.cfg", "rejected.json", "lock"),
    prepare=_follow_snapshot,
    age=_age_follower,
    unready=_held_follower,
)
