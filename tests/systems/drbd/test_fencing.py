"""The answer of the fence-peer handler: rule by rule, and that no two nodes are ever told both that the other is out."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.systems.drbd.plan.fencing import FENCED, OUTDATED, REFUSED, Evidence, Witness, Word, answer

NODES = ("n1", "n2", "n3")
GOOD = Evidence("r0", "n1", "n2", "UpToDate", NODES, ("n1", "n3"), witnesses=(Witness("n3", False),), noted=True)


def with_(**change):
    """The evidence for 7, spoiled."""
    return dataclasses.replace(GOOD, **change)


def test_d7_a_peer_that_is_dead_to_a_majority_is_fenced_off() -> None:
    """The survivor of two data nodes goes on when the third agrees; the code is 7, never 5."""
    found = answer(GOOD)
    assert (found.code, found.final) == (FENCED, True)
    assert "n2 is dead to 2 of 3 nodes (n1 n3)" in found.why


@pytest.mark.parametrize(
    ("change", "words", "final"),
    [
        ({"trouble": "the daemon is down"}, "cluster cannot be asked (the daemon is down)", False),
        ({"peer": ""}, "is not another node of the cluster", True),
        ({"peer": "n9"}, "is not another node of the cluster", True),
        ({"peer": "n1"}, "is not another node of the cluster", True),
        ({"nodes": ("n2", "n3")}, "is not another node of the cluster", True),
        ({"alive": NODES}, "n2 is alive to the cluster", False),
        ({"alive": NODES, "word": Word.UNREACHABLE}, "asked to outdate itself: unreachable", False),
        ({"word": Word.PRIMARY}, "n2 is Primary of r0", True),
        ({"witnesses": ()}, "only 1 of 3 nodes (n1) say that n2 is gone, no majority", False),
        ({"witnesses": (Witness("n3", True),)}, "not heard here, but by n3", False),
        ({"witnesses": (Witness("n3", False, hears_us=False),)}, "no majority", False),
        ({"witnesses": (Witness("n2", False), Witness("n1", False))}, "no majority", False),
        ({"nodes": ("n1", "n2"), "witnesses": ()}, "only 1 of 2 nodes", False),
        ({"nodes": ("n1", "n2", "n3", "n4")}, "only 2 of 4 nodes", False),
        ({"noted": False}, "not noted yet", False),
        ({"fenced": ("n1",)}, "n1 was fenced off from r0", True),
        ({"fenced": ("n1",), "word": Word.OUTDATED}, "n1 was fenced off from r0", True),
        ({"local_disk": "Consistent"}, "is Consistent, not UpToDate", True),
        ({"local_disk": "Outdated", "word": Word.OUTDATED}, "is Outdated, not UpToDate", True),
        ({"local_disk": ""}, "cannot be told", False),
    ],
)
def test_everything_else_is_refused_with_a_reason(change, words, final) -> None:
    """The writes stay frozen, or the promotion is refused, and the log says why."""
    found = answer(with_(**change))
    assert (found.code, found.final) == (REFUSED, final)
    assert words in found.why


def test_a_peer_that_outdated_itself_needs_no_majority() -> None:
    """Only the link of DRBD is cut: the peer says over another path that it cannot be promoted, so this node goes on."""
    found = answer(with_(word=Word.OUTDATED, witnesses=(), alive=NODES))
    assert (found.code, found.final) == (OUTDATED, True)


def test_an_alive_peer_is_asked_and_a_dead_one_is_noted() -> None:
    """The handler knows what to do next: ask the peer, or write the note."""
    assert answer(with_(alive=NODES)).ask
    assert answer(with_(witnesses=(Witness("n3", True),))).ask
    assert answer(with_(noted=False)).note


@given(st.sets(st.frozensets(st.sampled_from(("n1", "n2", "n3", "n4", "n5")), min_size=2, max_size=2)), st.data())
def test_two_nodes_are_never_both_told_that_the_other_is_out(cut, data) -> None:
    """Whatever links are cut between five nodes, even without any symmetry of majorities, one of two at most goes on."""
    nodes = ("n1", "n2", "n3", "n4", "n5")

    def hears(one: str, other: str) -> bool:
        return one == other or frozenset((one, other)) not in cut

    def of(local: str, peer: str) -> Evidence:
        others = [node for node in nodes if node not in (local, peer) and hears(local, node)]
        told = data.draw(st.lists(st.sampled_from(others), unique=True)) if others else []
        witnesses = tuple(Witness(node, hears(node, peer), hears(node, local)) for node in told)
        alive = tuple(node for node in nodes if hears(local, node))
        return Evidence("r0", local, peer, "UpToDate", nodes, alive, witnesses=witnesses, noted=True)

    for one, other in combinations(nodes, 2):
        assert not (answer(of(one, other)).code == FENCED and answer(of(other, one)).code == FENCED)


@given(
    st.builds(
        Evidence,
        st.just("r0"),
        st.just("n1"),
        st.sampled_from(("", "n1", "n2", "n9")),
        st.sampled_from(("", "UpToDate", "Consistent", "Inconsistent", "Outdated", "Diskless")),
        st.sets(st.sampled_from(("n1", "n2", "n3", "n4"))).map(tuple),
        st.sets(st.sampled_from(("n1", "n2", "n3", "n4"))).map(tuple),
        st.sampled_from(("", "hangs")),
        st.lists(st.builds(Witness, st.sampled_from(("n1", "n2", "n3", "n4")), st.booleans(), st.booleans())).map(tuple),
        st.sampled_from(list(Word)),
        st.sets(st.sampled_from(("n1", "n2"))).map(tuple),
        st.booleans(),
    )
)
def test_no_evidence_leads_to_another_code(seen) -> None:
    """Never 5, which 8.4 takes for success, nor 3 or 6; and never to go on with a bad disk, a note, or a Primary peer."""
    found = answer(seen)
    assert found.code in (FENCED, OUTDATED, REFUSED)
    assert found.why
    if found.code != REFUSED:
        assert seen.local_disk == "UpToDate"
        assert seen.local not in seen.fenced
        assert seen.word is not Word.PRIMARY
    if found.code == FENCED:
        assert not seen.trouble
        assert seen.peer not in seen.alive
        assert seen.noted
