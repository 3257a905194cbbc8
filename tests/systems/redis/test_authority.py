"""Who is entitled to write: proved on every view that hypothesis can think of."""

from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.authority import Claim, View, Vote, authority, named

NODES = ("n1", "n2", "n3", "n4", "n5")
FOREIGN = "10.0.0.9:6379"


@st.composite
def views(draw):
    """Any number of nodes, any votes, any claims."""
    nodes = NODES[: draw(st.integers(1, 5))]
    names = st.sampled_from((*nodes, "", FOREIGN))
    votes = tuple(Vote(node, draw(names), draw(st.integers(-1, 4)), draw(st.booleans()), draw(st.booleans())) for node in nodes)
    claims = tuple(Claim(node, draw(st.sampled_from(("master", "slave", ""))), draw(names)) for node in nodes)
    return View(votes, claims)


@given(views())
def test_a_grant_needs_the_nodes_own_word(view):
    """Nobody is granted who does not say master, and nobody granted is revoked at once."""
    grant = authority(view)
    if grant is not None:
        assert {claim.node: claim.role for claim in view.claims}[grant.node] == "master"
        assert grant.node not in grant.revoked


@given(views())
def test_a_minority_grants_nobody(view):
    """Unless a majority of the configured Sentinels answered, nobody is granted."""
    answered = sum(vote.answered for vote in view.votes)
    if 2 * answered <= len(view.votes):
        assert authority(view) is None


@given(views(), st.randoms(use_true_random=False))
def test_the_order_of_the_answers_does_not_matter(view, random):
    """Whoever answers first, the grant is the same."""
    votes, claims = list(view.votes), list(view.claims)
    random.shuffle(votes)
    random.shuffle(claims)
    assert authority(View(tuple(votes), tuple(claims))) == authority(view)


@given(views())
def test_a_node_outranked_by_a_higher_epoch_is_never_granted_by_votes(view):
    """A majority that has not heard of the newest election yet does not count as one."""
    name = named(view)
    if name:
        own = max(vote.epoch for vote in view.votes if vote.answered and vote.master == name)
        assert all(vote.epoch <= own for vote in view.votes if vote.answered and vote.master)


def votes(*spoken):
    """(name, epoch) or None for silence, one for each Sentinel."""
    return tuple(Vote(f"n{i}", *said) if said else Vote(f"n{i}", answered=False) for i, said in enumerate(spoken, 1))


def claims(**roles):
    """n1="master", n2="n1": it follows n1; "" for silence."""
    return tuple(Claim(node, *({"master": ("master",), "": ("",)}.get(role, ("slave", role)))) for node, role in roles.items())


def test_r5_one_sentinel_alone_is_not_believed():
    """One of three names n2 and the others are silent: no grant, although n2 says master."""
    assert authority(View(votes(("n2", 7), None, None), claims(n1="", n2="master", n3="n2"))) is None


def test_r19_promoted_slave_is_enough():
    """The elected Sentinel names n2 under a higher epoch, another still names the dead n1, the third died with it: n2 is granted."""
    grant = authority(View(votes(None, ("n2", 1), ("n1", 0)), claims(n1="", n2="master", n3="n1")))
    assert grant is not None and grant.node == "n2"


def test_a_master_that_wakes_up_in_the_middle_of_its_replacement_gets_nothing():
    """Everybody still names n1 and n1 says master, but n2 was promoted already: nobody is granted."""
    assert authority(View(votes(("n1", 0), ("n1", 0), ("n1", 0)), claims(n1="master", n2="master", n3="n1"))) is None


def test_abdication_grants_before_any_sentinel_says_so():
    """A planned handover: all Sentinels still name n1, which already follows n2."""
    grant = authority(View(votes(("n1", 0), ("n1", 0), ("n1", 0)), claims(n1="n2", n2="master", n3="n1")))
    assert grant is not None and grant.node == "n2" and grant.revoked == ("n1",)
