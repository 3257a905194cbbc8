"""Process 1 of a lab node: makes what the node sees private, then reaps until it is killed.

Called by namespaces.py in fresh mount, uts, ipc, pid and net namespaces; one line of JSON on standard input says what to
prepare, one line on standard output says that it is done. What it writes goes to the node's disk, a directory that
outlives it, or to memory that does not: /run, /dev/shm and the like, as on any machine.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

# On the node's disk. The rest of what may be written is in memory.
PRIVATE = ("etc", "var", "usr", "root", "tmp")
MEMORY = "/run"
# The agents' split_action and monitor_action write c or b here: on the real file that is the end of the machine.
TRIGGER = Path(MEMORY, "sysrq-trigger")
DANGEROUS = ("/proc/sysrq-trigger", "/proc/sys/kernel/sysrq")


def main() -> None:
    wanted = json.loads(sys.stdin.readline())
    socket.sethostname(wanted["name"])
    os.chdir("/")
    prepare(wanted)
    refuse_danger()
    print("ready", flush=True)
    reap()


def prepare(wanted: dict[str, Any]) -> None:
    """Private file systems, then the node's own files in them if its disk is a new one."""
    disk = Path(wanted["disk"])
    new = not disk.exists()
    mount("-t", "proc", "proc", "/proc")
    for name in PRIVATE:
        overlay(f"/{name}", f"/{name}", disk / name)
    for number, (target, source) in enumerate(wanted["mounts"].items()):
        Path(target).mkdir(parents=True, exist_ok=True)
        overlay(source, target, disk / f"mount-{number}")
    # Over the disks of all nodes, which from here on are reached by the overlays alone.
    mount("-t", "tmpfs", "memory", MEMORY)
    mount("-t", "tmpfs", "memory", "/dev/shm")
    # Of this network, and read-only; the control groups of the machine are not the agent's to write.
    mount("-t", "sysfs", "-o", "ro", "sysfs", "/sys")
    mount("-t", "tmpfs", "memory", "/sys/fs/cgroup")
    for name in ("lock", "netns"):
        Path(MEMORY, name).mkdir()
    if new:
        furnish(wanted)
    # Agents tell a reboot by it.
    put_over(Path("/proc/sys/kernel/random/boot_id"), f"{uuid.uuid4()}\n")
    for name in DANGEROUS:
        put_over(Path(name), "")


def overlay(lower: str, target: str, disk: Path) -> None:
    """Show ``lower`` at ``target``; what is written there goes to ``disk`` instead."""
    upper, work = disk / "upper", disk / "work"
    if not upper.exists():
        upper.mkdir(parents=True)
        work.mkdir()
        upper.chmod(os.stat(lower).st_mode & 0o7777)
    mount("-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", target)


def furnish(wanted: dict[str, Any]) -> None:
    """What the node has of its own from the start."""
    for path, text in wanted["files"].items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
    for path, target in wanted["links"].items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).unlink(missing_ok=True)
        Path(path).symlink_to(target)


def put_over(path: Path, text: str) -> None:
    """Hide a file of the kernel behind one of ours."""
    if path.exists():
        ours = Path(MEMORY, path.name)
        ours.write_text(text, encoding="utf-8")
        mount("--bind", str(ours), str(path))


def refuse_danger() -> None:
    """No agent is started in a node that could stop the machine."""
    kernel = os.stat("/proc").st_dev
    for name in DANGEROUS:
        if os.path.exists(name) and os.stat(name).st_dev == kernel:
            sys.exit(f"{name} is the kernel's own: an agent could crash this machine")


def mount(*words: str) -> None:
    subprocess.run(("mount", *words), check=True)


def reap() -> None:
    """Until a crash that an agent asked for, which ends the node as a power cut would."""
    while True:
        signal.sigtimedwait({signal.SIGCHLD}, 0.2)
        if TRIGGER.exists() and TRIGGER.stat().st_size:
            os._exit(9)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    main()
