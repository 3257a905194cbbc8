"""The TSIG key, out of the file that the server's own tools write. Its secret is in no message."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError
from osvc_ha.secret import read_secret

ALGORITHMS = ("hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha224")
WANTED = "want <algorithm>:<name>:<base64>, or what tsig-keygen or keymgr -t prints"
_BIND = re.compile(r'key\s+"?([^\s"{]+)"?\s*\{(.*?)\}\s*;?', re.DOTALL)
_WORDS = {name: re.compile(rf'\b{name}:?\s+"?([^\s";]+)"?') for name in ("algorithm", "secret", "id")}


@dataclass(frozen=True)
class TsigKey:
    """One key. secret: raw bytes."""

    name: str
    algorithm: str
    secret: bytes = field(repr=False)


def read_key(path: Path, host: Host) -> TsigKey:
    """The key in a file that nobody else can read. ConfigError names what is wrong, ObserveError a file that cannot be read."""
    text = read_secret("tsig_key_file", path, host, WANTED)
    return parse_key(text, str(path))


def parse_key(text: str, where: str) -> TsigKey:
    """Any of the three forms. ConfigError when it is none of them."""
    lines = [line.strip() for line in text.splitlines()]
    plain = "\n".join(line for line in lines if line and not line.startswith(("#", "//")))
    found = _of_bind(plain) or _of_knot(plain) or _of_line(plain)
    if found is None:
        raise ConfigError(f"tsig_key_file={where}: holds no key; {WANTED}")
    name, algorithm, secret = found
    algorithm = algorithm.lower().rstrip(".")
    if algorithm not in ALGORITHMS:
        raise ConfigError(f"tsig_key_file={where}: algorithm {algorithm} of key {name}: want one of {', '.join(ALGORITHMS)}")
    try:
        return TsigKey(name.lower().rstrip("."), algorithm, base64.b64decode(secret, validate=True))
    except binascii.Error as error:
        raise ConfigError(f"tsig_key_file={where}: the secret of key {name} is no base64; {WANTED}") from error


def _of_bind(text: str) -> Optional[Tuple[str, str, str]]:
    found = _BIND.search(text)
    algorithm, secret = (_word(name, found.group(2)) if found else "" for name in ("algorithm", "secret"))
    return (found.group(1), algorithm, secret) if found and algorithm and secret else None


def _of_knot(text: str) -> Optional[Tuple[str, str, str]]:
    name, algorithm, secret = (_word(name, text) for name in ("id", "algorithm", "secret"))
    return (name, algorithm, secret) if name and algorithm and secret else None


def _of_line(text: str) -> Optional[Tuple[str, str, str]]:
    parts = text.split(":")
    return (parts[1].strip(), parts[0].strip(), parts[2].strip()) if len(parts) == 3 and all(parts) else None


def _word(name: str, text: str) -> str:
    found = _WORDS[name].search(text)
    return found.group(1) if found else ""
