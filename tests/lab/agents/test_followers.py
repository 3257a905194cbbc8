"""What the followers do in a cluster that serves: what they see is told to every node, and a storm of events moves them no further."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import storm
from agreement import agree
from ha_lab import INGRESS, REDIS, HaLab
from node_looks import cpu_seconds, follower_of, inside, look_now, resources_told, runtime_dir

pytestmark = [pytest.mark.agent, pytest.mark.timeout(400)]
PROXY, FOLLOW = "app#1haproxy", "app#2follow"
PID_FILE = "/run/osvc_ha/haproxy/haproxy.pid"
# Seconds from the follower's look until another node's agent shows it.
SOON = 10.0
MINUTE = 60.0
# Of a core, over that minute.
MOST_CPU = 0.2


def test_what_a_follower_sees_is_told_to_every_node(serving: HaLab) -> None:
    """HAProxy dies where nothing may restart it: the agent of another node shows it as down, asked for nothing; thawed, it is back."""
    lab = serving
    lab.order("n1", "freeze_node")
    lab.wait("n1 frozen", lambda: lab.cluster("n3").node("n1").frozen)
    assert resources_told(lab, "n3", INGRESS, "n1")[PROXY]["status"] == "up"
    dead = inside(lab, "n1", PID_FILE).read_text(encoding="utf-8").strip()
    assert lab.machines.run("n1", ["kill", "-9", dead]).code == 0
    seen = look_now(lab, "n1", INGRESS)
    began = time.monotonic()
    assert seen.systems["haproxy"].status.value == "down"
    lab.wait("n3 is told", lambda: resources_told(lab, "n3", INGRESS, "n1")[PROXY]["status"] == "down")
    assert time.monotonic() - began < SOON
    assert resources_told(lab, "n3", INGRESS, "n1")[FOLLOW]["status"] == "up", "the follower itself is well"
    assert lab.avail("n1", INGRESS, "n3") != "up"
    lab.order("n1", "thaw_node")
    agree(lab)
    assert inside(lab, "n1", PID_FILE).read_text(encoding="utf-8").strip() != dead


@pytest.fixture
def flapping(serving: HaLab) -> Iterator[HaLab]:
    """More services, up on all nodes and in every HAProxy."""
    storm.make(serving)
    yield serving
    storm.remove(serving)


def test_a_storm_of_events_ends_right(flapping: HaLab) -> None:
    """Every service flaps for a minute: the followers live, on little CPU, no HAProxy is reloaded, and each ends as the agents say."""
    lab = flapping
    followers = {(name, service): follower_of(lab, name, service) for name in lab.names for service in (INGRESS, REDIS)}
    proxies = {name: worker_of(lab, name) for name in lab.names}
    logs = {name: log_of(lab, name) for name in lab.names}
    before, began = {one: cpu_seconds(lab, one[0], pid) for one, pid in followers.items()}, time.monotonic()
    turns = storm.flap(lab, MINUTE)
    span = time.monotonic() - began
    used = {one: (cpu_seconds(lab, one[0], pid) - before[one]) / span for one, pid in followers.items()}
    down = dict(zip(storm.PATHS, lab.names))
    for path, name in down.items():
        storm.say(lab, name, path, storm.Status.DOWN)
    lab.wait("every HAProxy as the agents say", lambda: storm.is_all(lab, down))
    assert turns > MINUTE, "it was a storm"
    assert {(name, service): follower_of(lab, name, service) for name, service in followers} == followers
    assert {name: worker_of(lab, name) for name in lab.names} == proxies
    said = {name: log_of(lab, name)[len(logs[name]) :] for name in lab.names}
    assert not [text for text in said.values() if "broke" in text or "Traceback" in text], said
    assert max(used.values()) < MOST_CPU, used


def worker_of(lab: HaLab, name: str) -> str:
    """The process of HAProxy that serves: a reload makes another."""
    return next(line for line in storm.ask_haproxy(lab, name, "show info\n").splitlines() if line.startswith("Pid: "))


def log_of(lab: HaLab, name: str) -> str:
    """What the ingress' follower has said."""
    return inside(lab, name, f"{runtime_dir(INGRESS)}/watch.log").read_text(encoding="utf-8")
