"""The status page: Redis groups, and looking again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.cli.page import set_rows
from osvc_ha.cluster.seedlist import Seedlist, render_seedlist, seedlist_file
from osvc_ha.cluster.snapshot import cluster_from_snapshot
from osvc_ha.host import Host

EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "examples" / "cluster.json"
Command = Callable[..., Any]


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """`status --watch --format json` on a snapshot of its own; its output goes to the first, a file."""
    seen, source = tmp_path / "seen", tmp_path / "cluster.json"
    source.write_text(EXAMPLE.read_text())
    with seen.open("w") as sink:
        words = [sys.executable, "-m", "osvc_ha.cli", "status", "--watch", "--format", "json", "--snapshot", str(source)]
        child = subprocess.Popen(words, stdout=sink, env={"PYTHONUNBUFFERED": "1"})
    yield seen, child
    child.kill()
    child.wait(timeout=10)


def test_status_names_the_redis_groups(osvc_ha: Command, tmp_path: Path) -> None:
    """Each Redis group behind a listener is a row; where nobody answers, no master is made up."""
    # The discard port, on which nobody listens: a Redis of this machine may have the usual one.
    text = EXAMPLE.read_text().replace('"osvc.l4.target_port": "6379"', '"osvc.l4.target_port": "9"')
    (tmp_path / "silent.json").write_text(text)
    [group] = osvc_ha("status", "--snapshot", tmp_path / "silent.json", "--format", "json").json["groups"]
    assert group["group"] == "prod:svc:cache:cache"
    assert group["master"] == ""
    assert set(group["servers"].values()) == {"silent"}
    assert "no majority" in osvc_ha("status", "--snapshot", tmp_path / "silent.json").out


def test_status_prints_the_uri_of_replica_sets(tmp_path: Path, host: Host) -> None:
    """What a follower on this node told of a set's members is the connection string for drivers; the rest is not made up."""
    cluster = cluster_from_snapshot(json.loads(EXAMPLE.read_text()))
    told = Seedlist("", "rs0", "admin", (("n1.example.com", 27017), ("n2.example.com", 27018)), tls=True)
    first = sorted(cluster.objects)[0]
    host.replace(seedlist_file(tmp_path, first), render_seedlist(told))
    uri = "mongodb://n1.example.com:27017,n2.example.com:27018/?authSource=admin&replicaSet=rs0&tls=true"
    assert set_rows(cluster, host, tmp_path) == [{"service": first, "replica_set": "rs0", "uri": uri}]
    assert set_rows(cluster, host, tmp_path / "none") == []


def test_status_watch_prints_what_changed(watching: tuple[Path, subprocess.Popen[bytes]], tmp_path: Path, host: Host) -> None:
    """One page at first and one for each change; what cannot be read is said, and not the end."""
    seen, child = watching

    def pages() -> list[dict[str, Any]]:
        return [json.loads(line) for line in seen.read_text().splitlines()]

    assert host.wait(lambda: len(pages()) == 1, 20)
    (tmp_path / "cluster.json").write_text("{")
    assert host.wait(lambda: len(pages()) == 2, 20)
    assert "cluster.json" in pages()[1]["error"]
    (tmp_path / "cluster.json").write_text(EXAMPLE.read_text())
    assert host.wait(lambda: len(pages()) == 3, 20)
    assert pages()[0] == pages()[2]
    assert child.poll() is None
