"""How far a resync or verify is, from /proc/drbd: 8.4 tells it nowhere else that a program should read. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Dict, Optional, Tuple

from . import Peer, PeerVolume, Resource

MINOR = re.compile(r"\s*([0-9]{1,7}): cs:")
DONE = re.compile(r".*(?:sync'ed|verified):\s*([0-9]{1,3}(?:\.[0-9]+)?)%")
LEFT = re.compile(r"\s*finish: ([0-9]{1,6}):([0-9]{2}):([0-9]{2})")
VERSION = re.compile(r"version: ([0-9]+(?:\.[0-9]+)*)")
CODE = re.compile(r"^DRBD_KERNEL_VERSION_CODE=0x([0-9a-fA-F]{6})\s*$", re.MULTILINE)
Progress = Tuple[Optional[float], Optional[int]]


def parse_version(text: str) -> Tuple[int, ...]:
    """``version: 8.4.11 (api:1/proto:86-101)`` -> (8, 4, 11); () when it does not say."""
    found = VERSION.match(text)
    return tuple(int(part) for part in found.group(1).split(".") if len(part) < 9) if found else ()


def parse_code(text: str) -> Tuple[int, ...]:
    """``drbdadm --version``, which asks the module that could be loaded -> (8, 4, 11); () when there is none."""
    found = CODE.search(text)
    code = int(found.group(1), 16) if found else 0
    return (code >> 16, (code >> 8) & 255, code & 255) if code else ()


def parse_progress(text: str) -> Dict[int, Progress]:
    """Minor -> percent done, seconds left. Minors at rest are not in it. Never raises: a line that is not understood tells nothing."""
    found: Dict[int, Progress] = {}
    minor: Optional[int] = None
    for line in text.splitlines():
        begins, done, left = MINOR.match(line), DONE.match(line), LEFT.match(line)
        if begins:
            minor = int(begins.group(1))
        elif done and minor is not None:
            found[minor] = (float(done.group(1)), None)
        elif left and minor in found:
            hours, minutes, seconds = (int(part) for part in left.groups())
            found[minor] = (found[minor][0], 3600 * hours + 60 * minutes + seconds)
    return found


def with_progress(resource: Resource, progress: Mapping[int, Progress]) -> Resource:
    """The resource, with how far each volume is. For 8.4, where a minor has one peer."""
    minors = {volume.number: volume.minor for volume in resource.volumes}

    def told(volume: PeerVolume) -> PeerVolume:
        done, left = progress.get(minors.get(volume.number, -1), (None, None))
        return replace(volume, done=done, left=left)

    def peer(one: Peer) -> Peer:
        return replace(one, volumes=tuple(told(volume) for volume in one.volumes))

    return replace(resource, peers=tuple(peer(one) for one in resource.peers))
