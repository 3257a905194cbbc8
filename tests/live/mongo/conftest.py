"""Real mongods on loopback addresses, started and stopped through reconcile."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mongo_group import MongoGroup

from osvc_ha.drill.mongo_program import why_no_mongod
from osvc_ha.drill.processes import Run, reserve
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Verb
from osvc_ha.systems.haproxy import SYSTEM as HAPROXY

LOGS = pytest.StashKey[Path]()
LAST_LINES = 40
PASSWORD = "it's a secret/with:signs@"
MakeGroup = Callable[..., MongoGroup]
Certificates = Callable[[Iterable[str]], dict[str, str]]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test comes with the last words of every mongod, which are gone with their directory a moment later."""
    report = yield
    directory = item.stash.get(LOGS, None)
    if report.failed and directory is not None:
        for log in sorted(directory.rglob("mongod.log")):
            told = log.read_text(errors="replace").splitlines()
            lines = [line for line in told if not any(f'"c":"{dull}"' in line for dull in ("NETWORK", "ACCESS", "STORAGE"))]
            report.sections.append((str(log.relative_to(directory)), "\n".join(line[:400] for line in lines[-LAST_LINES:])))
    return report


@pytest.fixture
def make_group(request: pytest.FixtureRequest) -> Iterator[MakeGroup]:
    """Make groups whose mongods all end with the test."""
    if why_no_mongod():
        pytest.skip(why_no_mongod())
    places = []
    with Run("osvc_ha-mongo-") as run:
        request.node.stash[LOGS] = run.directory

        def make(nodes: int = 3, **keywords: str) -> MongoGroup:
            places.append(reserve(nodes, 4))
            return MongoGroup(run, places[-1].addresses, places[-1].ports[0], **keywords)

        yield make
    for place in places:
        place.close()


@pytest.fixture
def group(make_group: MakeGroup) -> MongoGroup:
    """Three nodes, nothing started yet."""
    return make_group()


@pytest.fixture
def haproxy() -> str:
    """The program."""
    found = os.environ.get("HAPROXY") or shutil.which("haproxy")
    if not found:
        pytest.skip("no haproxy on the path")
    return found


@pytest.fixture
def make_door(haproxy: str) -> Iterator[Callable[..., tuple[str, int]]]:
    """Make HAProxy's port that leads to a group's primary, on n1's address. Further labels by name."""
    ends = contextlib.ExitStack()

    def make(group: MongoGroup, **labels: str) -> tuple[str, int]:
        home, port = group.directory / "front", group.port + 1
        config = HAPROXY.parse(
            {
                "config_file": str(home / "haproxy.cfg"),
                "runtime_dir": str(home / "run"),
                "credentials_dir": str(home / "credentials"),
                "haproxy": haproxy,
                "bind": group.addresses["n1"],
                "maxconn": "200",
            }
        )
        told = {"enable": "true", "port": port, "check": "mongo-primary", "target_port": group.port, **labels}
        env = {f"osvc.l4.{name}": str(value) for name, value in told.items()}
        seen = group.cluster("n1")
        cluster = replace(seen, objects={path: replace(each, config={"env": env}) for path, each in seen.objects.items()})
        reconcile(HAPROXY, config, cluster, Verb.START, group.host)
        ends.callback(reconcile, HAPROXY, config, cluster, Verb.STOP, group.host)
        return group.addresses["n1"], port

    with ends:
        yield make


@pytest.fixture
def running(group: MongoGroup) -> MongoGroup:
    """Three nodes, one set, everybody votes, n1 is primary."""
    group.start()
    group.eventually(lambda: group.primary() == "n1")
    return group


@pytest.fixture
def logins(tmp_path: Path) -> dict[str, str]:
    """The keywords of a set with a keyfile and a user."""
    keyfile, password = tmp_path / "keyfile", tmp_path / "password"
    keyfile.write_text("c2VjcmV0" * 8 + "\n")
    password.write_text(f"{PASSWORD}\n")
    for file in (keyfile, password):
        file.chmod(0o400)
    return {"keyfile": str(keyfile), "username": "admin", "password_file": str(password)}


@pytest.fixture
def secured(make_group: MakeGroup, logins: dict[str, str]) -> MongoGroup:
    """Three nodes with a keyfile and a user, nothing started yet."""
    group = make_group(**logins)
    group.client = {"username": "admin", "password": PASSWORD, "authSource": "admin"}
    return group


@pytest.fixture
def certificates(tmp_path: Path, host: Host) -> Certificates:
    """A CA, and one file with certificate and key for whoever is at a loopback address of these tests; as keywords."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")

    def openssl(*words: str) -> None:
        done = host.run(["openssl", *words], seconds=30)
        assert done.code == 0, done.words

    ca, key, request, signed = (str(tmp_path / name) for name in ("ca.pem", "key.pem", "request.pem", "signed.pem"))
    new = ("req", "-newkey", "rsa:2048", "-nodes", "-subj")
    openssl(*new, "/O=osvc_ha/CN=ca", "-x509", "-days", "2", "-keyout", str(tmp_path / "ca-key.pem"), "-out", ca)

    def make(addresses: Iterable[str]) -> dict[str, str]:
        names = tmp_path / "names.txt"
        names.write_text("subjectAltName=" + ",".join(f"IP:{address}" for address in addresses) + "\n")
        openssl(*new, "/O=osvc_ha/CN=member", "-keyout", key, "-out", request)
        sign = ("x509", "-req", "-in", request, "-CA", ca, "-CAkey", str(tmp_path / "ca-key.pem"), "-CAcreateserial", "-days", "2")
        openssl(*sign, "-extfile", str(names), "-out", signed)
        both = tmp_path / "member.pem"
        both.write_text((tmp_path / "signed.pem").read_text() + (tmp_path / "key.pem").read_text())
        both.chmod(0o400)
        return {"tls": "true", "tls_ca": ca, "tls_cert_key": str(both)}

    return make
