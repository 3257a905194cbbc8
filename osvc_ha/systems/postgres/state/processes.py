"""Which of the processes named postgres is the postmaster of a directory, and which ones a dead one left. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Tuple

# Children are renamed so at once, whatever update_process_title says (init_ps_display).
CHILD = "postgres: "
RECOVERING = " recovering "


@dataclass(frozen=True)
class Process:
    """A process named postgres. command: its arguments. here: the data directory is where it works.

    By device and inode, so that one in a container, which sees it at another path, is one too.
    """

    pid: int
    parent: int = 0
    command: Tuple[str, ...] = ()
    here: bool = False

    @property
    def is_child(self) -> bool:
        """Is it a postmaster's child?"""
        return bool(self.command) and self.command[0].startswith(CHILD)

    def names(self, directory: str) -> bool:
        """Was it started with -D and that directory? It says so also while it does not work there yet, or the volume is gone."""
        pairs = zip(self.command, self.command[1:])
        return any(flag in ("-D", "--pgdata") and value.rstrip("/") == directory for flag, value in pairs)


@dataclass(frozen=True)
class Found:
    """postmaster: 0 for none. children: its own. orphans: of one that is dead. others: postmasters of other directories."""

    postmaster: int = 0
    children: Tuple[Process, ...] = ()
    orphans: Tuple[int, ...] = ()
    others: Tuple[int, ...] = ()


def sort_out(processes: Iterable[Process], directory: str, noted: int = 0) -> Found:
    """directory: its path. noted: the pid in postmaster.pid, which decides while a child has not been renamed yet."""
    everybody = tuple(sorted(processes, key=lambda one: one.pid))
    pids = {one.pid for one in everybody}
    heads = [one for one in everybody if not one.is_child and (one.here or one.names(directory))]
    heads.sort(key=lambda one: (one.pid != noted, one.parent in pids, one.pid))
    postmaster = heads[0].pid if heads else 0
    rest = [one for one in everybody if one.here and one.pid != postmaster]
    children = tuple(one for one in rest if one.parent == postmaster)
    return Found(
        postmaster,
        children,
        () if postmaster else tuple(one.pid for one in rest),
        tuple(one.pid for one in everybody if not one.is_child and not one.here and one.parent not in pids and one.pid != postmaster),
    )


def recovering(children: Iterable[Process]) -> str:
    """The WAL segment that the startup process replays, as its title says; "" when it replays none."""
    for one in children:
        title = one.command[0] if one.is_child else ""
        if RECOVERING in title:
            return title.rpartition(RECOVERING)[2].split()[0] if title.rpartition(RECOVERING)[2].split() else ""
    return ""


def progress_of(segment: str, segments: Iterable[str]) -> str:
    """How far a replay is. segments: the names in pg_wal, some of which may only be kept for later use: so "at most"."""
    names = sorted(name for name in segments if len(name) == 24 and name[:8] == segment[:8] and not set(name) - set("0123456789ABCDEF"))
    if not segment or segment not in names:
        return f"at WAL segment {segment}" if segment else ""
    left = len(names) - names.index(segment) - 1
    return f"at WAL segment {segment}, at most {left} more to go"
