"""SRV and TXT of MongoDB's seed lists: only what every driver accepts. Pure; osvc_ha/cluster/seedlist.py has the rules."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Tuple

from osvc_ha.cluster.seedlist import Seedlist, parent_of
from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.dns.state import Record, txt
from osvc_ha.systems.dns.state.names import absolute, is_below, is_wildcard, parents
from osvc_ha.systems.dns.state.wanted import Entry, Kind

from .entries import ADDRESS, Draft, effective, has_addresses

SERVICE = "_mongodb._tcp"


def fill_seeds(draft: Draft) -> None:
    """Entries for every seed list. Addresses have to be there before: what does not resolve is left out."""
    for seed in draft.desired.seeds:
        try:
            _fill(draft, seed)
        except ConfigError as error:
            draft.note(f"seed list {seed.name}: {error}")


def _fill(draft: Draft, seed: Seedlist) -> None:
    domain, ttl = draft.desired.config.domain, draft.ttl(draft.desired.config.mongo_ttl)
    host = absolute(seed.name, domain)
    if is_wildcard(host) or not is_below(host, domain):
        raise ConfigError(f"{host} is not one name below {domain}; choose another")
    name = absolute(f"{SERVICE}.{host}.", domain)
    mute = _mute(draft, seed)
    if mute:
        draft.note(f"seed list {seed.name}: {mute}; its records stay as they are")
        draft.add(Entry(name, "SRV", Kind.SEED, keep=True))
        draft.add(Entry(host, "TXT", Kind.SEED, keep=True))
        return
    told = draft.actual.told.get(seed.service)
    if told is not None:
        # A member that is known by a node's bare name is one of ours.
        members = tuple((f"{member}." if "." in member else member, port) for member, port in told.members)
        seed = replace(told, name=seed.name, members=members)
    targets: List[Tuple[str, int]] = []
    unsure = False
    for member, port in seed.members:
        refused, for_now = _refusal(draft, host, member)
        unsure = unsure or for_now
        if refused:
            draft.note(f"seed list {seed.name}: member {member} is left out: {refused}")
        else:
            targets.append((absolute(member, domain), port))
    if not targets:
        draft.note(f"seed list {seed.name}: no member is left; its records stay as they are")
    why = f"a member of {seed.replica_set}"
    records = tuple(sorted((Record(name, "SRV", f"0 0 {port} {target}", ttl), why) for target, port in targets))
    draft.add(Entry(name, "SRV", Kind.SEED, records, f"it is no member of {seed.replica_set}", keep=unsure or not targets))
    options = ((Record(host, "TXT", txt(seed.options), ttl), f"the options of {seed.replica_set}"),) if targets else ()
    draft.add(Entry(host, "TXT", Kind.SEED, options, "a seed list has exactly one TXT", keep=not targets))


def _mute(draft: Draft, seed: Seedlist) -> str:
    """Why the members are not known now, as a clause; "" when they are."""
    if not seed.service:
        return ""
    told = draft.actual.told.get(seed.service)
    unheard = f"nobody on {draft.desired.local} has told the members of {seed.service} yet; its follower does"
    return draft.desired.mute.get(seed.service, "") or ("" if told is not None and told.members else unheard)


def _refusal(draft: Draft, host: str, member: str) -> Tuple[str, bool]:
    """Why clients would refuse this member, "" when they would not; and whether that may be only for now."""
    parent = parent_of(host)
    try:
        target = absolute(member, draft.desired.config.domain)
    except ConfigError as error:
        return str(error), False
    if target == parent or not is_below(target, parent):
        return f"{target} is not below {parent}, and clients refuse the whole list for it; name it below that", False
    if "CNAME" in {record.type for record in [*draft.others.get(target, ()), *effective(draft, (target, ADDRESS))]}:
        return f"{target} is a CNAME, which an SRV must not point to; give it addresses of its own", False
    if has_addresses(draft, target) or any(record.type in ("A", "AAAA") for record in draft.others.get(target, ())):
        return "", False
    if not draft.others.get(target) and any(_covers(draft, above) for above in parents(target, draft.desired.config.domain)):
        return "", False
    return f"{target} has no address; give it one (the name of a node of this cluster has one)", True


def _covers(draft: Draft, above: str) -> bool:
    return bool(effective(draft, (f"*.{above}", ADDRESS))) or bool(draft.others.get(f"*.{above}"))
