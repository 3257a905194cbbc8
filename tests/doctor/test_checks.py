"""Every check: where all is well it says so, and where something is wrong it names it, with the command that mends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from osvc_ha.doctor import CHECKS, examine, exit_code
from osvc_ha.doctor.facts import Facts, Finding, Heartbeat, Kept, NodeFacts, Program, Socket, Verdict, Watcher

OK, WARN, FAIL, UNKNOWN = Verdict.OK, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN
V2 = {"kind": "2.1"}
NODE = NodeFacts(version="v3.0.0", label="1.0", ready=10.0, split="crash", clock=(0.0, 0.1))


def programs(role: str, *found: tuple[str, str], launched: bool = True) -> dict[str, Any]:
    """These programs have that role."""
    return {"programs": {role: tuple(Program(name, said, launched) for name, said in found)}}


NATIVE = {"prod/svc/redis": {"app#1": "haredis", "app#2": "hafollow"}}
HAS = {"n1": {"app#1", "app#2"}, "n2": {"sync#i0"}, "n3": {"app#2"}}
MISSING = {
    "agent": {**V2, "native": NATIVE, "resources": {name: {"prod/svc/redis": has} for name, has in HAS.items()}},
    "drivers": {"a.py": ""},
}

# Check, what is different, verdict, a part of what it finds, a part of the fix.
WRONG: list[tuple[str, dict[str, Any], Verdict, str, str]] = [
    ("agent", {"node": {"version": "v3.0.1"}}, WARN, "n2 v3.0.1", "upgrade"),
    ("agent", {"node": {"version": ""}}, WARN, "agent 3, of an unknown version on n2", "install a released agent"),
    ("installed", {"to_install": ("/x: missing", "/y: missing")}, FAIL, "/x: missing, and 1 more", "osvc-ha install"),
    ("drivers", {"agent": V2, "drivers": {"a.py": "", "b.py": "ImportError: no c"}}, FAIL, "b.py: ImportError: no c", "osvc-ha install"),
    ("drivers", {"agent": V2, "drivers": {"a.py": ""}, "old_daemon": "runs older ones"}, WARN, "runs older ones", "om daemon restart"),
    ("drivers", {"agent": V2, "drivers": None}, UNKNOWN, "cannot be asked", ""),
    ("drivers", MISSING, FAIL, "app#1 of prod/svc/redis is missing on n2, n3: the agent there cannot load haredis", "# on n2, n3"),
    ("drivers", MISSING, FAIL, "app#2 of prod/svc/redis is missing on n2", "om prod/svc/redis print status --refresh"),
    ("drivers", {**MISSING, "drivers": {"b.py": "ImportError: no c"}}, FAIL, "b.py: ImportError: no c; app#1", "# on n1, n2, n3"),
    ("drivers", {**MISSING, "drivers": None}, FAIL, "app#1 of prod/svc/redis is missing on n2", "osvc-ha install"),
    ("drivers", {"agent": {"native": NATIVE}}, FAIL, "agent 3 leaves out app#1 of prod/svc/redis, app#2 of", "service_templates/3"),
    ("versions", {"node": {"label": "broken"}}, FAIL, "installed on n2, where the agent cannot import", "osvc-ha install  # on n2"),
    ("versions", {"node": {"label": ""}}, FAIL, "not installed on n2", "on n2"),
    ("versions", {"node": {"label": "0.9"}}, WARN, "n2 0.9", "osvc-ha install"),
    ("versions", {"agent": {"nodes": {"n1": NODE, "n2": NODE}}}, UNKNOWN, "n3 not heard", ""),
    ("hook", {"agent": {"hook": {}}}, WARN, "missing", "osvc-ha install"),
    ("hook", {"agent": {"hook": {"events": "NodeStale,ForgetPeer"}}}, WARN, "NodeStale,ForgetPeer", "osvc-ha install"),
    ("follower", {"watchers": (Watcher("/w", 7, False, 990.0),)}, FAIL, "process 7 is gone", "om"),
    ("follower", {"watchers": (Watcher("/w", 7, True, 500.0),)}, FAIL, "500 s ago", "kill 7"),
    ("follower", {"watchers": (Watcher("/w", 7, True, 0.0),)}, WARN, "not looked yet", "osvc-ha doctor"),
    ("follower", {"watchers": ()}, FAIL, "none runs", "om mon"),
    ("follower", {"watchers": (), "agent": {"systems": ()}}, WARN, "none runs", "create"),
    ("follower", {"watchers": (Watcher("/w", 7, True, 999.0, ("redis is warn: x",)),)}, WARN, "redis is warn: x", "status"),
    ("quorum", {"agent": {"quorum": False}}, FAIL, "both sides run", "om cluster config update --set cluster.quorum=true"),
    ("quorum", {"agent": {**V2, "quorum": False}}, FAIL, "both sides run", "om cluster set --kw cluster.quorum=true"),
    ("quorum", {"agent": {"members": ("n1", "n2")}}, WARN, "no arbitrator", "arbitrator#1.uri"),
    ("ready period", {"agent": V2, "node": {"ready": 1.0}}, FAIL, "1 s on n2", "node.ready_period=7s"),
    ("ready period", {"agent": V2, "node": {"ready": 5.0}}, WARN, "7 s is safe", "node.ready_period=7s"),
    ("ready period", {"node": {"ready": 1.5}}, FAIL, "crashes 1.67 s", "node.ready_period=7s"),
    ("ready period", {"node": {"ready": 7.0}, "agent": {"arbitrators": {"a": 5.0}}}, WARN, "8.33 s is safe", "node.ready_period=9s"),
    ("split action", {"node": {"split": "disabled"}}, FAIL, "disabled on n2", "node.split_action=crash"),
    ("stonith", {"agent": {"stonith": ("n2",)}}, WARN, "[stonith#n2]", "om node stonith"),
    ("stonith", {"agent": {"fenced": ("root/svc/db",), "quorum": False}}, WARN, "root/svc/db", "cluster.quorum=true"),
    ("heartbeat", {"agent": {"heartbeats": {"hb#1": Heartbeat(5.0, 5.0)}}}, FAIL, "taken for dead", "hb#1.timeout=15s"),
    ("heartbeat", {"agent": {"heartbeats": {"hb#1": Heartbeat(), "hb#2": Heartbeat(4.0, 2.0)}}}, WARN, "hb#2", "hb#2.timeout=6s"),
    ("heartbeat", {"agent": {"heartbeats": {}}}, FAIL, "none configured", "hb#1.type=unicast"),
    ("frozen nodes", {"node": {"frozen": True}}, WARN, "n2 frozen", "om node unfreeze"),
    ("clocks", {"node": {"clock": (3.0, float("inf"))}}, WARN, "n2 is at least 3.0 s ahead", "chronyc"),
    ("clocks", {"node": {"clock": (-61.0, -60.0)}}, FAIL, "n2 is at least 60.0 s behind", "chronyc"),
    ("clocks", {"node": {"clock": (-20.0, float("inf"))}}, UNKNOWN, "n2", "chronyc"),
    ("clocks", {"node": {"clock": None}}, UNKNOWN, "n2", "chronyc"),
    ("packages", {"agent": {"systems": ("dns",)}, "absent": {"dns": ("cloudflare",)}}, FAIL, "dns needs cloudflare", "osvc-ha[dns]"),
    ("agent ports", {"sockets": (Socket("*", 1215, "om"),)}, FAIL, "nobody listens on 10000", "om daemon restart"),
    ("agent ports", {"sockets": (Socket("*", 10000, "webmin"), Socket("*", 1215, "om"))}, FAIL, "held by webmin", "ss -lntp"),
    ("agent ports", {"sockets": None}, UNKNOWN, "cannot be told", ""),
    ("listener ports", {"sockets": (Socket("10.0.0.1", 6379, "redis-server"),)}, FAIL, "held by redis-server on 10.0.0.1", "target_port"),
    ("listener ports", {"sockets": (Socket("*", 6379, "nc"),), "bind": ("10.0.0.9",)}, FAIL, "held by nc", "bind"),
    ("open files", {"files": 1024}, FAIL, "1024", "LimitNOFILE"),
    ("open files", {"files": 20000}, WARN, "10000 connections", "LimitNOFILE"),
    ("open files", {"files": None}, UNKNOWN, "does not run", ""),
    ("listener ports", {"untold": {"haproxy": "app#1 of a: no"}}, UNKNOWN, "app#1 of a: no", ""),
    ("haproxy", programs("haproxy", ("haproxy", "HAProxy version 2.4.22")), FAIL, "at least 2.6", "apt-get install haproxy"),
    ("haproxy", programs("haproxy", ("haproxy", "")), FAIL, "not installed", "apt-get install haproxy"),
    ("haproxy", programs("haproxy", ("haproxy", "HA-Proxy")), UNKNOWN, "HA-Proxy", ""),
    ("haproxy", programs("haproxy", ("haproxy", "HAProxy version 3.0.1"), ("/opt/ha", "")), FAIL, "/opt/ha: not installed", "haproxy"),
    ("haproxy", {"untold": {"haproxy": "app#1 of a: no"}}, UNKNOWN, "app#1 of a: no", ""),
    ("redis", programs("redis-server", ("redis-server", "Redis server v=6.0.16")), FAIL, "at least 6.2", "redis-server"),
    ("redis", programs("redis-server", ("/a", "what"), ("/b", "Redis server v=6.0.16")), FAIL, "/b: Redis server v=6.0.16", "redis-server"),
    ("sentinel", programs("redis-sentinel", ("redis-sentinel", "")), FAIL, "not installed", "redis-sentinel"),
    ("secrets", {"untold": {"redis": "app#1 of a: no"}}, UNKNOWN, "app#1 of a: no", ""),
    ("secrets", {"kept": (Kept("/k", 0o600, False), Kept("/p", 0o640, True))}, FAIL, "/p: mode 0640", "chmod go-rwx /p"),
    ("secrets", {"kept": (Kept("/s", 0o666, True, secret=False),)}, FAIL, "/s: mode 0666", "chmod o-w /s"),
    ("kernel", {"sysctls": {"vm/overcommit_memory": "0"}}, WARN, "vm.overcommit_memory=0", "sysctl -w vm.overcommit_memory=1"),
    ("kernel", {"sysctls": {"net/core/somaxconn": "128"}}, WARN, "net.core.somaxconn=128", "sysctl -w net.core.somaxconn"),
    ("kernel", {"sysctls": {"transparent_hugepage": "[always] madvise never"}}, WARN, "huge pages", "madvise"),
    ("kernel", {"sysctls": {}}, UNKNOWN, "cannot be read", ""),
]
# Check, what is different and still right.
RIGHT: list[tuple[str, dict[str, Any]]] = [
    ("packages", {"absent": {"dns": ("cloudflare",)}}),
    ("drivers", {"agent": V2, "drivers": {"a.py": ""}}),
    # n2 has all of them, n3 tells nothing of that service.
    (
        "drivers",
        {
            "agent": {**V2, "native": NATIVE, "resources": {"n2": {"prod/svc/redis": {"app#1", "app#2"}}, "n3": {}}},
            "drivers": {"a.py": ""},
        },
    ),
    ("quorum", {"agent": {"members": ("n1",), "quorum": False}}),
    ("quorum", {"agent": {"members": ("n1", "n2"), "arbitrators": {"a": 5.0}}}),
    ("ready period", {"agent": V2, "node": {"ready": 7.0}}),
    ("ready period", {"agent": {"quorum": False}, "node": {"ready": 1.0}}),
    ("split action", {"agent": {"quorum": False}, "node": {"split": "disabled"}}),
    ("listener ports", {"sockets": (Socket("10.0.0.1", 6379, "redis-server"),), "bind": ("10.0.0.9",)}),
    # A HAProxy of another name.
    (
        "listener ports",
        {**programs("haproxy", ("/opt/haproxy-3.0", "HAProxy version 3.0")), "sockets": (Socket("*", 6379, "haproxy-3.0"),)},
    ),
    ("haproxy", programs("haproxy", ("haproxy", ""), launched=False)),
    ("redis", programs("redis-server", ("redis-server", ""), launched=False)),
    ("redis", programs("redis-server", ("valkey-server", "Valkey server v=8.1.0"))),
    ("secrets", {"kept": (Kept("/p", 0o400, False), Kept("/s", 0o644, True, secret=False))}),
]


@pytest.mark.parametrize("name", [check.name for check in CHECKS])
def test_a_healthy_cluster_passes(name: str, well: Facts, finding: Callable[[str, Facts], Finding]) -> None:
    """Nothing to mend, so no fix is offered."""
    found = finding(name, well)
    assert (found.verdict, found.fix) == (OK, ""), found


@pytest.mark.parametrize(("name", "different", "verdict", "found", "fix"), WRONG)
def test_what_is_wrong_is_named_with_its_fix(
    name: str,
    different: dict[str, Any],
    verdict: Verdict,
    found: str,
    fix: str,
    spoilt: Callable[..., Facts],
    finding: Callable[[str, Facts], Finding],
) -> None:
    """One thing is not as it should be, and this check sees it."""
    told = finding(name, spoilt(**different))
    assert told.verdict is verdict, told
    assert found in told.found
    assert fix in told.fix
    assert bool(told.fix) or verdict is UNKNOWN, "what is wrong can be mended"


@pytest.mark.parametrize(("name", "different"), RIGHT)
def test_what_is_unusual_and_right_passes(
    name: str, different: dict[str, Any], spoilt: Callable[..., Facts], finding: Callable[[str, Facts], Finding]
) -> None:
    """No false alarm."""
    told = finding(name, spoilt(**different))
    assert told.verdict is OK, told


def test_every_program_in_use_is_named(spoilt: Callable[..., Facts], finding: Callable[[str, Facts], Finding]) -> None:
    """Two services may run two of them."""
    found = finding(
        "redis", spoilt(**programs("redis-server", ("redis-server", "Redis server v=7.0.15"), ("/opt/valkey", "Valkey v=8.1.0")))
    )
    assert found == Finding(OK, "Redis server v=7.0.15; /opt/valkey: Valkey v=8.1.0")


def test_every_check_has_been_seen_to_complain() -> None:
    """One that never does is no check."""
    assert {check.name for check in CHECKS} == {row[0] for row in WRONG if row[2] in (WARN, FAIL)}


def test_without_an_agent_only_that_fails(spoilt: Callable[..., Facts]) -> None:
    """What cannot be told is not called wrong."""
    facts = Facts(silence="no OpenSVC agent on this node", files=65536)
    findings = dict(examine(facts))
    assert findings["agent"].verdict is FAIL
    assert [name for name, one in findings.items() if one.verdict is FAIL] == ["agent"]
    assert findings["quorum"] == Finding(UNKNOWN, "no OpenSVC agent on this node")


def test_the_exit_code_is_the_worst_verdict(well: Facts) -> None:
    """1 for a failure, 6 for a warning, 0 for all well; what cannot be told does not count."""
    findings = examine(well)
    assert exit_code(findings) == 0
    assert exit_code((*findings, ("x", Finding(UNKNOWN, "")))) == 0
    assert exit_code((*findings, ("x", Finding(WARN, "")))) == 6
    assert exit_code((*findings, ("x", Finding(WARN, "")), ("y", Finding(FAIL, "")))) == 1
