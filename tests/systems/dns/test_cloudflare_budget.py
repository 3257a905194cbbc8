"""The provider never makes more calls than it may: not in one process, not in all of a node, not in a storm."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from cloudflare_lab import MARK, Clock, Node, a, create, update

from osvc_ha.planner.errors import HaError, ObserveError
from osvc_ha.systems.dns.client.cloudflare_budget import Budget, Spent


@pytest.fixture
def clock():
    """Time that passes when told."""
    return Clock()


def taken(budget, most=10_000):
    """How many calls may be made right now."""
    for number in range(most):
        try:
            budget.take()
        except Spent:
            return number
    return most


def test_no_five_minutes_see_more_than_the_budget(tmp_path, clock):
    """Whoever takes all that is allowed, all the time, is within the budget in every window of five minutes."""
    budget = Budget(tmp_path / "calls.json", 50, Node(clock))
    times = []
    for _ in range(400):
        times += [clock.now] * taken(budget)
        clock.now += 3.7
    assert max(sum(begin <= time < begin + 300 for time in times) for begin in times) == 50
    # A slot of ten seconds is held for its whole length: that much is given away, and no more.
    assert len(times) >= 50 * (400 * 3.7 / 310 - 1)


def test_the_time_to_wait_is_the_time_to_wait(tmp_path, clock):
    """After so many seconds there is a call again, and a second before there is none."""
    budget = Budget(tmp_path / "calls.json", 2, Node(clock))
    assert taken(budget) == 2
    with pytest.raises(Spent, match="2 calls of Cloudflare's API in the last five minutes, all that the keyword budget=2 allows") as error:
        budget.take()
    clock.now += error.value.wait - 1
    assert taken(budget) == 0
    clock.now += 1
    assert taken(budget) == 2


def test_all_processes_of_a_node_share_the_budget(tmp_path, host):
    """Twenty at once get exactly what there is."""
    with ThreadPoolExecutor(20) as pool:
        parts = list(pool.map(lambda _: taken(Budget(tmp_path / "calls.json", 100, host), 20), range(20)))
    assert sum(parts) == 100


@pytest.mark.parametrize(
    "rubbish", ["", "{}", "[1]", '{"calls": {"x": 1}, "closed_until": 0}', '{"calls": [], "closed_until": null}', "\udcff"]
)
def test_a_file_that_makes_no_sense_counts_as_empty(tmp_path, clock, rubbish):
    """Calls go on, and the file is whole again."""
    path = tmp_path / "calls.json"
    path.write_bytes(rubbish.encode("utf-8", "surrogateescape"))
    assert taken(Budget(path, 3, Node(clock))) == 3
    assert sum(json.loads(path.read_text())["calls"].values()) == 3


def test_a_clock_that_was_set_back_holds_nothing_for_ever(tmp_path, clock):
    """What lies in the future never happened."""
    budget = Budget(tmp_path / "calls.json", 3, Node(clock))
    assert taken(budget) == 3
    budget.close_until(clock.now + 300)
    clock.now -= 86_400
    assert taken(budget) == 3


def test_c4_a_429_with_a_long_wait_silences_the_whole_node(lab):
    """Cloudflare asks for 200 s: the words say so, no process of the node calls before, and then it works."""
    lab.double.fail("status", "GET", status=429, retry_after="200")
    with pytest.raises(ObserveError, match="HTTP 429.*it asks to wait 200 s"):
        lab.provider().listing()
    assert len(lab.calls()) == 1
    for _ in range(50):
        with pytest.raises(ObserveError, match="Cloudflare asked to be left alone, for another"):
            lab.provider().listing()
        lab.clock.now += 3
    assert lab.calls() == []
    lab.clock.now += 60
    assert lab.provider().listing().ours == ()


def test_c4_a_short_wait_is_waited_for(lab):
    """A 429 was not applied: the same write is sent again after the time that was asked for, and a bit."""
    lab.double.fail("status", "POST", status=429, retry_after="2")
    provider = lab.provider()
    began = lab.clock.now
    provider.write([create(a("n1", "203.0.113.1"))])
    assert lab.clock.now - began > 2.1
    assert lab.calls() == ["POST batch", "POST batch"]


@pytest.mark.parametrize("header", [None, "soon", "-1", "1e99", "nan"])
def test_c4_a_429_that_says_nonsense_is_survived(lab, header):
    """No wait, a negative or an endless one: the node is not held longer than ten minutes, and does not storm."""
    lab.double.fail("status", "GET", status=429, retry_after=header)
    try:
        lab.provider().listing()
    except ObserveError:
        lab.clock.now += 601
        lab.provider().listing()
    assert len(lab.calls()) == 2


def test_c4_a_storm_of_429_is_answered_with_silence(lab):
    """A follower that looks every two seconds for ten minutes, while others have used up Cloudflare's limit, adds a handful of calls."""
    lab.double.limit.most = 0
    provider = lab.provider()
    for _ in range(300):
        with pytest.raises(ObserveError):
            provider.listing()
        lab.clock.now += 2
    assert len(lab.calls()) <= 3
    lab.double.limit.most = 1200
    lab.clock.now += 600
    assert lab.provider().listing().ours == ()


def test_a_spent_budget_is_said_before_anything_is_sent(lab):
    """The words name the keyword and the seconds."""
    provider = lab.provider(budget=3)
    provider.listing()
    lab.calls()
    with pytest.raises(ObserveError, match=r"all that the keyword budget=3 allows; the next in \d+ s, nothing was sent"):
        provider.listing()
    assert lab.calls() == []


def test_three_nodes_that_flap_for_ten_minutes_stay_within_the_budget(lab):
    """Each second another node is the writer and another address the right one: never over the budget, and right in the end."""
    lab.have("redis", "203.0.113.1", comment=MARK)
    addresses = {"n1": "203.0.113.1", "n2": "203.0.113.2", "n3": "203.0.113.3"}
    lab.double.limit.most = 300

    followers = {node: lab.provider(node, budget=100) for node in addresses}

    def follow(node):
        provider = followers[node]
        (there,) = provider.listing().ours
        if there.value != addresses[node]:
            provider.write([update(there, addresses[node])])
        assert provider.listing().ours[0].value == addresses[node]

    end, turn, refused = lab.clock.now + 600, 0, 0
    while lab.clock.now < end:
        turn += 1
        try:
            follow(f"n{turn % 3 + 1}")
        except HaError:
            refused += 1
        lab.clock.now += 1
    assert refused > 0 and lab.double.limit.blocked_until == 0.0
    assert lab.double.limit.most_seen <= 300
    assert 429 not in {status for _, _, status in lab.double.calls}
    lab.clock.now += 310
    follow("n2")
    assert lab.there() == [("redis.example.com", "A", "203.0.113.2")]
