"""What HAProxy says of itself, and the state that the next worker loads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.planner.errors import ObserveError
from osvc_ha.systems.haproxy.state import ADMIN, STATE_COLUMNS, Server, merge_state, parse_runtime

SAMPLES = sorted((Path(__file__).parent / "samples").glob("runtime-*.txt"))
WEB = "l4:prod:svc:web:main"
DUMP = f"""1
# {STATE_COLUMNS}
5 {WEB} 1 n1 10.0.0.1 2 0 1 1 9 15 3 4 6 0 0 0 - 80 - 0 0 - - 0
5 {WEB} 2 n2 10.0.0.2 0 1 1 1 9 13 2 0 6 0 0 0 - 80 - 0 0 - - 0
5 {WEB} 3 n3 10.0.0.9 2 0 1 1 9 15 3 4 6 0 0 0 db3.lan 80 - 0 0 - - 0

"""


def rows(text: str) -> dict[tuple[str, str], dict[str, str]]:
    """(backend, server) -> columns of a state file."""
    names = STATE_COLUMNS.split(" ")
    lines = text.rstrip("\n").split("\n")
    assert lines[:2] == ["1", f"# {STATE_COLUMNS}"]
    found = [dict(zip(names, line.split(" "))) for line in lines[2:]]
    assert all(len(line.split(" ")) == len(names) for line in lines[2:])
    return {(row["be_name"], row["srv_name"]): row for row in found}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_real_answer_is_understood(sample: Path) -> None:
    """Digest, admin states and failing servers, as real releases print them."""
    digest, servers, down = parse_runtime(sample.read_text())
    assert len(digest) == 16
    assert servers == {(WEB, "n1"): "maint", (WEB, "n2"): "ready"}
    assert down == {(WEB, "n1"), (WEB, "n2")}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_truncated_answer_is_never_taken_for_a_whole_one(sample: Path) -> None:
    """Wherever it is cut, it is "cannot tell", not an HAProxy with fewer servers."""
    text = sample.read_text()
    for length in range(len(text)):
        with pytest.raises(ObserveError):
            parse_runtime(text[:length])


@given(st.text(max_size=200))
def test_garbage_is_cannot_tell(text: str) -> None:
    """Whatever answers on the socket, it is an error of observation and no crash."""
    for reply in (text, f"Uptime_sec: 1\n# be_id x\n{text}\n\n"):
        try:
            parse_runtime(reply)
        except ObserveError as error:
            assert "\n" not in str(error)


def test_h1_what_is_known_is_carried_over() -> None:
    """A server that was up stays up through a reload."""
    found = rows(merge_state(DUMP, [Server(WEB, "n1", "10.0.0.1", 80)]))
    assert found[WEB, "n1"]["srv_op_state"] == "2"
    assert found[WEB, "n1"]["srv_check_health"] == "4"


def test_h2_another_address_or_port_is_another_server() -> None:
    """It starts down, with the new address: what was known belongs to the old one."""
    found = rows(merge_state(DUMP, [Server(WEB, "n1", "10.0.0.11", 80), Server(WEB, "n2", "10.0.0.2", 81)]))
    assert (found[WEB, "n1"]["srv_op_state"], found[WEB, "n1"]["srv_addr"]) == ("0", "10.0.0.11")
    assert (found[WEB, "n2"]["srv_op_state"], found[WEB, "n2"]["srv_port"]) == ("0", "81")


def test_h2_a_server_given_by_name_is_known_by_its_name() -> None:
    """Its address may have changed; whether it is up is still known."""
    found = rows(merge_state(DUMP, [Server(WEB, "n3", "db3.lan", 80), Server(WEB, "n1", "db1.lan", 80)]))
    assert found[WEB, "n3"]["srv_op_state"] == "2"
    assert found[WEB, "n1"]["srv_op_state"] == "0"


@given(
    st.lists(
        st.builds(
            Server,
            st.sampled_from([WEB, "l4:new"]),
            st.sampled_from(["n1", "n2", "n9"]),
            st.sampled_from(["10.0.0.1", "10.0.0.2"]),
            st.sampled_from([80, 81]),
            st.sampled_from(sorted(ADMIN)),
        ),
        unique_by=lambda server: server[:2],
    ),
    st.sampled_from([DUMP, "", "garbage\n1 2 3\n", DUMP[:250]]),
)
def test_h3_nothing_unknown_starts_up_and_placement_is_never_from_the_dump(servers: list[Server], dump: str) -> None:
    """Exactly the servers of the config, each with the placement of now; up only if it was known to be, at this address."""
    found = rows(merge_state(dump, servers))
    assert list(found) == [server[:2] for server in servers]
    for server in servers:
        row = found[server[:2]]
        assert row["srv_admin_state"] == str(ADMIN[server.admin])
        assert (row["srv_addr"], row["srv_port"]) == (server.address, str(server.port))
        if row["srv_op_state"] != "0":
            assert server[:4] == (WEB, "n1", "10.0.0.1", 80)
            assert f" {server.name} {server.address} 2 " in dump
