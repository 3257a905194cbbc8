"""Labels on real containers: Podman, through the Docker API on its socket."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from osvc_ha.cluster.labels import Check, discover
from osvc_ha.cluster.types import Cluster
from osvc_ha.discovery import containers_on
from osvc_ha.host import Host

pytestmark = pytest.mark.live

BUSYBOX = Path("/bin/busybox")
SECONDS = 60


class Podman:
    """A Podman with its own storage, so that runs in parallel never meet; everything goes with its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = str(folder / "podman.sock")
        # runc and cgroupfs: crun refuses machines whose cgroup hierarchies are mixed, and systemd may not be there.
        self.argv = ["podman", "--root", str(folder / "root"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]
        self.argv += ["--runtime", "runc", "--cgroup-manager", "cgroupfs"]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One podman command, whatever its exit code."""
        return subprocess.run([*self.argv, *words], capture_output=True, text=True, timeout=SECONDS, check=False)

    def start(self, name: str, *labels: str) -> None:
        """A container that sleeps, with these labels. The limits fit machines where the hard ones are low."""
        words = [word for label in labels for word in ("--label", label)]
        limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")
        done = self.run("run", "-d", "--name", name, "--network", "host", *limits, *words, "osvc-ha-test", "sleep", "300")
        assert done.returncode == 0, done.stderr


def processes_of(folder: Path) -> list[int]:
    """Processes that were told of this folder."""
    return [one.pid for one in psutil.process_iter(["cmdline"]) if any(str(folder) in word for word in one.info["cmdline"] or ())]


@pytest.fixture
def podman(host: Host) -> Iterator[Podman]:
    """Podman with an image from scratch, serving the Docker API on a socket."""
    if os.geteuid() != 0:
        pytest.skip("podman here needs root")
    if not BUSYBOX.exists() or shutil.which("runc") is None:
        pytest.skip("needs runc and busybox-static")
    # A unix socket's path must be short, which pytest's own folders are not.
    folder = Path(tempfile.mkdtemp(prefix="osvc-ha-", dir="/var/tmp"))
    engine = Podman(folder)
    service = None
    try:
        shutil.copy(BUSYBOX, folder / "busybox")
        (folder / "Containerfile").write_text('FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT ["/bin/busybox"]\n')
        built = engine.run("build", "-q", "-t", "osvc-ha-test", str(folder))
        if built.returncode != 0:
            pytest.skip(f"podman cannot build here: {built.stderr.strip()[-200:]}")
        service = subprocess.Popen([*engine.argv, "system", "service", "--time", "0", f"unix://{engine.socket}"], stderr=subprocess.DEVNULL)
        assert host.wait(lambda: Path(engine.socket).exists(), seconds=SECONDS)
        yield engine
    finally:
        engine.run("rm", "-af", "-t", "0")
        if service is not None:
            service.terminate()
            service.wait(SECONDS)
        # A container's monitor outlives it by a `podman container cleanup`, which would make the folder anew.
        host.wait(lambda: not processes_of(folder), seconds=SECONDS)
        subprocess.run(["umount", str(folder / "root" / "vfs")], capture_output=True, check=False)
        shutil.rmtree(folder)


def test_labels_of_real_containers_become_listeners(podman: Podman, host: Host, make_cluster: Callable[..., Cluster]) -> None:
    """Two labelled containers are found, an unlabelled one is not, and one that OpenSVC started is its service's; a
    container that stops is gone from the next look."""
    podman.start("cache", "osvc.l4.enable=true", "osvc.l4.port=6379", "osvc.l4.check=redis")
    podman.start("web", "osvc.l4.enable=true", "osvc.l4.port=8080", "osvc.l4.target_port=80", "osvc.l4.check=http:/up")
    podman.start("plain")
    podman.start("prod..db.container.1", "com.opensvc.path=prod/svc/db", "osvc.l4.enable=true", "osvc.l4.port=5432")
    db = {"prod/svc/db": {"config": {"container#1": {"run_args": "-l osvc.l4.enable=true -l osvc.l4.port=5432"}}}}
    containers, problems = containers_on(host, [podman.socket])
    found = discover(make_cluster(db), containers)
    assert (problems, found.problems) == ((), ())
    assert [(one.key, one.port, one.target_port, one.check, one.source) for one in found.listeners] == [
        ("prod/svc/db:container-1", 5432, 5432, Check.TCP, "container#1"),
        ("root/container/cache:main", 6379, 6379, Check.REDIS, "container"),
        ("root/container/web:main", 8080, 80, Check.HTTP, "container"),
    ]
    assert found.listeners[1].scope == ("n1",)

    assert podman.run("rm", "-f", "-t", "0", "cache").returncode == 0
    left, _ = containers_on(host, [podman.socket])
    assert sorted(entry["Names"][0] for entry in left) == ["/plain", "/prod..db.container.1", "/web"]


def test_looking_at_containers_is_quick(podman: Podman, host: Host) -> None:
    """A look costs far less than its deadline."""
    podman.start("cache", "osvc.l4.enable=true", "osvc.l4.port=6379")
    started = time.monotonic()
    containers, problems = containers_on(host, [podman.socket])
    assert time.monotonic() - started < 1
    assert len(containers) == 1 and problems == ()
