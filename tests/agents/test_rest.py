"""Reading the cluster from agent 3's socket, from recorded answers, and all the ways it does not say."""

from __future__ import annotations

import json
import shutil
import socket
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.agents import rest
from osvc_ha.agents.feed import Feed
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

SAMPLES = Path(__file__).parent.parent / "cluster" / "samples" / "opensvc3"
STATUS = "/api/cluster/status"
REDIS = "/api/object/path/prod/svc/redis/config"
WEB = "/api/object/path/root/svc/web/config"


@dataclass
class Routes:
    """What the daemon answers by path, and what it was asked. ``raw`` is said instead of any answer."""

    found: dict[str, Any]
    asked: list[str] = field(default_factory=list)
    raw: bytes = b""


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Routes]:
    """A daemon on this node, n1 of the recorded cluster, below a short path: a socket's may have 107 characters."""
    root = Path(tempfile.mkdtemp(prefix="rest-"))
    (root / "var" / "lsnr").mkdir(parents=True)
    monkeypatch.setenv("OSVC_ROOT_PATH", str(root))
    monkeypatch.setattr(socket, "gethostname", lambda: "n1")
    files = {STATUS: "settled", REDIS: "config_redis", WEB: "config_web"}
    routes = Routes({route: json.loads((SAMPLES / f"{name}.json").read_text()) for route, name in files.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            routes.asked.append(self.path)
            if routes.raw:
                self.wfile.write(routes.raw)
                return
            body = routes.found.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.end_headers()
            self.wfile.write(json.dumps(body if body is not None else {"title": "Not found", "detail": "no such object"}).encode())

        def log_message(self, *words: object) -> None:
            return

    with socketserver.ThreadingUnixStreamServer(str(root / "var" / "lsnr" / "http.sock"), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield routes
        server.shutdown()
        thread.join(5)
    shutil.rmtree(root)


def test_the_cluster_arrives_with_its_configs(routes: Routes, host: Host) -> None:
    """Status and configs become one Cluster; secrets and the cluster's own objects are not asked for."""
    cluster = Feed(host).read()
    assert (cluster.local, cluster.agent, cluster.alive()) == ("n1", "3", ("n1", "n2", "n3"))
    assert cluster.object("prod/svc/redis").env["osvc.l4.check"] == "redis"
    assert cluster.object("web").config["app#1"]["type"] == "simple"
    assert routes.asked == [STATUS, REDIS, WEB]


def test_a_config_is_read_again_only_when_it_changed(routes: Routes, host: Host) -> None:
    """A watcher asks once for each config, and again when the agent's checksum of it is another."""
    reader = Feed(host)
    reader.read()
    routes.asked.clear()
    assert reader.read().object("web").env["osvc.l4.port"] == "8080"
    assert routes.asked == [STATUS]
    routes.found[STATUS]["cluster"]["node"]["n1"]["instance"]["web"]["config"]["csum"] = "other"
    routes.found[WEB]["items"][-1]["value"] = "8081"
    assert reader.read().object("web").env["osvc.l4.port"] == "8081"
    assert routes.asked == [STATUS, STATUS, WEB]


def test_the_next_process_asks_only_for_what_changed(routes: Routes, host: Host) -> None:
    """A driver is a new process each time: it is told of all configs by the one before, but for the one that was written since."""
    before = Feed(host).read()
    routes.asked.clear()
    assert Feed(host).read() == before
    assert routes.asked == [STATUS]
    config = routes.found[STATUS]["cluster"]["node"]["n1"]["instance"]["web"]["config"]
    config["updated_at"] = "2026-11-23T12:00:00Z"
    routes.found[WEB]["items"][-1]["value"] = "8081"
    assert Feed(host).read().object("web").env["osvc.l4.port"] == "8081"
    assert routes.asked == [STATUS, STATUS, WEB]


def test_a_keyword_is_cut_where_the_agent_cuts_it() -> None:
    """Keys of [env] hold dots, and so may a resource's index and a scope; other keywords hold none."""
    keywords = ["nodes", "nodes@n1.example.com", "env.osvc.l4.port", "app#1.start", "fs#a.b.dev@n1.example.com", "env.port@n1.example.com"]
    assert rest.sections([{"keyword": keyword, "value": "x"} for keyword in keywords]) == {
        "DEFAULT": {"nodes": "x", "nodes@n1.example.com": "x"},
        "env": {"osvc.l4.port": "x", "port@n1.example.com": "x"},
        "app#1": {"start": "x"},
        "fs#a.b": {"dev@n1.example.com": "x"},
    }


def test_a_refusal_is_told_in_the_agents_words(routes: Routes, host: Host) -> None:
    """A config that the agent cannot show is cannot tell, with the route and what it said."""
    del routes.found[WEB]
    with pytest.raises(ObserveError, match=r"agent 3 GET /api/object/path/root/svc/web/config: HTTP 404: .*no such object"):
        Feed(host).read()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "which is not HTTP"),
        (b"HTTP/1.0 500 Internal\r\n\r\n", "HTTP 500"),
        (b"HTTP/1.0 200 OK\r\n\r\n", "empty"),
        (b'HTTP/1.0 200 OK\r\n\r\n{"cluster": {"config"', "truncated"),
        (b"HTTP/1.0 200 OK\r\n\r\n[]", "a JSON object is expected"),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", "cluster is missing"),
        (b'HTTP/1.0 200 OK\r\n\r\n{"cluster": {"node": []}}', "cluster.node should be an object"),
    ],
    ids=["another protocol", "an error", "nothing", "cut off", "a list", "no cluster", "no nodes"],
)
def test_an_answer_that_is_no_status_is_named(routes: Routes, host: Host, raw: bytes, words: str) -> None:
    """Always what was asked and what is wrong, never a trace."""
    routes.raw = raw
    with pytest.raises(ObserveError, match=words):
        Feed(host).read()


def test_a_stopped_daemon_is_cannot_tell(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Agent 3 takes its socket away when it is stopped: the directory without it says that the daemon does not run."""
    (tmp_path / "var" / "lsnr").mkdir(parents=True)
    monkeypatch.setenv("OSVC_ROOT_PATH", str(tmp_path))
    with pytest.raises(ObserveError, match="OpenSVC's daemon does not run; start it: om daemon start"):
        Feed(host).read()
