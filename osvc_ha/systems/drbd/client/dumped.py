"""What the files say: ``drbdadm dump``, run again only when something that it reads has changed.

It takes longer than all else that a START asks, and mostly for an answer that was given before. So its text is kept, for this process
and for the next: RUNTIME_DIR/drbdadm-dump, for its owner alone, in memory below /run (it holds the shared secrets of the net sections).
Before it stands all that the answer rests on, word for word: a digest would be shorter, and its library takes longer to load than all
of this to compare. Where that cannot be told for sure, nothing is kept.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Dict, List, Optional, Tuple
from weakref import WeakKeyDictionary

from osvc_ha.host import Completed, Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.state import Configured
from osvc_ha.systems.drbd.state.configured import parse_dump
from osvc_ha.systems.drbd.state.includes import includes
from osvc_ha.systems.drbd.state.resting import MINOR

from .asking import ask, said

FORMAT = "1"
ETC = Path("/etc")
CONF = "drbd.conf"
NAME = "drbdadm-dump"
NOTHING = "no resources defined"
Configuration = Tuple[Optional[Configured], str]


@dataclass
class Dump:
    """One answer, and what was parsed of it. of: what it rests on."""

    of: str
    text: str
    parsed: Dict[str, Optional[Configured]] = field(default_factory=dict)

    def resource(self, name: str) -> Optional[Configured]:
        """The resource of that name, None when there is none."""
        if name not in self.parsed:
            self.parsed[name] = parse_dump(self.text, name)
        return self.parsed[name]


KNOWN: WeakKeyDictionary[Host, Dump] = WeakKeyDictionary()
LAST: WeakKeyDictionary[Host, Tuple[Config, Configuration]] = WeakKeyDictionary()


def configuration(config: Config, proc: str, host: Host, again: bool = False) -> Configuration:
    """The resource as all files have it, with `common`, and why drbdadm refuses them, or "". A broken neighbour breaks them all.

    proc: the text of /proc/drbd. again: what was told last will do. ObserveError when drbdadm does not answer.
    """
    last = LAST.get(host)
    if again and last is not None and last[0] == config:
        return last[1]
    LAST[host] = (config, found := _configuration(config, proc, host))
    return found


def rewritten(host: Host) -> None:
    """We have changed a file ourselves: what was told last will not do."""
    LAST.pop(host, None)


def _configuration(config: Config, proc: str, host: Host) -> Configuration:
    file, of = Path(config.runtime_dir) / NAME, grounds(config, proc, host)
    known = KNOWN.get(host)
    if of and known is not None and known.of == of:
        return known.resource(config.res), ""
    kept = read_kept(file, of) if of else None
    if kept is not None:
        KNOWN[host] = Dump(of, kept)
        return KNOWN[host].resource(config.res), ""
    done: Completed = ask(host, (config.drbdadm, "dump"))
    if done.code:
        return None, "" if NOTHING in done.words else said(done)
    dump = Dump(of, done.out)
    if of and grounds(config, proc, host) == of:
        KNOWN[host] = dump
        # Without it the next process asks again.
        with contextlib.suppress(ApplyError):
            host.replace(file, f"{len(of)}\n{of}{done.out}", 0o600)
    return dump.resource(config.res), ""


def grounds(config: Config, proc: str, host: Host) -> str:
    """All that `drbdadm dump` reads: the files by their contents, the program, and who and what this node is. "" when not for sure."""
    texts = _files(host)
    if texts is None:
        return ""
    kernel = "\n".join(line for line in proc.splitlines() if not line[:1].isspace() and not MINOR.match(line))
    parts = [FORMAT, nodename(), os.environ.get("__DRBD_NODE__", ""), kernel, program(config.drbdadm), *texts]
    # With their lengths, so that no two of these are the same text.
    return "".join(f"{len(part)}:{part}\n" for part in parts)


def nodename() -> str:
    """By which drbdadm finds the `on` section of this node."""
    return os.uname().nodename


def program(name: str) -> str:
    """Which file it is: another version may say the same in another way."""
    path = shutil.which(name) or name
    try:
        about = os.stat(path)
    except OSError:
        return path
    return f"{path} {about.st_ino} {about.st_size} {about.st_mtime_ns}"


def _files(host: Host) -> Optional[List[str]]:
    """Path and text of drbd.conf and of whatever it includes, in the order of their names. None when that cannot be told for sure."""
    texts: Dict[str, str] = {}
    waiting = [ETC / CONF]
    try:
        # drbdadm prefers a file of its own version, such as drbd-84.conf.
        if any(name.startswith("drbd-") and name.endswith(".conf") for name in host.names(ETC)):
            return None
        while waiting:
            file = waiting.pop()
            if str(file) in texts:
                continue
            text = host.read(file)
            patterns = includes(text) if text is not None else None
            if text is None or patterns is None:
                return None
            texts[str(file)] = text
            for pattern in patterns:
                folder, _, last = str(file.parent / pattern).rpartition("/")
                waiting += _matching(Path(folder), last, host)
    except ObserveError:
        return None
    return [word for pair in sorted(texts.items()) for word in pair]


def _matching(folder: Path, pattern: str, host: Host) -> List[Path]:
    if "*" not in pattern and "?" not in pattern:
        return [folder / pattern]
    names = host.names(folder)
    return [folder / name for name in names if fnmatchcase(name, pattern) and name.startswith(".") == pattern.startswith(".")]


def read_kept(file: Path, of: str) -> Optional[str]:
    """The text that was kept on these grounds. None for a file that is another's, or that others may write or read, or a link."""
    try:
        folder = os.lstat(file.parent)
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, encoding="utf-8", newline="") as source:
        about = os.fstat(handle)
        ours = stat.S_ISDIR(folder.st_mode) and {folder.st_uid, about.st_uid} == {os.geteuid()}
        private = stat.S_ISREG(about.st_mode) and not about.st_mode & 0o077 and not folder.st_mode & 0o022
        if not (ours and private):
            return None
        try:
            text = source.read()
        except (OSError, UnicodeDecodeError):
            return None
    begin = f"{len(of)}\n{of}"
    return text[len(begin) :] if text.startswith(begin) else None
