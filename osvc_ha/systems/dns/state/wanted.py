"""What the cluster asks of DNS, before it is known what the zone holds: Want, Publics, Desired. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, List, Tuple

from osvc_ha.cluster.seedlist import Seedlist
from osvc_ha.planner.types import Verb
from osvc_ha.systems.dns.config import Config

from . import LOAD_BALANCER, Actual, Record


class Kind(Enum):
    """What a name is there for. BELOW: it only keeps a wildcard answering where names below made it exist."""

    NODE = "node"
    GLOBAL = "global"
    SERVICE = "service"
    SEED = "seed list"
    BELOW = "below a wildcard"


@dataclass(frozen=True)
class Publics:
    """What a node may be reached by from outside. known: False when nothing says so, and then ``trouble`` is a whole sentence.

    ask: it is this machine without a label, so its own interfaces tell.
    """

    addresses: Tuple[str, ...] = ()
    trouble: str = ""
    ask: bool = False

    @property
    def known(self) -> bool:
        """May records be taken away for what is in ``addresses``?"""
        return bool(self.addresses)


@dataclass(frozen=True)
class Want:
    """One name and whose addresses it shall have.

    nodes: (node, why it is among them). fixed: addresses that are no node's. follows_ingress: the ingress nodes, instead.
    node: the one that a node's own name or wildcard stands for. whole: the sentence for what is not among them any more.
    empty: what is said when nobody is among them, and the last addresses stay. asker: who wants it, for a message.
    """

    name: str
    kind: Kind
    ttl: int
    whole: str
    empty: str = ""
    nodes: Tuple[Tuple[str, str], ...] = ()
    fixed: Tuple[str, ...] = ()
    follows_ingress: bool = False
    balanced: bool = False
    proxied: bool = False
    node: str = ""
    wildcard_of: str = ""
    asker: str = ""


@dataclass(frozen=True)
class Desired:
    """All that is wanted, without a look at the zone.

    writer: is this node the one to write; ``aside`` says why not, when a person should know. present, total: nodes seen, of all.
    majority: the cluster's, as seen here.
    alive: node -> is its heartbeat heard. ingress: the nodes that clients may be sent to, in scope order; scope: those that could be.
    mute: service -> why what this node was told of its replica set need not be right.
    unsure: some label cannot be read, so that nothing may be removed for not being asked for.
    worked_out: what ``plan`` made of this and the last look; goes when this goes.
    """

    verb: Verb
    config: Config
    cluster: str = ""
    local: str = ""
    writer: bool = True
    aside: str = ""
    present: int = 1
    total: int = 1
    majority: bool = True
    alive: Mapping[str, bool] = field(default_factory=dict)
    publics: Mapping[str, Publics] = field(default_factory=dict)
    wants: Tuple[Want, ...] = ()
    seeds: Tuple[Seedlist, ...] = ()
    mute: Mapping[str, str] = field(default_factory=dict)
    ingress: Tuple[str, ...] = ()
    ingress_scope: Tuple[str, ...] = ()
    problems: Tuple[str, ...] = ()
    unsure: bool = False
    worked_out: List[Tuple[Actual, Any]] = field(default_factory=list, init=False, compare=False, repr=False)


def family(type_: str) -> str:
    """Records of one family stand for each other: addresses of both kinds, a CNAME and a load balancer answer the same question."""
    return "address" if type_ in ("A", "AAAA", "CNAME", LOAD_BALANCER) else type_


Key = Tuple[str, str]


def key_of(record: Record) -> Key:
    """(name, family)."""
    return record.name, family(record.type)


@dataclass(frozen=True)
class Entry:
    """One family of records at one name, as it shall be: each record with the reason for it.

    keep: nothing is taken away here, for what is not known. withdrawn: the name is taken away on purpose, even to the last address.
    """

    name: str
    family: str
    kind: Kind
    records: Tuple[Tuple[Record, str], ...] = ()
    whole: str = ""
    keep: bool = False
    withdrawn: bool = False
