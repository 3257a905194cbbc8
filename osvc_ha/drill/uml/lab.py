"""The nodes, and the network between them. By any user; two labs at once do not meet."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Optional, TypeVar

import osvc_ha
from osvc_ha.drill.process import Process
from osvc_ha.drill.processes import Run
from osvc_ha.drill.uml import guest
from osvc_ha.drill.uml.node import Node
from osvc_ha.planner.errors import ApplyError

LabT = TypeVar("LabT", bound="Lab")
KERNEL = "linux.uml"
# Program -> the Debian package that has it.
PROGRAMS = {
    **{KERNEL: "user-mode-linux", "drbdadm": "drbd-utils", "modprobe": "kmod"},
    **{"busybox": "busybox-static", "mkfs.ext4": "e2fsprogs", "ip": "iproute2"},
}
MODULES = Path("/usr/lib/uml/modules")
MEMORY = Path("/dev/shm")
NODES = ("n1", "n2", "n3")
NODE_MB, DISK_MB = 160, 64
LEAST_BYTES = 3 * (NODE_MB + DISK_MB) * 1024 * 1024
SNAPSHOT = "/run/osvc_ha/cluster.json"


def missing() -> tuple[str, ...]:
    """Debian's packages that a lab needs and this machine lacks; none when one can run."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    absent = {package for program, package in PROGRAMS.items() if shutil.which(program, path=path) is None}
    return tuple(sorted(absent | (set() if any(MODULES.glob("*/kernel/drivers/block/drbd/drbd.ko")) else {"user-mode-linux"})))


def roomy() -> Path:
    """Where memory and disks of the nodes go: memory if it is large enough and lets programs run, else the temporary directory."""
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return Path(tempfile.gettempdir())
    fits = found.f_bavail * found.f_frsize > LEAST_BYTES and not found.f_flag & os.ST_NOEXEC and os.access(MEMORY, os.W_OK)
    return MEMORY if fits else Path(tempfile.gettempdir())


class Lab:
    """The nodes by name, switched on by ``boot``. Everything ends with the context, whatever ends it.

    handlers, fencing: DRBD's (docs/hooks.md). beat_seconds: after how long a silent node is dead to the cluster's stand-in.
    """

    # Of one node, in MB.
    memory, disk = NODE_MB, DISK_MB

    def __init__(
        self,
        handlers: Mapping[str, str],
        fencing: str,
        nodes: Sequence[str] = NODES,
        beat_seconds: float = 2.0,
    ) -> None:
        self.nodes: dict[str, Node] = {}
        self.names = tuple(nodes)
        self._handlers = handlers
        self._fencing = fencing
        self._beat_seconds = beat_seconds
        self._cut: set[str] = set()
        # mkdtemp takes a prefix with a directory in it; a run's own directory is known by its name to the clean-up.
        self._run = Run(f"{roomy()}/osvc_ha-uml-")
        self._hub: Optional[subprocess.Popen[bytes]] = None

    def __enter__(self: LabT) -> LabT:
        # A node never writes there, and would compile what it imports each time.
        compileall.compile_dir(str(Path(osvc_ha.__file__).parent), quiet=2)
        absent = " ".join(missing())
        if absent:
            raise ApplyError(f"the lab needs {absent}; as root, `apt-get install --no-install-recommends {absent}`")
        self._run.__enter__()
        try:
            self._lay_out()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for node in self.nodes.values():
            node.kill()
        if self._hub is not None:
            hub = Process("switch", self._hub.pid, None, self._hub)
            hub.kill()
            hub.close()
            assert self._hub.stdout is not None
            self._hub.stdout.close()
        self._run.__exit__(*error)

    @property
    def directory(self) -> Path:
        """The lab's own: consoles (n1.log), disks, and what is shared with the nodes."""
        return self._run.directory

    def _lay_out(self) -> None:
        tree = Path(osvc_ha.__file__).resolve().parents[1]
        (self.directory / "init").write_text(guest.INIT)
        for name, address in guest.addresses(self.names).items():
            etc = self.directory / "ctl" / name / "etc"
            etc.mkdir(parents=True)
            (self.directory / "var" / name).mkdir(parents=True)
            for file, text in self.files(name, str(tree)).items():
                (etc / file).write_text(text)
                (etc / file).chmod(0o755)
            with open(self.directory / f"{name}.img", "wb") as disk:
                disk.truncate(self.disk * 1024 * 1024)
            self.nodes[name] = Node(name, address, self._argv(name, address, tree), self.directory)
        (self.directory / "init").chmod(0o755)
        argv = [sys.executable, "-m", "osvc_ha.drill.uml.switch", str(self.directory), *self.names]
        env = {**os.environ, "PYTHONPATH": str(tree)}
        with open(self.directory / "switch.log", "ab") as sink:
            self._hub = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink, start_new_session=True, cwd=self.directory, env=env
            )
        self._await_hub("ready")

    def files(self, name: str, tree: str) -> dict[str, str]:
        """What a node finds in its /ctl/etc."""
        return guest.files(self.names, sys.executable, tree, self._handlers, self._fencing)

    def more(self, name: str) -> list[str]:
        """More words for a node's kernel."""
        return []

    def _argv(self, name: str, address: str, tree: Path) -> list[str]:
        here = self.directory
        modules = max(MODULES.glob("*"))
        share = tree if (tree / "hooks").is_dir() else Path(sysconfig.get_path("data"), "share", "osvc-ha")
        mac = f"02:00:00:77:00:{int(address.rpartition('.')[2]):02x}"
        return [
            *(
                KERNEL,
                "root=/dev/root",
                "rootfstype=hostfs",
                "rootflags=/",
                "ro",
                f"mem={self.memory}M",
                f"umid={name}",
                f"uml_dir={here}/uml",
            ),
            # The kernel's own /dev would hide the init script where that is in /dev/shm.
            "devtmpfs.mount=0",
            *(f"init={here}/init", f"ubd0={here}/{name}.img"),
            f"vec0:transport=bess,dst={here}/{name}.sw,src={here}/{name}.me,depth=64,mac={mac}",
            *("con=null", "con0=null,fd:2", "ssl=null", "ssl0=fd:0,fd:1", "quiet"),
            *(f"node={name}", f"ip={address}", f"lab={here}", f"mods={modules}", f"tree={tree}", f"hooks={share}/hooks"),
            *self.more(name),
        ]

    def boot(self, *names: str) -> None:
        """Switch on these nodes (default: all), side by side, with the stand-ins for their agent and sshd."""
        names = names or self.names
        for name in names:
            self.nodes[name].boot()
        for name in names:
            self.nodes[name].await_ready()
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.start_daemons, names))

    def start_daemons(self, name: str) -> None:
        """Heartbeat and remote shell; returns when the heartbeat has written its first snapshot."""
        node = self.nodes[name]
        self.start_heart(name)
        tree = Path(osvc_ha.__file__).resolve().parents[1]
        node.must(f"PYTHONPATH={tree} setsid {sys.executable} -m osvc_ha.drill.uml.remote >/run/remote.log 2>&1 & echo $! >/run/remote.pid")

    def start_heart(self, name: str) -> None:
        """The cluster's stand-in on one node."""
        tree = Path(osvc_ha.__file__).resolve().parents[1]
        known = " ".join(f"{node}={address}" for node, address in guest.addresses(self.names).items())
        argv = f"{sys.executable} -m osvc_ha.drill.uml.heartbeat {SNAPSHOT} {name} {self._beat_seconds:g} {known}"
        start = f"PYTHONPATH={tree} setsid {argv} >/run/heart.log 2>&1 & echo $! >/run/heart.pid"
        wait = f"for i in $(seq 100); do [ -s {SNAPSHOT} ] && exit 0; sleep 0.1; done; cat /run/heart.log >&2; exit 1"
        self.nodes[name].must(f"rm -f {SNAPSHOT}; {start}; {wait}", 20)

    def alive_to(self, name: str) -> list[str]:
        """The nodes that the cluster's stand-in on this one takes for alive."""
        nodes = json.loads(self.nodes[name].must(f"cat {SNAPSHOT}"))["nodes"]
        return sorted(node for node, told in nodes.items() if told["alive"])

    def await_alive(self, name: str, *wanted: str, seconds: float = 15.0) -> float:
        """Until the cluster's stand-in there holds these, and no others, for alive."""
        return self.until(f"{name}: alive {' '.join(wanted)}", lambda: self.alive_to(name), lambda found: found == sorted(wanted), seconds)

    def until(self, what: str, ask: Callable[[], object], fits: Callable[[object], bool], seconds: float) -> float:
        """Ask until the answer fits; the seconds it took. ApplyError with the last answer when the time passes first."""
        began, found = time.monotonic(), ask()
        while not fits(found):
            if time.monotonic() - began > seconds:
                raise ApplyError(f"{what}: not within {seconds:g} s, but {found!r}")
            time.sleep(0.05)
            found = ask()
        return time.monotonic() - began

    def cut(self, *cables: str) -> None:
        """Cut these as well: ``n1``, ``n1:n2``, ``n1:n2:7788``. Returns when no frame passes any more."""
        self._cut |= set(cables)
        self._tell_hub()

    def heal(self, *cables: str) -> None:
        """Mend these, or all."""
        self._cut = self._cut - set(cables) if cables else set()
        self._tell_hub()

    def _tell_hub(self) -> None:
        assert self._hub is not None and self._hub.stdin is not None
        line = " ".join(sorted(self._cut))
        os.write(self._hub.stdin.fileno(), f"{line}\n".encode())
        self._await_hub(line)

    def _await_hub(self, words: str) -> None:
        assert self._hub is not None and self._hub.stdout is not None
        answer = self._hub.stdout.readline().decode().rstrip("\n")
        if answer != words:
            log = (self.directory / "switch.log").read_text()[-500:]
            raise ApplyError(f"the switch answered {answer!r} to {words!r}: {log}")
