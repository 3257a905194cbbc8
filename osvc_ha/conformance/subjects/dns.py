"""dns: the writer of a zone that a Knot DNS beside it serves. The server is not under test, and outlives each stop."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import signal
import socket
import struct
import time
from collections.abc import Iterator

from osvc_ha.conformance.subjects.bodies import Mark, stopped
from osvc_ha.conformance.subjects.subject import Keywords, Place, Subject
from osvc_ha.drill.process import residents
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError

ZONE, DOMAIN, KEY = "example.com", "ha.example.com", "osvc-ha"
# RFC 1035, 4.1.1 and 3.2: a flag, the four bits of what went wrong, a type, a class.
AUTHORITATIVE, REFUSED, SOA, INTERNET = 0x04, 0x0F, 6, 1
READY_SECONDS = 20.0
END_SECONDS = 10.0
CONFIG = """server:
    listen: {address}@{port}
    rundir: {directory}
    background-workers: 1
    udp-workers: 1
    tcp-workers: 2
database:
    storage: {directory}/db
log:
  - target: {directory}/knot.log
    any: info
key:
  - id: {key}
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: writers
    key: {key}
    action: [update, transfer]
zone:
  - domain: {zone}
    file: {directory}/{zone}.zone
    acl: writers
"""
BEGINNING = """$ORIGIN {zone}.
$TTL 300
@ SOA ns1 hostmaster 1 3600 600 86400 300
@ NS ns1
ns1 A 192.0.2.1
"""


def _keywords(place: Place) -> Keywords:
    host = f"[{place.address}]" if ":" in place.address else place.address
    return {
        "domain": DOMAIN,
        "zone": ZONE,
        "provider": "rfc2136",
        "server": f"{host}:{place.ports[0]}",
        "tsig_key_file": str(place.beside / "tsig.key"),
        "timeout": "3",
        "allow_private": "true",
        "seedlists": str(place.home / "seedlists"),
        "runtime_dir": str(place.home / "run"),
    }


def _knotd() -> str:
    """Debian has it in /usr/sbin, which is not on everybody's path."""
    return shutil.which("knotd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin") or ""


def _lacking(given: Keywords) -> str:
    return "" if _knotd() else "knotd, the server that it is to write to, is not installed: apt-get install knot"


def _serve(place: Place, keywords: Keywords) -> None:
    """Knot with a zone that nobody has written to."""
    _end(place)
    shutil.rmtree(place.beside, ignore_errors=True)
    (place.beside / "db").mkdir(parents=True)
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    host, config = Host(), place.beside / "knot.conf"
    host.replace(place.beside / "tsig.key", f"hmac-sha256:{KEY}:{secret}\n", 0o600)
    host.replace(place.beside / f"{ZONE}.zone", BEGINNING.format(zone=ZONE))
    text = CONFIG.format(address=place.address, port=place.ports[0], directory=place.beside, key=KEY, secret=secret, zone=ZONE)
    host.replace(config, text, 0o600)
    begun = host.run([_knotd(), "-c", str(config), "--daemonize"])
    if begun.code or not host.wait(lambda: _answers(place), READY_SECONDS):
        raise ApplyError(f"knotd does not answer on {place.address}:{place.ports[0]}: {begun.words}; see {place.beside}/knot.log")


def _answers(place: Place) -> bool:
    """Does it answer for the zone, with authority?"""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in ZONE.split("."))
    question = struct.pack("!6H", 1, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", SOA, INTERNET)
    with socket.socket(socket.AF_INET6 if ":" in place.address else socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(0.2)
        try:
            peer.sendto(question, (place.address, place.ports[0]))
            answer = peer.recv(4096)
        except OSError:
            return False
    return len(answer) > len(question) and bool(answer[2] & AUTHORITATIVE) and not answer[3] & REFUSED


def _end(place: Place) -> None:
    give_up = time.monotonic() + END_SECONDS
    while (left := residents(place.beside)) and time.monotonic() < give_up:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


@contextlib.contextmanager
def _silent(place: Place, keywords: Keywords) -> Iterator[Keywords]:
    """The server is there, and answers nothing."""
    with stopped(place.beside):
        yield {"timeout": "1"}


DNS = Subject(
    system="dns",
    keywords=_keywords,
    programs=(),
    wrong=("grace", "often"),
    owned=("run/memory.json", "run/writes"),
    body=Mark("run/writer"),
    # A lock that is removed is no lock, and the number of the last write is no secret.
    stays=("write.lock", "writes"),
    never={"missing_program": "it starts no program: the server that it writes to is somebody else's"},
    lacking=_lacking,
    prepare=_serve,
    finish=_end,
    unready=_silent,
)
