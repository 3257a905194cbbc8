"""Making a data directory, and removing it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.systems.postgres.config import Config

from .account import as_owner, environment, give
from .asking import password
from .directory import mounted
from .scanning import running

INITDB_SECONDS = 300.0
SECRETS = Path("/run/osvc_ha/postgres")
LOOPBACK = {"127.0.0.1/32", "::1/128"}


def initdb(config: Config, step: Step, host: Host) -> None:
    """Beside its place, renamed when it is whole and on disk: one that was cut short is never taken for a database."""
    place = Path(config.directory)
    half = place.with_name(f".{place.name}.initdb")
    if not mounted(config, host):
        raise ApplyError(f"{config.mount} is not mounted")
    if os.path.ismount(place):
        raise ApplyError(f"{place} is a mount point itself; name a folder below it")
    host.remove_tree(half)
    try:
        place.parent.mkdir(0o755, parents=True, exist_ok=True)
        half.mkdir(0o700)
    except OSError as error:
        raise ApplyError(f"{half}: cannot be made: {error.strerror}") from error
    give(config, str(half))
    argv = [f"{config.programs}/initdb", "-D", str(half), "-U", config.role, "--encoding=UTF8", f"--locale={config.locale}"]
    argv += ["--data-checksums", "--auth-local=peer", "--auth-host=scram-sha-256"]
    with _password(config, host) as words:
        made = host.run([*as_owner(config), *argv, *words], INITDB_SECONDS, env=environment(config))
    if made.code:
        host.remove_tree(half)
        raise ApplyError(f"initdb: {made.words}")
    _let_in(config, half / "pg_hba.conf")
    _rename(half, place)


@contextmanager
def _password(config: Config, host: Host) -> Iterator[Tuple[str, ...]]:
    """In a file of its own, for initdb is not root and cannot read ours; in memory, and only for as long."""
    if not config.password_file:
        yield ()
        return
    file = SECRETS / f"{config.path.replace('/', '.')}.{os.getpid()}"
    host.replace(file, password(config, host) + "\n", 0o600)
    try:
        give(config, str(file))
        yield (f"--pwfile={file}",)
    finally:
        host.remove(file)


def _let_in(config: Config, file: Path) -> None:
    lines = [f"host    all             all             {who:<23} scram-sha-256\n" for who in config.clients if who not in LOOPBACK]
    try:
        with open(file, "a", encoding="utf-8") as sink:
            sink.write("# Clients, by the keyword `clients` at the time of provisioning.\n" + "".join(lines))
            sink.flush()
            os.fsync(sink.fileno())
    except OSError as error:
        raise ApplyError(f"{file}: cannot be written: {error.strerror}") from error


def _rename(half: Path, place: Path) -> None:
    try:
        # Over an empty directory it works; over one that is not, which we never remove, it fails.
        os.rename(half, place)
        parent = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
    except OSError as error:
        raise ApplyError(f"{half}: cannot be renamed to {place}: {error.strerror}") from error


def remove_data(config: Config, step: Step, host: Host) -> None:
    """The whole data directory; tablespaces elsewhere stay."""
    found = running(config, host)
    if found.postmaster or found.orphans or not mounted(config, host):
        raise ApplyError(f"{config.directory}: a server works there, or the volume is gone; nothing was removed")
    host.remove_tree(Path(config.directory))


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {"initdb": initdb, "remove-data": remove_data}
