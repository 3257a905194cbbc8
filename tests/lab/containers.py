"""Real Podman on lab nodes: control groups, a runtime that runs here, and images of this machine's own redis-server and mongod."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

from namespaces import Machines

from osvc_ha.drill.mongo_program import find_mongod


@dataclass(frozen=True)
class Image:
    """One program of this machine, under the names that it has in the image. find: where it is, or ""."""

    name: str
    find: Callable[[], str]
    programs: Tuple[str, ...]


REDIS = Image("localhost/redis:lab", lambda: shutil.which("redis-server") or "", ("redis-server", "redis-sentinel"))
MONGO = Image("localhost/mongo:lab", find_mongod, ("mongod",))
IMAGE = REDIS.name
KINDS = "cpu cpuacct cpuset memory devices freezer blkio pids"
# crun, Podman's usual runtime, fails where control groups are hybrid; overlays cannot be stacked on the node's own; and
# Podman asks for more files and processes than a container that this machine may be is allowed.
CONTAINERS_CONF = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
STORAGE_CONF = """[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
"""
# Where a node's control groups are a file system in memory (node_init.py), Podman needs the kernel's.
HYBRID = f"""join() {{
    mkdir -p /sys/fs/cgroup/$1
    test -e /sys/fs/cgroup/$1/tasks || mount -t cgroup -o $2 cgroup /sys/fs/cgroup/$1
}}
for kind in {KINDS}; do join $kind $kind; done
join systemd none,name=systemd
"""
UNIFIED = "test -e /sys/fs/cgroup/cgroup.procs || mount -t cgroup2 cgroup2 /sys/fs/cgroup\n"
IMAGE_SCRIPT = """image=$1 program=$(readlink -f "$2"); shift 2
rm -rf /root/image && mkdir -p /root/image/root/bin && cd /root/image
cp -L --parents "$program" /etc/nsswitch.conf $(ldd "$program" | grep -o '/[^ ]*') root/
for name; do ln -s "$program" "root/bin/$name"; done
printf 'FROM scratch\\nCOPY root /\\nENV PATH=/bin\\n' > Containerfile
podman build -q -t "$image" .
rm -rf /root/image
"""
# Agent 3 finds podman by PATH. It names a systemd slice whatever the cgroup manager is, and wants one object from
# `inspect --format '{{json .}}'`, for which Podman 4.3 prints a list (om3, drivers/rescontainerocibase).
WRAPPER = """#!/usr/bin/python3 -IBS
import json, os, subprocess, sys
words = sys.argv[1:]
if "--cgroup-parent" in words:
    at = words.index("--cgroup-parent")
    del words[at : at + 2]
if "{{json .}}" not in words:
    os.execv("/usr/bin/podman", ["podman", *words])
done = subprocess.run(["/usr/bin/podman", *words], stdout=subprocess.PIPE, text=True)
found = json.loads(done.stdout) if done.returncode == 0 else {}
print(json.dumps(found[0] if isinstance(found, list) else found))
sys.exit(done.returncode)
"""
# Agent 2.1 has no process groups where this file says that it is in a container, and without them its podman driver
# raises (core/objects/pg.py, drivers/resource/container/docker).
NO_CONTAINER = """import os.path
_exists = os.path.exists
os.path.exists = lambda path: path != "/.dockerenv" and _exists(path)
"""


def why_not(image: Image = REDIS) -> str:
    """The reason such containers cannot run here; empty when they can."""
    missing = [name for name in ("podman", "runc") if shutil.which(name) is None]
    missing += [] if image.find() else [image.programs[0]]
    return f"no {' and no '.join(missing)}" if missing else ""


def configure(machines: Machines, name: str) -> None:
    """Let a node run containers."""
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    files = {"/etc/containers/containers.conf": CONTAINERS_CONF, "/etc/containers/storage.conf": STORAGE_CONF}
    files["/usr/local/bin/podman"] = WRAPPER
    if Path("/.dockerenv").exists():
        files["/usr/share/opensvc/sitecustomize.py"] = NO_CONTAINER
    for path, text in files.items():
        _run(machines, name, ["sh", "-c", f'mkdir -p {Path(path).parent} && printf %s "$1" > {path}', "sh", text])
    _run(machines, name, ["chmod", "755", "/usr/local/bin/podman"])
    _run(machines, name, ["sh", "-ec", UNIFIED if unified else HYBRID])


def prepare(machines: Machines, name: str, image: Image = REDIS) -> None:
    """The same, and build the image there."""
    configure(machines, name)
    _run(machines, name, ["sh", "-ec", IMAGE_SCRIPT, "sh", image.name, image.find(), *image.programs], seconds=60.0)


def _run(machines: Machines, name: str, argv: list[str], seconds: float = 30.0) -> None:
    done = machines.run(name, argv, seconds=seconds)
    assert done.code == 0, f"{name}: {argv[:2]}: {done.words}"
