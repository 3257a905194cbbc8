"""What holds for every cluster and every zone: clusters, placements and zones are made up, plans are carried out step by step."""

from __future__ import annotations

from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from osvc_ha.planner.types import Verb
from osvc_ha.systems.dns import SYSTEM
from osvc_ha.systems.dns.state import Do, Owner, Record, canonical, change_of

QUICK = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)  # Explaining a failure takes longer than finding it.
NODES = ("n1", "n2", "n3")
ADDRESSES = ("203.0.113.1", "203.0.113.2", "2001:db8::1", "203.0.113.3, 2001:db8::3", "10.0.0.1", "")
NAMES = ("redis", "web", "a.b", "b", "c.b", "n1", "db", "x.n2")
HOSTS = (*NAMES, "*", "*.n1", "n2", "*.n2", "n3", "@", "_mongodb._tcp.db", "old", "_acme-challenge.b")
up = st.lists(st.sampled_from(NODES), unique=True)


def full(name: str) -> str:
    """A name below the domain."""
    return "example.com" if name == "@" else f"{name}.example.com"


@st.composite
def clusters(draw: Any) -> dict[str, Any]:
    """Three nodes of which a majority lives, an l4 service, and services with names."""
    dead = draw(st.sampled_from((None, *NODES[1:])))
    nodes = {name: {"public": draw(st.sampled_from(ADDRESSES)), "alive": name != dead, "frozen": draw(st.booleans())} for name in NODES}
    objects: dict[str, Any] = {
        "prod/svc/l4": {"up": draw(up), "frozen": draw(up), "leaving": draw(st.lists(st.sampled_from(NODES), max_size=1))}
    }
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4)):
        target = draw(st.sampled_from(("instance", "ingress")))
        objects[f"prod/svc/{name.replace('.', '-')}"] = {"up": draw(up), "env": {"osvc.dns.name": name, "osvc.dns.target": target}}
    return {"nodes": nodes, "objects": objects}


@st.composite
def zones(draw: Any) -> list[Record]:
    """Records of ours, of another cluster, and of nobody's; as a server holds them, so without doubles and CNAMEs alone."""
    found: dict[tuple[str, str, str], Record] = {}
    for _ in range(draw(st.integers(0, 14))):
        name, owner = full(draw(st.sampled_from(HOSTS))), draw(st.sampled_from((Owner.OURS, Owner.OURS, Owner.FOREIGN, Owner.OTHER)))
        # We never write a CNAME; one of ours beside a seed list is no more than a thought.
        aliases = () if "db" in name and owner is Owner.OURS else ("CNAME",)
        type_ = draw(st.sampled_from(("A", "A", "AAAA", "TXT", *aliases)))
        value = {
            "A": f"203.0.113.{draw(st.integers(1, 5))}",
            "AAAA": f"2001:db8::{draw(st.integers(1, 3))}",
            "CNAME": "elsewhere.example.net",
            "TXT": '"v=1"',
        }[type_]
        if not any(one.name == name and "CNAME" in (one.type, type_) for one in found.values()):
            found[name, type_, value] = Record(name, type_, value, draw(st.sampled_from((60, 300))), owner=owner)
    return list(found.values())


KEYWORDS = st.fixed_dictionaries(
    {
        "global": st.sampled_from(("*=round-robin", "*=round-robin b=vip", "@=round-robin", "*=vip web=round-robin")),
        "policy": st.sampled_from(("sync", "upsert-only")),
        "dead_node": st.sampled_from(("withdraw", "ingress")),
        "grace": st.sampled_from(("0", "300")),
        "node_names": st.sampled_from(("true", "false")),
    },
    optional={"mongo": st.just("db=n1,n2,n3?replicaSet=rs0"), "allow_private": st.just("true")},
)


def made(make_world: Any, told: dict[str, Any], zone: list[Record], keywords: dict[str, str]) -> Any:
    """A world whose guard lets large changes through: that is another test's."""
    return make_world(told, zone, ingress="prod/svc/l4", vip="203.0.113.99", allow_mass_change="true", **keywords)


@settings(max_examples=120, deadline=None, phases=QUICK)
@given(told=clusters(), later=clusters(), zone=zones(), keywords=KEYWORDS)
def test_once_applied_nothing_is_left_to_do(make_world, told, later, zone, keywords) -> None:
    """From any zone, and from the zone of any placement before, one run is enough, and the next one writes nothing."""
    world = made(make_world, told, zone, keywords)
    world.converge()
    world.tick(7).turn(later).converge()
    world.tick(1000).converge()


@settings(max_examples=120, deadline=None, phases=QUICK)
@given(told=clusters(), zone=zones(), keywords=KEYWORDS)
def test_what_is_not_ours_is_never_touched(make_world, told, zone, keywords) -> None:
    """Every record without our mark is there afterwards, as it was, and no change names one."""
    world = made(make_world, told, zone, keywords)
    strangers = {(one, one.owner) for one in world.zone if one.owner is not Owner.OURS}
    for step in world.converge():
        if step.do in ("create", "update", "delete"):
            change = change_of(step)
            assert change.record.owner is Owner.OURS
            assert change.before is None or change.before.owner is Owner.OURS
    assert {(one, one.owner) for one in world.zone if one.owner is not Owner.OURS} == strangers


@settings(max_examples=120, deadline=None, phases=QUICK)
@given(told=clusters(), zone=zones(), keywords=KEYWORDS)
def test_no_name_goes_dark_on_the_way(make_world, after, told, zone, keywords) -> None:
    """A name that is answered by the same record set before and afterwards, its own or a wildcard's, is answered after every step.

    But for a CNAME that makes way, and the names that a wildcard one answers for: nothing may stand beside one, so its deletion
    and what follows it are one batch. So is what takes the place of a wildcard: of a name and one below it, the first to exist
    ends what the wildcard lent the other. And but for names that nothing asks for: either of two of them goes first.
    """
    world = made(make_world, told, zone, keywords)
    steps = [step for step in world.plan() if step.do in ("create", "update", "delete")]
    plan = [change_of(step) for step in steps]
    unasked = {step.on.partition(" ")[2] for step in steps if "nothing asks" in step.why}
    swapped = {one.record.name for one in plan if "CNAME" in (one.record.type, one.before and one.before.type)}
    lent = tuple(name[1:] for name in swapped if name.startswith("*."))
    hosts = {full(name) for name in HOSTS if not name.startswith(("*", "_"))} - swapped - unasked
    asked = {name for name in hosts if not name.endswith(lent)}
    states = [world.zone]
    for change in plan:
        states.append(after(states[-1], change))
    lasting = {name for name in asked if answering(states[0], name) and answering(states[0], name) == answering(states[-1], name)}
    for number, state in enumerate(states):
        assert {name for name in lasting if not answering(state, name)} == set(), f"after {number} of {plan}"


def answering(zone: list[Record], name: str) -> str:
    """The owner of the address that a resolver gets for it, "" when it gets none. RFC 4592, 4.3.2 in small."""
    names = {one.name for one in zone}
    if name in names or any(one.endswith(f".{name}") for one in names):
        owner = name
    else:
        above = name.partition(".")[2]
        while above and not (above in names or any(one.endswith(f".{above}") for one in names)):
            above = above.partition(".")[2]
        owner = f"*.{above}"
    return owner if any(one.name == owner and one.type in ("A", "AAAA", "CNAME") for one in zone) else ""


@settings(max_examples=120, deadline=None, phases=QUICK)
@given(told=clusters(), zone=zones(), keywords=KEYWORDS)
def test_no_wanted_name_loses_its_last_address(make_world, told, zone, keywords) -> None:
    """A name that had an address of ours has one afterwards, unless nothing asks for it or its node is withdrawn."""
    world = made(make_world, told, zone, {**keywords, "policy": "upsert-only", "grace": "300"})
    before = {one.name for one in world.zone if one.owner is Owner.OURS and one.type in ("A", "AAAA", "CNAME")}
    world.converge()
    assert {name for name in before if not world.values(name)} == set()


@settings(max_examples=120, deadline=None, phases=QUICK)
@given(told=clusters(), zone=zones(), keywords=KEYWORDS, order=st.randoms())
def test_the_order_of_the_listing_does_not_matter(make_world, told, zone, keywords, order) -> None:
    """The same zone, listed in another order, gives the same steps."""
    world = made(make_world, told, zone, keywords)
    steps = world.plan()
    order.shuffle(world.zone)
    assert world.plan() == steps


@settings(max_examples=120, deadline=None, phases=QUICK)
@given(type_=st.sampled_from(("A", "AAAA", "TXT", "SRV", "CNAME")), text=st.text(max_size=300), number=st.integers(0, 2**32 - 1))
def test_c7_the_canonical_form_is_one(type_, text, number) -> None:
    """Writing the canonical form and reading it again changes nothing: no update that never ends."""
    from ipaddress import ip_address

    value = {
        "A": str(ip_address(number)),
        "AAAA": ip_address(number + 2**64).exploded.upper(),
        "TXT": '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"',
        "SRV": f"{number % 65536} 0 27017 N1.Example.COM.",
        "CNAME": "WWW.Example.com.",
    }[type_]
    once = canonical(type_, value)
    assert canonical(type_, once) == once
    if type_ in ("A", "AAAA", "SRV", "CNAME"):
        assert canonical(type_, once.upper() + ("." if type_ in ("SRV", "CNAME") else "")) == once


def test_the_properties_look_at_real_plans(make_world) -> None:
    """The made-up worlds reach creations, updates and deletions."""
    zone = [Record("*.example.com", "A", "203.0.113.9", 60), Record("old.example.com", "A", "203.0.113.9", 60)]
    world = made(make_world, {"objects": {"prod/svc/l4": {"up": ["n1", "n2"]}}}, zone, {"global": "*=round-robin", "policy": "sync"})
    assert {Do(step.do) for step in world.plan(Verb.FOLLOW) if step.do != "remember"} == set(Do)
    assert SYSTEM.name == "dns"
    assert (answering(zone, "n1.example.com"), answering(zone[1:], "n1.example.com")) == ("*.example.com", "")
