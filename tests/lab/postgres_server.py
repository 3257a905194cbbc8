"""A real PostgreSQL of one service on a loopback address, driven through the slice; and the programs that talk to it."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.drill.processes import Run
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import Health, Outcome, reconcile, status
from osvc_ha.planner.types import Step, Verb
from osvc_ha.systems.postgres import SYSTEM
from osvc_ha.systems.postgres.client.scanning import running

PROGRAMS = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/usr/lib/postgresql/15/bin"))
PATIENCE = 60.0
SECRET = "pa ss'wo\"rd"


def owner() -> str:
    """Who runs the servers: PostgreSQL refuses root."""
    return "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def why_no_postgres() -> str:
    """Why there is none here, or ""."""
    if not (PROGRAMS / "postgres").exists():
        return "PostgreSQL is not installed (apt-get install postgresql)"
    try:
        pwd.getpwnam(owner())
    except KeyError:
        return "there is no account postgres"
    return ""


class Server:
    """One service with one PostgreSQL. ``keywords`` over those that keep it in ``run``'s directory."""

    def __init__(self, run: Run, address: str, port: int, name: str = "pg", node: str = "n1", **keywords: str) -> None:
        self.run, self.address, self.port, self.node = run, address, port, node
        self.path = f"prod/svc/{name}"
        # Below it are folders that another account has to enter.
        run.directory.chmod(0o755)
        self.home = run.directory / name
        self.home.mkdir(mode=0o755, exist_ok=True)
        self.directory = self.home / "data"
        self.host = Host()
        secret = self.home / "secret"
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        self.keywords = {
            "path": self.path,
            "directory": str(self.directory),
            "port": str(port),
            "listen": address,
            "socket_dir": str(self.home / "socket"),
            "user": owner(),
            "password_file": str(secret),
            "programs": str(PROGRAMS),
            "log": str(self.home / "postgres.log"),
            "clients": "127.0.0.0/8",
            "ready_timeout": "60",
            "stop_timeout": "20",
            **keywords,
        }

    @property
    def config(self):
        """The parsed keywords."""
        return SYSTEM.parse(self.keywords)

    @property
    def cluster(self) -> Cluster:
        """OpenSVC's view: one node, the instance up."""
        nodes = {self.node: Node(self.node, True, labels={"osvc_ha_address": self.address})}
        return Cluster("id", "lab", self.node, nodes, {self.path: Object(self.path, (self.node,), {self.node: Instance(self.node, "up")})})

    def do(self, verb: Verb) -> tuple[list[Step], Outcome]:
        """One reconcile, and the steps that were begun."""
        steps: list[Step] = []
        return steps, reconcile(SYSTEM, self.config, self.cluster, verb, self.host, steps.append)

    def provision(self) -> list[Step]:
        """OpenSVC provisions it."""
        return self.do(Verb.PROVISION)[0]

    def start(self) -> list[Step]:
        """OpenSVC starts it."""
        return self.do(Verb.START)[0]

    def stop(self) -> list[Step]:
        """OpenSVC stops it."""
        return self.do(Verb.STOP)[0]

    def health(self) -> Health:
        """The status that OpenSVC sees."""
        return status(SYSTEM, self.config, self.cluster, self.host)

    def fill(self, template: Path) -> None:
        """A data directory as provisioning makes it, copied: that takes a tenth of the time."""
        subprocess.run(["cp", "-a", str(template), str(self.directory)], check=True, timeout=PATIENCE)

    @property
    def pid(self) -> int:
        """Of the postmaster; 0 when none runs."""
        return running(self.config, self.host).postmaster

    def orphans(self) -> tuple[int, ...]:
        """Processes of a postmaster that is dead."""
        return running(self.config, self.host).orphans

    def kill(self, number: int = signal.SIGKILL) -> int:
        """A signal to the postmaster alone. Returns its pid."""
        pid = self.pid
        os.kill(pid, number)
        return pid

    def end(self) -> None:
        """Whatever is left of it: a ``Run`` ends only what runs as its own user."""
        found = running(self.config, self.host)
        for pid in filter(None, (found.postmaster, *(one.pid for one in found.children), *found.orphans)):
            self.host.kill(pid, signal.SIGKILL)
        self.host.wait(lambda: not self.pid and not self.orphans(), PATIENCE)

    def await_gone(self, pid: int) -> None:
        """Until the process is gone, and everything that it had started."""
        assert self.host.wait(lambda: not self.host.alive(pid) and not self.orphans(), PATIENCE)

    def environment(self) -> dict[str, str]:
        """What a client needs."""
        return {"PATH": os.environ["PATH"], "PGPASSWORD": SECRET, "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C.UTF-8", "HOME": "/"}

    def client(self, program: str, *arguments: str) -> list[str]:
        """The command line of psql or pgbench by TCP, as the superuser with a password."""
        return [str(PROGRAMS / program), "-h", self.address, "-p", str(self.port), "-U", self.config.role, *arguments]

    def ask(self, sql: str) -> str:
        """What psql prints, unaligned; CalledProcessError with its words."""
        argv = self.client("psql", "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", sql)
        done = subprocess.run(argv, env=self.environment(), capture_output=True, text=True, timeout=PATIENCE, cwd="/", check=False)
        if done.returncode:
            raise AssertionError(f"{sql}: {done.stderr}")
        return done.stdout.strip()

    def say_in_config(self, line: str) -> None:
        """A further line of postgresql.conf."""
        with open(self.directory / "postgresql.conf", "a") as sink:
            sink.write(line + "\n")

    def sessions(self, count: int) -> Iterator[subprocess.Popen[str]]:
        """psql's that stay connected, each proved by an answer."""
        for _ in range(count):
            argv = self.client("psql", "-X", "-q", "-A", "-t", "-w", "-d", "postgres")
            child = subprocess.Popen(
                argv, env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
            )
            child.stdin.write("select 1;\n\\echo\n")
            child.stdin.flush()
            child.stdout.readline()
            yield child
