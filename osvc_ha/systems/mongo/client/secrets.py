"""The files with secrets, and who may use them: the keyfile, the password, the certificate's key. Of what is in them nothing is said."""

from __future__ import annotations

import stat
from pathlib import Path

from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError
from osvc_ha.secret import is_open
from osvc_ha.systems.mongo.config import Config


def secret_trouble(config: Config, host: Host) -> str:
    """Why a start must not go on with one of them, as a sentence; "" when all are there, and their owner's alone."""
    sentences = (
        # In a container it may come from elsewhere; what is here is what osvc_ha reads.
        _trouble("keyfile", config.keyfile, config.launch, "the same on every node", host),
        _trouble("password_file", config.password_file if config.username else "", True, "with another password", host),
        _trouble("tls_cert_key", config.tls_cert_key if config.tls else "", True, "with another key", host),
    )
    return next(filter(None, sentences), "")


def _trouble(keyword: str, file: str, needed: bool, new: str, host: Host) -> str:
    if not file:
        return ""
    try:
        mode = host.mode(Path(file))
    except ObserveError as error:
        return f"{keyword}={error}" if needed else ""
    if not stat.S_ISREG(mode):
        return f"{keyword}={file}: is no regular file"
    shown = f"{stat.S_IMODE(mode):04o}"
    return (
        f"{keyword}={file}: others than its owner can use it (mode {shown}); chmod 0400, and make a new one, {new}" if is_open(mode) else ""
    )
