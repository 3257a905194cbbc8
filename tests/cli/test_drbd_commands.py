"""The commands for a person, typed on a node whose DRBD programs answer what real ones were recorded to say."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from osvc_ha.cli import drbd_asked, drbd_check, drbd_status
from osvc_ha.systems.drbd.client import kernel, marks

if TYPE_CHECKING:
    from conftest import Command

SAMPLES = Path(__file__).parents[1] / "systems" / "drbd" / "samples" / "8.4"
DRBDADM = """#!/bin/sh
echo "drbdadm $*" >>{log}
case $1 in
dump) cat {dump} ;;
get-gi) cat {samples}/gi_with_data ;;
sh-resources) echo r0 ;;
esac
"""
DRBDSETUP = """#!/bin/sh
case "$*" in
*events2*) cat {state}/events2 ;;
*) cat {state}/show ;;
esac
"""
Node = Callable[..., Path]


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """Make one: its name, its recorded state and .res. The file that comes back lists what drbdadm was told to do."""

    def make(local: str, state: str, dump: str = "dump_fenced") -> Path:
        log, programs, now = tmp_path / "log", tmp_path / "bin", tmp_path / "state"
        now.symlink_to(SAMPLES / state)
        programs.mkdir()
        log.write_text("")
        told = {"log": log, "samples": SAMPLES, "state": now, "dump": SAMPLES / dump}
        for name, text in (("drbdadm", DRBDADM), ("drbdsetup", DRBDSETUP), ("dmesg", "#!/bin/sh\n")):
            (programs / name).write_text(text.format(**told))
            (programs / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        monkeypatch.setattr(marks, "NOTES", tmp_path)
        monkeypatch.setattr(kernel, "PROC", now / "proc_drbd")
        monkeypatch.setattr(drbd_status, "PROC", now / "proc_drbd")
        for module in (drbd_asked, drbd_check, drbd_status):
            monkeypatch.setattr(module, "local_name", lambda: local)
        return log

    return make


def asked(log: Path) -> set[str]:
    """What drbdadm did besides telling."""
    words = {line.split()[1] for line in log.read_text().splitlines()}
    return words - {"dump", "get-gi", "sh-resources", "--version"}


def test_the_passive_side_may_start_while_the_peer_is_primary(osvc_ha: Command, node: Node) -> None:
    """The check passes, says why, and asks no agent."""
    node("n2", "connected_uptodate_secondary", "dump_plain")
    refused = osvc_ha("drbd", "check", "r0")
    assert (refused.code, "neither fencing nor quorum" in refused.err) == (1, True)
    done = osvc_ha("drbd", "check", "r0", "--fencing", "off")
    assert (done.code, "n1 is Primary" in done.out) == (0, True)


def test_a_check_of_what_is_standalone_says_so(osvc_ha: Command, node: Node) -> None:
    """Disconnected by hand, and no log says why: no cluster is needed to refuse that, and no node of it is called a stranger."""
    node("n1", "standalone_disconnected", "dump_plain")
    done = osvc_ha("drbd", "check", "r0", "--fencing", "off")
    assert done.code == 1 and "StandAlone towards n2" in done.err and "it may be a split brain" in done.err
    assert "drbdadm connect r0" in done.err and "no node of the cluster" not in done.err


def test_a_check_that_cannot_tell_refuses(osvc_ha: Command, node: Node) -> None:
    """Without an agent that says whether the peer lives, and for a name that is none: exit code 1, a sentence, no trace."""
    node("n2", "fencing_secondary_alone", "dump_plain")
    for words in (("r0", "--fencing", "off"), ("../r0",)):
        done = osvc_ha("drbd", "check", *words)
        assert done.code == 1 and len(done.err.splitlines()) == 1


def test_status_shows_a_resync_and_when_it_ends(osvc_ha: Command, node: Node) -> None:
    """For programs by stable names, for people in a table and a sentence; exit code 6."""
    node("n1", "syncsource")
    done = osvc_ha("drbd", "status", "--format", "json")
    [row] = done.json["resources"]
    assert (done.code, done.json["node"], row["name"], row["role"]) == (6, "n1", "r0", "Primary")
    assert row["volumes"] == [{"volume": 0, "device": "/dev/drbd0", "disk": "UpToDate", "size": 65496, "quorum": None}]
    [peer] = row["peers"]
    assert (peer["name"], peer["connection"], peer["role"]) == ("n2", "Connected", "Secondary")
    assert (peer["volumes"][0]["done"], peer["volumes"][0]["left"]) == (12.5, 26)
    text = osvc_ha("drbd", "status", "r0").out
    assert "SyncSource 12.5 %, 26 s left" in text and "wait for it" in text


def test_status_knows_its_resources(osvc_ha: Command, node: Node) -> None:
    """One that is not there is the operator's mistake; one that is not up is down."""
    node("n1", "not_in_kernel")
    missing = osvc_ha("drbd", "status", "r7")
    assert (missing.code, "there are r0" in missing.err) == (2, True)
    assert osvc_ha("drbd", "status", "r0").code == 1


def test_nothing_is_invalidated_without_a_good_peer_and_a_yes(osvc_ha: Command, node: Node) -> None:
    """Shown first; a Primary refuses."""
    log = node("n2", "connected_uptodate_secondary")
    shown = osvc_ha("drbd", "invalidate", "r0", "--dry-run")
    assert (shown.code, "would overwrite all 65496 KiB of r0 on n2 from n1" in shown.out) == (0, True)
    assert osvc_ha("drbd", "invalidate", "r0").out.endswith("nothing was changed; add --yes\n")
    assert asked(log) == set()


def test_an_invalidated_copy_waits_for_its_source_only_so_long(osvc_ha: Command, node: Node, tmp_path: Path) -> None:
    """The peer dies in the middle: it is said that it has the only copy, and that the resync goes on when it is back."""
    node("n2", "connected_uptodate_secondary")
    dies = f"invalidate) rm {tmp_path}/state; ln -s {SAMPLES}/connecting_inconsistent {tmp_path}/state ;;"
    program = tmp_path / "bin" / "drbdadm"
    program.write_text(program.read_text().replace("case $1 in", f"case $1 in\n{dies}"))
    done = osvc_ha("drbd", "invalidate", "r0", "--yes", "--patience", "0.5")
    assert done.code == 6 and "n1, which has the only copy of r0, was lost in the middle" in done.err


def test_a_primary_is_never_invalidated(osvc_ha: Command, node: Node) -> None:
    """Whatever else is said."""
    log = node("n1", "connected_uptodate_primary")
    refused = osvc_ha("drbd", "invalidate", "r0", "--yes")
    assert (refused.code, asked(log)) == (4, set())


def test_resolving_discards_nothing_in_doubt(osvc_ha: Command, node: Node) -> None:
    """A node nobody knows, a connected resource, and a peer that cannot be asked."""
    log = node("n2", "split_brain_n2")
    assert osvc_ha("drbd", "resolve", "r0", "--keep", "n9", "--yes").code == 2
    silent = osvc_ha("drbd", "resolve", "r0", "--keep", "n1", "--yes", "--remote", "false")
    assert silent.code == 4 and "--peer-gi" in silent.err
    wrong = osvc_ha("drbd", "resolve", "r0", "--keep", "n1", "--yes", "--remote", "false", "--peer-gi", "x")
    assert wrong.code == 2 and asked(log) == set()


def test_the_node_that_stays_may_be_promoted_again(osvc_ha: Command, node: Node, tmp_path: Path) -> None:
    """The other is lost for good: who names the copy that stays takes the mark away with it; a dry run does not."""
    log = node("n2", "fencing_secondary_alone", "dump_fenced")
    mark = tmp_path / "r0.split-brain"
    mark.write_text("DRBD_PEER=n1\n")
    assert "marked as a split brain" in osvc_ha("drbd", "status", "r0").out
    words = ("drbd", "resolve", "r0", "--keep", "n2", "--remote", "false")
    assert f"would remove {mark}" in osvc_ha(*words, "--dry-run").out and mark.exists()
    assert (osvc_ha(*words, "--yes").code, mark.exists(), asked(log)) == (0, False, set())


def test_what_is_connected_needs_no_resolving(osvc_ha: Command, node: Node) -> None:
    """Refused, and nothing is touched."""
    log = node("n2", "connected_uptodate_secondary")
    done = osvc_ha("drbd", "resolve", "r0", "--keep", "n1", "--yes", "--remote", "false")
    assert (done.code, "nothing to resolve" in done.err, asked(log)) == (4, True, set())


@pytest.mark.parametrize(
    ("local", "state", "code", "said"),
    [
        ("n2", "connected_uptodate_secondary", 0, ""),
        ("n2", "fencing_secondary_alone", 4, "may be what keeps old data from being promoted"),
        ("n1", "syncsource", 4, "may be what keeps old data from being promoted"),
        ("n2", "standalone_disconnected", 4, "may be what keeps old data from being promoted"),
        ("n1", "not_in_kernel", 4, "run this on a node that has one"),
    ],
)
def test_nobody_is_unfenced_before_all_copies_are_the_same(
    osvc_ha: Command, node: Node, tmp_path: Path, local: str, state: str, code: int, said: str
) -> None:
    """The note is what keeps a node with old data from being promoted. Who has seen the end of a resync is not asked."""
    node(local, state)
    notes = tmp_path / "r0.fenced"
    notes.write_text("n2 49B262BA4CD71F34\n")
    words = ("drbd", "unfence", "r0", "n2", "--here", "--notes", str(tmp_path))
    done = osvc_ha(*words)
    assert (done.code, said in done.err, notes.read_text() == "") == (code, True, code == 0)
    assert osvc_ha(*words, "--resynced").code == 0 and notes.read_text() == ""


def test_errors_are_json_for_programs(osvc_ha: Command, node: Node) -> None:
    """As of every command."""
    node("n1", "not_in_kernel")
    assert json.loads(osvc_ha("drbd", "status", "r7", "--format", "json").out)["error"]["kind"] == "config"
