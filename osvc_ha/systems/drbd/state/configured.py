"""``drbdadm dump`` (what the files say) and ``drbdsetup show`` (what the kernel was told) as Configured. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Dict, Mapping, Optional, Tuple

from . import Configured, OnHost
from .tree import Section, parse_tree

MINOR = re.compile(r"(?:.*\bminor |/dev/drbd)([0-9]+)\Z")


def parse_dump(text: str, name: str) -> Optional[Configured]:
    """The resource of that name, with what ``common`` adds: `drbdadm dump` shows that apart. None when there is none."""
    root = parse_tree(text, "drbdadm dump")
    own = next((one for one in root.named("resource") if one.words[1:2] == (name,)), None)
    if own is None:
        return None
    common = list(root.named("common"))
    shared = _volumes(own)
    return Configured(
        name,
        tuple(_host(one.words[1], one, shared, own.values) for one in own.named("on") if len(one.words) > 1),
        net=_options([*common, own], "net"),
        disk=_disk([*common, own]),
        options=_options([*common, own], "options"),
        handlers=_options([*common, own], "handlers"),
    )


def parse_show(text: str, name: str) -> Optional[Configured]:
    """The resource as the kernel runs it; the one host is this one, named "". Defaults are left out by the kernel. None: not there."""
    root = parse_tree(text, "drbdsetup show")
    own = next((one for one in root.named("resource") if one.words[1:2] == (name,)), None)
    if own is None:
        return None
    here = list(own.named("_this_host"))
    # DRBD 9 has them for each connection.
    parts = [own, *own.named("connection")]
    return Configured(
        name,
        tuple(_host("", one, {}, {}) for one in here),
        net=_options(parts, "net"),
        disk=_disk([own, *here, *(volume for host in here for volume in host.named("volume"))]),
        options=_options([own], "options"),
        remotes=sum(1 for part in parts for _ in part.named("_remote_host")),
    )


def _options(sections: Iterable[Section], name: str) -> Mapping[str, str]:
    return {key: value for section in sections for key, value in section.merged(name).items()}


def _disk(sections: Iterable[Section]) -> Mapping[str, str]:
    """Options of disks: of all volumes, and those of each (8.4 prints ``fencing`` in one only)."""
    found: Dict[str, str] = {}
    for section in sections:
        found.update(section.merged("disk"))
        for volume in section.named("volume"):
            found.update(volume.merged("disk"))
    return found


def _volumes(section: Section) -> Dict[str, Dict[str, str]]:
    return {one.words[1]: one.values for one in section.named("volume") if len(one.words) > 1}


def _host(host: str, section: Section, shared: Mapping[str, Mapping[str, str]], outer: Mapping[str, str]) -> OnHost:
    own = _volumes(section)
    # Without a volume section, the statements of volume 0 stand in the host's, or around it.
    if not own and not shared:
        own = {"0": {**outer, **section.values}}
    numbers = sorted({*own, *shared}, key=lambda number: (len(number), number))
    volumes = [{**shared.get(number, {}), **own.get(number, {})} for number in numbers]
    minors = [MINOR.match(volume.get("device", "")) for volume in volumes]
    return OnHost(
        host,
        address=_address(section.values.get("address", "")),
        devices=tuple(volume.get("device", "").partition(" minor ")[0] for volume in volumes),
        minors=tuple(int(found.group(1)) for found in minors if found and found.group(1).isascii() and len(found.group(1)) < 8),
        disks=tuple(volume.get("disk", "") for volume in volumes),
        node_id=section.values.get("node-id", ""),
        numbers=tuple(int(number) for number in numbers if number.isascii() and number.isdigit() and len(number) < 8),
    )


def _address(value: str) -> str:
    """``ipv4 10.0.0.1:7789`` -> ``10.0.0.1:7789``."""
    words: Tuple[str, ...] = tuple(value.split())
    return words[-1] if words else ""
