"""Asks Ceph about the filesystem, by the mgr's `ceph fs status`."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError
from osvc_ha.secret import read_secret
from osvc_ha.systems.volumes.config import Config, Kind
from osvc_ha.systems.volumes.state import CephFs
from osvc_ha.systems.volumes.state.ceph import parse_fs_status


def ask(config: Config, host: Host) -> Tuple[Optional[CephFs], str]:
    """The filesystem, or why it could not be asked."""
    argv = ["ceph", "--id", config.ceph_user, "-c", config.ceph_conf, "--connect-timeout", str(config.health_seconds)]
    argv += ["-m", config.monitors] if config.monitors else []
    try:
        if config.key_file:
            read_secret("key_file", Path(config.key_file), host, "it should hold the key")
            argv += ["--keyfile" if config.kind is Kind.CEPH else "--keyring", config.key_file]
        filesystem = [config.ceph_filesystem] if config.ceph_filesystem else []
        done = host.run([*argv, "fs", "status", *filesystem, "--format", "json"], seconds=float(config.health_seconds))
        if done.code:
            return None, f"ceph fs status: {done.words}"
        return parse_fs_status(done.out, config.ceph_filesystem), ""
    except HaError as error:
        return None, str(error)
