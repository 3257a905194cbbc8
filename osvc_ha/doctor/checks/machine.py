"""This machine: programs, ports, limits, files, kernel settings."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Optional, Tuple

from osvc_ha.doctor.facts import Facts, Finding, Program, Socket, Verdict, fail, ok, unknown, warn

# docs/systems/haproxy.md: run on 2.6 to 3.4; add server and the checks' `connect addr` are stable from 2.6 on.
LEAST_HAPROXY = (2, 6)
# Sentinel takes host names, ACL users and resolve-hostnames from 6.2 on (redis.io, Sentinel). Valkey began as 7.2.
LEAST_REDIS = (6, 2)
NUMBER = re.compile(r"(?:version |v=)v?(\d+)\.(\d+)")
# redis.conf: maxclients 10000, and 32 for itself; HAProxy takes two for each of up to 20000 connections.
FEWEST_FILES, MANY_FILES = 10032, 40100
# redis.conf, tcp-backlog.
BACKLOG = 511
SOMAXCONN = "net/core/somaxconn"
OVERCOMMIT = "vm/overcommit_memory"
HUGE_PAGES = "transparent_hugepage"
WORSE = (Verdict.OK, Verdict.UNKNOWN, Verdict.WARN, Verdict.FAIL)
DAEMONS = ("om", "python", "opensvc")


def haproxy(facts: Facts) -> Finding:
    """HAProxy 2.6 and later (docs/systems/haproxy.md)."""
    return _program(facts, "haproxy", "haproxy", LEAST_HAPROXY, "apt-get install haproxy")


def redis(facts: Facts) -> Finding:
    """Redis 6.2 and later, or Valkey: host names in Sentinel and its ACL users."""
    return _program(facts, "redis-server", "redis", LEAST_REDIS, "apt-get install redis-server redis-sentinel")


def sentinel(facts: Facts) -> Finding:
    """Sentinel is a package of its own on Debian."""
    return _program(facts, "redis-sentinel", "redis", LEAST_REDIS, "apt-get install redis-sentinel")


def listeners(facts: Facts) -> Finding:
    """HAProxy cannot bind a port that another program holds on the same address, or on all (field: its start then fails as a whole)."""
    if facts.agent is None or facts.sockets is None:
        return unknown(facts.silence or "which ports are taken cannot be told")
    if "haproxy" in facts.untold:
        return unknown(facts.untold["haproxy"])
    taken = []
    for name, port in sorted(facts.agent.listeners.items()):
        holder = _holder(facts, port)
        if holder is not None:
            taken.append(f"{port} of {name} is held by {holder.program or 'another program'} on {holder.address}")
    if taken:
        return fail("; ".join(taken), "osvc-ha labels  # then another osvc.l4.port, or osvc.l4.target_port, or haproxy's bind")
    return ok(f"{len(facts.agent.listeners)} listeners, none taken by others")


def agent_ports(facts: Facts) -> Finding:
    """The agent's heartbeat (10000) and listener ports are held by its daemon, and by nobody else."""
    if facts.agent is None or facts.sockets is None:
        return unknown(facts.silence or "which ports are taken cannot be told")
    for name, port in sorted(facts.agent.ports.items()):
        holders = [one for one in facts.sockets if one.port == port]
        if not holders:
            return fail(f"{name}: nobody listens on {port}", "om daemon restart")
        strange = [one.program for one in holders if one.program and not one.program.startswith(DAEMONS)]
        if strange:
            return fail(f"{name}: port {port} is held by {strange[0]}", f"ss -lntp sport = :{port}")
    return ok(", ".join(f"{name} {port}" for name, port in sorted(facts.agent.ports.items())) or "none told")


def files(facts: Facts) -> Finding:
    """Resources inherit the limits of the agent's daemon: Redis wants 10032 files, HAProxy lowers maxconn to what fits."""
    if facts.files is None:
        return unknown("the agent's daemon does not run, or its limits cannot be read")
    fix = "systemctl edit opensvc-agent  # [Service] LimitNOFILE=65536, then restart it"
    if facts.files < FEWEST_FILES:
        return fail(f"{facts.files} open files at most: Redis' 10000 clients do not fit", fix)
    if facts.files < MANY_FILES:
        return warn(f"{facts.files} open files at most: HAProxy takes {facts.files // 2} connections, not 20000", fix)
    return ok(f"{facts.files} open files at most")


def secrets(facts: Facts) -> Finding:
    """Password files are 0600 (docs/systems/redis.md); what names them must not be for others to change."""
    for one in facts.kept:
        if one.secret and one.open:
            return fail(f"{one.path}: mode {one.mode:04o}, others than its owner can use it", f"chmod go-rwx {one.path}")
        if one.mode & 0o002:
            return fail(f"{one.path}: mode {one.mode:04o}, everybody on this machine may change it", f"chmod o-w {one.path}")
    told = f"{len(facts.kept)} files closed to others" if facts.kept else "none here"
    return unknown(f"{told}; {'; '.join(facts.untold.values())}") if facts.untold else ok(told)


def kernel(facts: Facts) -> Finding:
    """What redis-server itself warns of at start: somaxconn below tcp-backlog, vm.overcommit_memory not 1, huge pages `always`."""
    backlog, overcommit, pages = (facts.sysctls.get(name) for name in (SOMAXCONN, OVERCOMMIT, HUGE_PAGES))
    if backlog is None and overcommit is None and pages is None:
        return unknown("/proc/sys cannot be read")
    if overcommit is not None and overcommit != "1":
        return warn(f"vm.overcommit_memory={overcommit}: Redis may fail to save or to feed a replica", "sysctl -w vm.overcommit_memory=1")
    if backlog is not None and backlog.isdecimal() and int(backlog) < BACKLOG:
        return warn(f"net.core.somaxconn={backlog}: bursts of new clients are refused", "sysctl -w net.core.somaxconn=4096")
    if pages is not None and "[always]" in pages:
        fix = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
        return warn("transparent huge pages are always on: Redis' latency and memory grow at each save", fix)
    return ok("somaxconn, overcommit_memory and huge pages suit Redis")


def _program(facts: Facts, role: str, system: str, least: Tuple[int, int], fix: str) -> Finding:
    """The worst of the programs that have this role; where all are well, every one."""
    if system in facts.untold:
        return unknown(facts.untold[system])
    found = [_judged(one, role, least, fix) for one in facts.programs.get(role, ())]
    if not found:
        return unknown("not asked")
    worst = max(found, key=lambda one: WORSE.index(one.verdict))
    return worst if worst.verdict is not Verdict.OK else ok("; ".join(one.found for one in found))


def _judged(program: Program, role: str, least: Tuple[int, int], fix: str) -> Finding:
    named = "" if program.name == role else f"{program.name}: "
    if not program.said and program.launched:
        return fail(f"{named}not installed, and a service here runs it", fix)
    if not program.said:
        return ok(f"{named}not installed, and no service here runs it")
    found = NUMBER.search(program.said)
    if found is None:
        return unknown(f"{named}says {program.said!r}")
    if (int(found[1]), int(found[2])) < least:
        return fail(f"{named}{program.said}: at least {least[0]}.{least[1]} is needed", fix)
    return ok(f"{named}{program.said}")


def _holder(facts: Facts, port: int) -> Optional[Socket]:
    every = {"*", "0.0.0.0", "::"}
    # As the kernel cuts a process' name.
    ours = {"haproxy", *(PurePath(one.name).name[:15] for one in facts.programs.get("haproxy", ()))}
    for one in facts.sockets or ():
        same = one.address in every or set(facts.bind) & every or one.address in facts.bind
        if one.port == port and same and one.program not in ours:
            return one
    return None
