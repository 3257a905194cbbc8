"""What the fast path makes of answers, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from osvc_ha.authority import Claim, Vote, authority
from osvc_ha.fast_path import is_about
from osvc_ha.host import Host
from osvc_ha.redis_groups import Group, login, view_of
from osvc_ha.redis_link import Peer, Silence
from osvc_ha.redis_resp import Refusal

SERVERS = tuple((f"n{number}", Peer(f"10.0.0.{number}", 6379)) for number in (1, 2, 3))
SENTINELS = tuple((f"n{number}", Peer(f"10.0.0.{number}", 26379)) for number in (1, 2, 3))
GROUP = Group("prod:svc:redis.grp", "grp", SERVERS, SENTINELS, ())


def vote(named: str, epoch: int, told: str = "", flags: str = "master") -> list[object]:
    """A Sentinel's two replies: SENTINEL MASTER and get-master-addr-by-name."""
    return [["name", "grp", "ip", told or named, "port", "6379", "flags", flags, "config-epoch", str(epoch)], [named, "6379"]]


def test_answers_become_votes_and_claims() -> None:
    """Addresses are nodes, a replica says whom it follows, and a foreign address stays what it is."""
    answers = {SENTINELS[0][1]: vote("10.0.0.1", 3), SENTINELS[1][1]: vote("10.9.9.9", 4)}
    answers.update({SERVERS[0][1]: [["master", 1, []]], SERVERS[1][1]: [["slave", "10.0.0.1", 6379, "connected", 1]]})
    view = view_of(GROUP, answers)
    assert view.votes == (Vote("n1", "n1", 3), Vote("n2", "10.9.9.9:6379", 4), Vote("n3", answered=False))
    assert view.claims == (Claim("n1", "master"), Claim("n2", "slave", "n1"), Claim("n3"))


def test_a_leader_that_fails_over_is_seen() -> None:
    """A Sentinel that still names a master it is deposing does not speak for it."""
    view = view_of(GROUP, {SENTINELS[0][1]: vote("10.0.0.1", 3, flags="master,s_down,o_down,failover_in_progress")})
    assert view.votes[0].deposing
    after = view_of(GROUP, {SENTINELS[0][1]: vote("10.0.0.2", 4, told="10.0.0.1", flags="master,failover_in_progress")})
    assert not after.votes[0].deposing


@pytest.mark.parametrize(
    "answer",
    [
        Silence("timed out"),
        [Refusal("NOAUTH Authentication required."), Refusal("NOAUTH Authentication required.")],
        [Refusal("ERR No such master with that name"), None],
        [[], []],
        [["config-epoch", "x"], ["10.0.0.1", "6379"]],
        ["garbage", 7],
        [],
    ],
    ids=str,
)
def test_an_answer_that_says_nothing_is_no_vote(answer: object) -> None:
    """Silence, refusals, an unknown name and garbage all count as not answered, and grant nobody anything."""
    view = view_of(GROUP, {**{peer: answer for _, peer in SENTINELS}, SERVERS[0][1]: [["master", 1, []]]})  # type: ignore[dict-item]
    assert not any(one.answered for one in view.votes)
    assert authority(view) is None


@pytest.mark.parametrize("answer", [[Refusal("LOADING")], [None], [[]], [["slave"]], ["PONG"], Silence("x", refused=True)], ids=str)
def test_a_server_that_tells_no_role_claims_nothing(answer: object) -> None:
    """A server that loads, hangs or is no Redis is never taken for a master."""
    view = view_of(GROUP, {SERVERS[0][1]: answer})  # type: ignore[dict-item]
    assert view.claims[0].role in ("", "slave") and view.claims[0].follows == ""


def test_events_of_other_groups_start_nothing() -> None:
    """Sentinels are shared; only an event that names this group is worth a look."""
    assert is_about("slave 10.0.0.2:6379 10.0.0.2 6379 @ grp 10.0.0.1 6379", "grp")
    assert is_about("grp 10.0.0.1 6379 10.0.0.2 6379", "grp")
    assert not is_about("grp2 10.0.0.1 6379 10.0.0.2 6379", "grp")
    assert not is_about("", "grp")


def test_a_label_cannot_send_another_file_to_a_server(tmp_path: Path) -> None:
    """Logins come from credentials_dir only, whatever path a label names."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "cache").write_text("watch:secret word\n")
    (tmp_path / "shadow").write_text("root:hash\n")
    assert login(str(folder / "cache"), folder, Host()) == ("watch", "secret word")
    for other in (str(tmp_path / "shadow"), "../shadow", ""):
        assert login(other, folder, Host()) == ("", "")
