"""Mounting, each kind by its own program."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import List

from osvc_ha.host import Completed, Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.planner.types import Step
from osvc_ha.secret import read_secret
from osvc_ha.systems.volumes.config import Config, Kind

from .looking import folder_of

# mount(8): 32, it failed; then ext4 and xfs say why in the kernel's log alone.
FAILED = 32


def make_directory(config: Config, step: Step, host: Host) -> None:
    """The mount point, and the directories above it."""
    done = host.run(["mkdir", "-p", "-m", "0755", step.on])
    if done.code:
        raise ApplyError(f"mkdir {step.on}: {done.words}")


def mount(config: Config, step: Step, host: Host) -> None:
    """Mount it at ``step.on``."""
    done = host.run(ARGV[config.kind](config, step.on, host), seconds=config.mount_timeout)
    if done.code:
        raise ApplyError(f"{config.device}: {_words(done)}{_more(config, step.on, done, host)}")


def _words(done: Completed) -> str:
    return " / ".join(line.strip() for line in done.words.split("\n") if line.strip())


def _more(config: Config, place: str, done: Completed, host: Host) -> str:
    """What mount itself does not say."""
    if config.kind.block and done.code == FAILED:
        with contextlib.suppress(ApplyError):
            found = host.run(["blkid", "-p", "-o", "value", "-s", "TYPE", config.device]).out.strip()
            if found and found != config.kind.value:
                return f"; it holds {found}, not {config.kind.value}: correct kind or device"
            if not found:
                return "; it holds no filesystem: format=true lets `provision` make one"
    if config.kind is Kind.GLUSTERFS:
        log = Path("/var/log/glusterfs") / (place.strip("/").replace("/", "-") + ".log")
        with contextlib.suppress(ObserveError):
            errors = [line for line in (host.read(log, lossy=True) or "").split("\n") if "] E [" in line or "] C [" in line]
            return f"; {log}: {errors[-1].rpartition('] ')[2].strip()}" if errors else f"; see {log}"
    return ""


def _plain(config: Config, place: str, host: Host) -> List[str]:
    return ["mount", "-t", config.kind.value, *_options(*config.options), config.device, place]


def _gluster(config: Config, place: str, host: Host) -> List[str]:
    backup = [f"backup-volfile-servers={':'.join(config.backup_servers)}"] if config.backup_servers else []
    return ["mount", "-t", "glusterfs", *_options(*backup, *config.options), config.device, place]


def _ceph(config: Config, place: str, host: Host) -> List[str]:
    """mount.ceph reads the key from the file, and hands it to the kernel alone."""
    words = [f"name={config.ceph_user}", f"conf={config.ceph_conf}"]
    if config.key_file:
        read_secret("key_file", Path(config.key_file), host, f"it should hold the key of client.{config.ceph_user}, and nothing else")
        words.append(f"secretfile={config.key_file}")
    if config.ceph_filesystem:
        words.append(f"fs={config.ceph_filesystem}")
    return ["mount", "-t", "ceph", *_options(*words, *config.options), f"{config.monitors}:{config.folder}", place]


def _ceph_fuse(config: Config, place: str, host: Host) -> List[str]:
    words = ["ceph-fuse", "--id", config.ceph_user, "-c", config.ceph_conf, f"--client_mount_timeout={config.mount_timeout}"]
    if config.key_file:
        read_secret("key_file", Path(config.key_file), host, f"it should be a keyring with client.{config.ceph_user}")
        words += ["--keyring", config.key_file]
    words += ["-m", config.monitors] if config.monitors else []
    words += ["--client_fs", config.ceph_filesystem] if config.ceph_filesystem else []
    words += ["-r", config.folder] if config.folder != "/" else []
    return [*words, place, *_options(*config.options)]


def _bind(config: Config, place: str, host: Host) -> List[str]:
    return ["mount", "--bind", *_options(*config.options), folder_of(config, host), place]


def _options(*words: str) -> List[str]:
    return ["-o", ",".join(words)] if words else []


ARGV: Mapping[Kind, Callable[[Config, str, Host], List[str]]] = {
    Kind.EXT4: _plain,
    Kind.XFS: _plain,
    Kind.GLUSTERFS: _gluster,
    Kind.CEPH: _ceph,
    Kind.CEPH_FUSE: _ceph_fuse,
    Kind.LOCAL: _bind,
}
DO: Mapping[str, Callable[[Config, Step, Host], None]] = {"make-directory": make_directory, "mount": mount}
