"""postgres: one server on a data directory that was made before."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from osvc_ha.cluster.types import Cluster, Node
from osvc_ha.conformance.subjects.bodies import Processes
from osvc_ha.conformance.subjects.held import held
from osvc_ha.conformance.subjects.subject import Keywords, Place, Subject
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Verb

# Where Debian has each version's.
VERSIONS = Path("/usr/lib/postgresql")
COPY_SECONDS = 60.0


def _programs() -> Path:
    """Of the newest version."""
    found = sorted(VERSIONS.glob("*/bin/postgres"), key=lambda file: float(file.parts[-3]) if file.parts[-3].isdecimal() else 0.0)
    return found[-1].parent if found else VERSIONS / "15" / "bin"


def _account() -> str:
    """Who runs it: PostgreSQL refuses root."""
    return "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def _keywords(place: Place) -> Keywords:
    return {
        "directory": str(place.home / "data"),
        "port": str(place.ports[0]),
        "listen": place.address,
        "socket_dir": str(place.home / "socket"),
        "user": _account(),
        "programs": str(_programs()),
        "log": str(place.home / "postgres.log"),
        "ready_timeout": "40",
        "stop_timeout": "3",
        "remove_data": "true",
    }


def _lacking(given: Keywords) -> str:
    programs, user = Path(given.get("programs", str(_programs()))), given.get("user", _account())
    if not (programs / "postgres").exists():
        return f"there is no {programs}/postgres; install PostgreSQL (Debian: apt-get install postgresql), or --set programs=<directory>"
    try:
        pwd.getpwnam(user)
    except KeyError:
        return f"there is no account {user}; create it, or --set user=<account>"
    return ""


def _prepare(place: Place, keywords: Keywords) -> None:
    """A data directory as PROVISION makes it, copied: making one takes ten times as long."""
    for folder in (place.home.parent, place.home):
        # The account has to enter.
        folder.chmod(0o755)
    made = place.beside / "data"
    if not made.exists():
        from osvc_ha.systems.postgres import SYSTEM

        place.beside.mkdir(mode=0o755, exist_ok=True)
        config = SYSTEM.parse({**keywords, "path": place.path, "directory": str(made)})
        reconcile(SYSTEM, config, Cluster("", "", "n1", {"n1": Node("n1", True)}, {}), Verb.PROVISION, Host())
    copied = subprocess.run(["cp", "-a", str(made), str(place.home)], capture_output=True, text=True, timeout=COPY_SECONDS, check=False)
    if copied.returncode:
        raise ApplyError(f"{made}: cannot be copied: {copied.stderr.strip()}")


def _bare(place: Place) -> None:
    shutil.rmtree(place.home / "data")


@contextlib.contextmanager
def _held(place: Place, keywords: Keywords) -> Iterator[Keywords]:
    folder, programs = place.home / "held", Path(keywords["programs"])
    folder.mkdir()
    for program in programs.iterdir():
        if program.name != "postgres":
            (folder / program.name).symlink_to(program)
    held(folder, str(programs / "postgres"))
    yield {"programs": str(folder), "ready_timeout": "2", "stop_timeout": "1"}


POSTGRES = Subject(
    system="postgres",
    keywords=_keywords,
    programs=("programs",),
    wrong=("port", "http"),
    owned=("data/postmaster.pid",),
    theirs=("data/PG_VERSION", "data/postgresql.conf"),
    # A session for each question, a worker for each round of vacuuming.
    body=Processes(passing=("postgres: *",)),
    restless=("*.log", "data/*"),
    stays=("*.log",),
    lacking=_lacking,
    prepare=_prepare,
    bare=_bare,
    unready=_held,
)
