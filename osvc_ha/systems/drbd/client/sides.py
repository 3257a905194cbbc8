"""Both copies of a resource, as far as they can be read without mounting anything: here, and on another node by ssh."""

from __future__ import annotations

import base64
import binascii
import re
import shlex
from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, HaError, ObserveError
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.plan.resolving import Side
from osvc_ha.systems.drbd.state import Actual, OnHost, Resource
from osvc_ha.systems.drbd.state.events import parse_events
from osvc_ha.systems.drbd.state.lineage import Generations, parse_identifiers
from osvc_ha.systems.drbd.state.superblock import BLOCK, Superblock, parse_superblock

from .elsewhere import over
from .roles import holders

SECONDS = 15.0
MARK = re.compile(r"@([a-z]+)([0-9]*)\Z")


def with_holders(actual: Actual, host: Host) -> Actual:
    """The reading, with who has the devices open."""
    resource = actual.resource
    if resource is None:
        return actual
    volumes = tuple(replace(volume, holders=holders((volume.minor,), host)) for volume in resource.volumes)
    return replace(actual, resource=replace(resource, volumes=volumes))


def look_here(config: Config, actual: Actual, peer: str, host: Host) -> Side:
    """This node's copy."""
    command = _questions(config, actual, actual.local, peer)
    try:
        text = host.run(("sh", "-c", command), SECONDS).out
    except HaError as error:
        return Side(actual.local, trouble=str(error))
    return _side(actual.local, config, text, actual)


def look_there(config: Config, actual: Actual, node: str, remote: str, host: Host) -> Side:
    """The other's, in its own words. ``trouble`` when it cannot be asked."""
    command = _questions(config, actual, node, actual.local)
    try:
        done = host.run(over(remote, node, command), SECONDS)
    except HaError as error:
        return Side(node, trouble=str(error))
    found = _side(node, config, done.out, actual)
    return found if found.role or any(found.generations) else replace(found, trouble=found.trouble or f"asked by `{remote}`: {done.words}")


def connect_there(config: Config, node: str, remote: str, host: Host) -> str:
    """A plain connect on the other node; why it failed, or ""."""
    try:
        done = host.run(over(remote, node, f"{config.drbdadm} connect {config.res}"), SECONDS)
    except HaError as error:
        return str(error)
    return done.words if done.code else ""


def given(words: Sequence[str]) -> Tuple[Optional[Generations], ...]:
    """What a person read out on the other node. ConfigError for what is no line of get-gi."""
    found = tuple(parse_identifiers(word) for word in words)
    for word, one in zip(words, found):
        if one is None:
            raise ConfigError(
                f"--peer-gi {word}: is not what `drbdadm get-gi` prints, as 6BC7C8F31FC309D5:52746FFE7952A516:4CB8…:0000…:1:1:…"
            )
    return found


def _questions(config: Config, actual: Actual, node: str, peer: str) -> str:
    """One shell command; each answer behind a mark, so that what a login prints does no harm."""
    res, lines = config.res, [f"echo @events; {config.drbdsetup} events2 --now --statistics {config.res}"]
    for number, disk in _disks(actual, node):
        # DRBD 9 keeps identifiers for each peer.
        of = f"{res}:{peer}/{number}" if actual.versions.nine else f"{res}/{number}"
        lines.append(f"echo @gi{number}; {config.drbdadm} get-gi {of}")
        if disk not in ("", "none"):
            # Directly, past the page cache: DRBD writes below it.
            lines.append(f"echo @head{number}; dd if={shlex.quote(disk)} iflag=direct bs={BLOCK} count=1 2>/dev/null | base64 -w0; echo")
    return "; ".join(lines)


def _disks(actual: Actual, node: str) -> List[Tuple[int, str]]:
    of: Optional[OnHost] = next((one for one in actual.configured.hosts if one.host == node), None) if actual.configured else None
    return list(enumerate(of.disks)) if of else []


def _side(node: str, config: Config, text: str, actual: Actual) -> Side:
    parts: Dict[Tuple[str, str], List[str]] = {}
    current: List[str] = []
    for line in text.splitlines():
        mark = MARK.match(line)
        if mark:
            current = parts.setdefault((mark.group(1), mark.group(2)), [])
        else:
            current.append(line)
    numbers = [str(number) for number, _ in _disks(actual, node)]
    side = Side(
        node,
        generations=tuple(parse_identifiers("\n".join(parts.get(("gi", number), []))) for number in numbers),
        superblocks=tuple(_superblock(parts.get(("head", number), [])) for number in numbers),
    )
    try:
        resource = parse_events("\n".join(parts.get(("events", ""), [])), config.res)
    except ObserveError as error:
        return replace(side, trouble=str(error))
    return _filled(side, resource) if resource else replace(side, trouble=f"{config.res} is not up on {node}")


def _filled(side: Side, resource: Resource) -> Side:
    count = sum(volume.out_of_sync for peer in resource.peers for volume in peer.volumes)
    connection = next((peer.connection for peer in resource.peers), "StandAlone")
    return replace(
        side, role=resource.role, connection=connection, disks=tuple(volume.disk for volume in resource.volumes), out_of_sync=count
    )


def _superblock(lines: List[str]) -> Superblock:
    try:
        return parse_superblock(base64.b64decode("".join(lines)))
    except (binascii.Error, ValueError):
        return Superblock()
