"""Is the resource configured so that two writers cannot happen? Pure."""

from __future__ import annotations

from typing import Optional, Tuple

from osvc_ha.systems.drbd.state import Actual, Configured, Desired

# What each may be without ever discarding a write by itself; anything else decides which side's writes die.
HARMLESS = {
    "after-sb-0pri": ("disconnect", "discard-zero-changes"),
    "after-sb-1pri": ("disconnect",),
    "after-sb-2pri": ("disconnect",),
    "rr-conflict": ("disconnect", "retry-connect", "auto-discard-none"),
}
SPLITTABLE = "nothing keeps both sides from being written while apart"


def config_refusal(actual: Actual, desired: Desired) -> str:
    """Why nothing can be started from these files, in one sentence, or ""."""
    config = desired.config
    if actual.config_trouble:
        return f"drbdadm refuses the configuration, so no resource can be promoted: {actual.config_trouble}"
    if actual.configured is None and actual.doubts:
        return ""
    if actual.configured is None and actual.file is None:
        missing = f"{config.file} is missing on {actual.local}"
        return f"{missing}; copy it from a node that has it (the agent's disk.drbd would start nothing, and say so to nobody)"
    if actual.configured is None:
        return f"{config.file} defines no resource {config.res}; name the right one by res, or mend the file"
    if actual.local not in {one.host for one in actual.configured.hosts}:
        hosts = " ".join(one.host for one in actual.configured.hosts) or "nobody"
        return f"{config.res} has no `on {actual.local}` section ({hosts} have one); add it in {config.file}"
    return ""


def doubt_refusal(actual: Actual, desired: Desired) -> str:
    """Why nobody can say whether it may be promoted, or ""."""
    if not actual.doubts:
        return ""
    return f"whether {desired.config.res} may be promoted cannot be told: {'; '.join(actual.doubts)}; mend that, and start it again"


def protection_refusal(actual: Actual, desired: Desired) -> str:
    """Why a promotion could end in two writers, whatever the states are now; or "". Files and kernel are both asked (D3, D12)."""
    config, configured, running = desired.config, actual.configured, actual.running
    if configured is None:
        return ""
    if configured.two_primaries or (running is not None and running.two_primaries):
        where = config.file if configured.two_primaries else "the kernel, not in the file"
        return f"{config.res} has allow-two-primaries set (in {where}); remove it and run drbdadm adjust {config.res}"
    if not config.fencing:
        return ""
    quorum, fencing = _quorum(configured, actual), configured.fencing
    if quorum and fencing != "dont-care":
        return f"{config.res} has quorum {configured.quorum} and fencing {fencing}; use one: DRBD 9 quorum, 8.4 fencing"
    if quorum:
        return ""
    return _fencing_refusal(configured, running, config.res)


def _quorum(configured: Configured, actual: Actual) -> bool:
    # The utilities of 9 read the word on 8.4 too, whose kernel has no such thing.
    return configured.quorum != "off" and (actual.versions.nine or not actual.versions.kernel)


def _fencing_refusal(configured: Configured, running: Optional[Configured], res: str) -> str:
    way = f"; write `fencing resource-and-stonith` and a fence-peer handler, or let render=true write the .res; then drbdadm adjust {res}"
    if configured.fencing == "dont-care":
        return f"{res} has neither fencing nor quorum: {SPLITTABLE}{way}, or fencing=off if that is accepted"
    if configured.fencing != "resource-and-stonith":
        return f"{res} has fencing {configured.fencing}: writes go on while the handler still asks{way}"
    if not configured.handlers.get("fence-peer"):
        return f"{res} has fencing but no fence-peer handler{way}"
    # 8.4 keeps the word with the disk: of a detached one, the kernel tells nothing.
    attached = running is not None and any(any(one.disks) for one in running.hosts)
    if attached and running is not None and running.fencing != configured.fencing:
        return f"the kernel runs {res} with fencing {running.fencing}, not as in the file; run drbdadm adjust {res}"
    return ""


def config_notes(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """What is asking for trouble in the files, a sentence each."""
    configured = actual.configured
    if configured is None:
        return ()
    lines = []
    for key, harmless in HARMLESS.items():
        value = configured.net.get(key, "disconnect")
        if value not in harmless:
            lines.append(f"{key} {value} discards one side's writes by itself after a split brain; use {harmless[-1]}")
    if configured.net.get("protocol", "C") != "C":
        lines.append(f"protocol {configured.net['protocol']} acknowledges writes that the peer does not have: a failover loses them; use C")
    if configured.quorum != "off":
        answers = {configured.options.get(key, "io-error") for key in ("on-no-quorum", "on-no-data-accessible")}
        if answers != {"io-error"}:
            lines.append("on-no-quorum and on-no-data-accessible should both be io-error: frozen I/O keeps a service from being stopped")
        if len(configured.hosts) == 2:
            lines.append("quorum with two nodes: each loss stops the writes; add a third, without a disk, that breaks ties")
    return (*lines, *_differences(actual, desired))


def _differences(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """Of what the kernel runs to what the file says: an edit that was never applied, or a change by hand."""
    configured, running = actual.configured, actual.running
    if configured is None or running is None:
        return ()
    res = desired.config.res
    here = next((one for one in configured.hosts if one.host == actual.local), None)
    lines = []
    # The kernel leaves out what is its default, so only what it tells can be compared.
    for key in sorted(set(running.net) & set(configured.net) & {"verify-alg", *HARMLESS, "allow-two-primaries"}):
        if running.net[key] != configured.net[key]:
            lines.append(f"the kernel runs {key} {running.net[key]}, the file says {configured.net[key]}; run drbdadm adjust {res}")
    if here is not None and running.hosts and any(running.hosts[0].disks) and running.hosts[0].disks != here.disks:
        disks = f"{' '.join(running.hosts[0].disks)}, the file says {' '.join(here.disks)}"
        lines.append(f"the kernel runs on {disks}; was {desired.config.file} edited?")
    return tuple(lines)
