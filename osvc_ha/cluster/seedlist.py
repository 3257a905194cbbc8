"""What ``mongodb+srv://`` resolves: one SRV record for each member, and one TXT. Pure.

The DNS seed list specification of MongoDB's drivers is what clients enforce: targets under the same parent domain as the
host that was asked for (and one level more than a host of one or two labels), exactly one TXT, and in it only
``authSource``, ``replicaSet`` and ``loadBalanced``. One TXT more, and every driver refuses the whole list.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from osvc_ha.cluster.label_options import port
from osvc_ha.cluster.types import full_path
from osvc_ha.planner.errors import ConfigError

USUAL_PORT = 27017
# Where systems of one node tell each other, unless a keyword says otherwise.
SEEDLISTS = Path("/run/osvc_ha/seedlists")
# MongoDB's own limits are wider; these words stand in a TXT record and in a URI, unquoted.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_EXTERNAL = "$external"
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_SERVICE = re.compile(r"[A-Za-z0-9-]+/svc/[A-Za-z0-9._-]+\Z")


@dataclass(frozen=True)
class Seedlist:
    """One replica set as clients find it.

    name: the host in ``mongodb+srv://<host>/``, relative to the domain or absolute.
    members: (host, port) of the data-bearing, visible members: no arbiter, no hidden one. Hosts as ``name``.
    tls: clients need TLS; of no use in a record, where mongodb+srv asks for it by itself.
    service: whose replica set it is; the rest is then what that service's own system tells (``seedlist_file``).
    """

    name: str
    replica_set: str
    auth_source: str = ""
    members: Tuple[Tuple[str, int], ...] = ()
    service: str = ""
    tls: bool = False

    @property
    def options(self) -> str:
        """The text of the TXT record."""
        return (f"authSource={self.auth_source}&" if self.auth_source else "") + f"replicaSet={self.replica_set}"

    @property
    def uri(self) -> str:
        """For drivers, without a password. They find the others from any of the members."""
        seeds = ",".join(f"{host}:{number}" for host, number in self.members)
        return f"mongodb://{seeds}/?{self.options}" + ("&tls=true" if self.tls else "")


def parse_seedlists(text: str) -> Tuple[Seedlist, ...]:
    """``db=n1:27017,n2,n3/admin?replicaSet=rs0`` or ``db=prod/svc/mongo``, several of them. ConfigError: the end of a sentence."""
    return tuple(_parse(word) for word in text.split())


def _parse(word: str) -> Seedlist:
    name, equals, rest = word.partition("=")
    if name and _SERVICE.match(rest):
        return Seedlist(name, "", service=full_path(rest))
    hosts, question, query = rest.partition("?")
    hosts, _, auth_source = hosts.partition("/")
    replica_set = query[len("replicaSet=") :] if query.startswith("replicaSet=") else ""
    if not (name and equals and hosts and question and replica_set):
        raise ConfigError(f"{word!r} is not <name>=<host>[:<port>],…[/<authSource>]?replicaSet=<name>")
    for said, value in (("replicaSet", replica_set), ("authSource", auth_source)):
        if value and value != _EXTERNAL and not _WORD.match(value):
            raise ConfigError(f"{word!r}: {said}={value} is no such name: letters, digits, dot, dash, underscore, 63 at most")
    members = tuple(_member(one, word) for one in hosts.split(","))
    if len({member for member in members}) < len(members):
        raise ConfigError(f"{word!r} names a member twice")
    return Seedlist(name, replica_set, auth_source, members)


def _member(text: str, word: str) -> Tuple[str, int]:
    host, colon, number = text.partition(":")
    if not _HOST.match(host):
        raise ConfigError(f"{word!r}: {text!r} is not <host>[:<port>]; a host by its name, since clients compare names")
    try:
        return host, port(number) if colon else USUAL_PORT
    except ConfigError as error:
        raise ConfigError(f"{word!r}: {number!r} {error}") from error


def parent_of(host: str) -> str:
    """The domain that members of the list at ``host`` have to be under: one label up, or the host itself when it has less than three."""
    return host.partition(".")[2] if host.count(".") >= 2 else host


def seedlist_file(directory: Path, service: str) -> Path:
    """Where a service's members are told, on each node where it runs."""
    return directory / f"{full_path(service).replace('/', '.')}.json"


def render_seedlist(seeds: Seedlist) -> str:
    """The file. Its hosts are absolute names."""
    members = [[host, number] for host, number in seeds.members]
    return (
        json.dumps({"replica_set": seeds.replica_set, "auth_source": seeds.auth_source, "tls": seeds.tls, "members": members}, indent=1)
        + "\n"
    )


def told_seedlist(text: Optional[str], name: str = "") -> Optional[Seedlist]:
    """The file under ``name``; None when there is none, or it cannot be read: then nothing is known."""
    try:
        found = json.loads(text or "")
        members = tuple((str(host), int(number)) for host, number in found["members"])
        return Seedlist(name, str(found["replica_set"]), str(found["auth_source"]), members, tls=found.get("tls") is True)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
