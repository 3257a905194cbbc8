"""Which programs are run, in which order and with which words; what no server here can show."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from osvc_ha.host import Completed
from osvc_ha.planner.errors import ApplyError, ConfigError, ObserveError
from osvc_ha.planner.types import Step
from osvc_ha.systems.volumes import SYSTEM
from osvc_ha.systems.volumes.client import gluster, looking
from osvc_ha.testing import FakeHost

OK = Completed(0, "", "")
TOUCHED = {
    "place": {"path": "/srv/shop", "link": "", "kind": "directory", "entries": []},
    "device": {"number": "", "trouble": ""},
    "answer": {"hung": False, "error": "", "words": "", "same": True, "used": 1, "stuck": 0},
    "client": {"pid": 0, "argv": []},
}
KEY = "AQCq3uJjAAAAABAAZl1M0S2bQJ1n2vC8wX3uYg=="


class Machine(FakeHost):
    """A FakeHost whose files have a mode."""

    mode_of_files = 0o100600

    def mode(self, path: Any) -> int:
        return self.mode_of_files


def machine(**programs: Any) -> Machine:
    """One on which touching tells that nothing is mounted."""
    told = Completed(0, json.dumps(TOUCHED), "")
    return Machine(
        files={"/etc/ceph/key": KEY, "/proc/self/mountinfo": ""},
        programs={"mount": OK, "ceph-fuse": OK, "umount": OK, sys.executable: told, **programs},
    )


def config(**given: str) -> Any:
    """A parsed one."""
    return SYSTEM.parse({"path": "prod/svc/shop", "mount": "/srv/shop", **given})


@pytest.mark.parametrize(
    ("given", "argv"),
    (
        ({"kind": "ext4", "device": "UUID=ab"}, "mount -t ext4 UUID=ab /srv/shop"),
        ({"kind": "xfs", "device": "/dev/drbd0", "options": "noatime,ro"}, "mount -t xfs -o noatime,ro /dev/drbd0 /srv/shop"),
        (
            {"kind": "glusterfs", "device": "n1:/v0", "backup_servers": "n2 n3", "options": "acl"},
            "mount -t glusterfs -o backup-volfile-servers=n2:n3,acl n1:/v0 /srv/shop",
        ),
        (
            {"kind": "ceph", "device": "10.0.0.1,10.0.0.2:/a", "key_file": "/etc/ceph/key", "ceph_user": "shop", "ceph_filesystem": "fast"},
            "mount -t ceph -o name=shop,conf=/etc/ceph/ceph.conf,secretfile=/etc/ceph/key,fs=fast 10.0.0.1,10.0.0.2:/a /srv/shop",
        ),
        ({"kind": "ceph", "device": "/"}, "mount -t ceph -o name=admin,conf=/etc/ceph/ceph.conf :/ /srv/shop"),
        (
            {"kind": "ceph-fuse", "device": "10.0.0.1:/a", "key_file": "/etc/ceph/key", "ceph_filesystem": "fast", "options": "ro"},
            "ceph-fuse --id admin -c /etc/ceph/ceph.conf --client_mount_timeout=60 --keyring /etc/ceph/key -m 10.0.0.1 --client_fs fast "
            "-r /a /srv/shop -o ro",
        ),
        ({"kind": "local", "device": "/srv/here"}, "mount --bind /srv/here /srv/shop"),
    ),
)
def test_each_kind_is_mounted_by_its_own_program(given: dict[str, str], argv: str) -> None:
    """And the key is on no command line."""
    host = machine()
    SYSTEM.apply(config(**given), Step("mount", "/srv/shop", ""), host)
    assert " ".join(host.ran[-1]) == argv
    assert not any(KEY in word for ran in host.ran for word in ran)


@pytest.mark.parametrize("kind", ("ceph", "ceph-fuse"))
def test_a_key_that_others_can_read_mounts_nothing(kind: str) -> None:
    """Refused before any program is run."""
    host = machine()
    host.mode_of_files = 0o100640
    with pytest.raises(ConfigError, match="others than its owner can use it"):
        SYSTEM.apply(config(kind=kind, device="/", key_file="/etc/ceph/key"), Step("mount", "/srv/shop", ""), host)
    assert host.ran == []


@pytest.mark.parametrize(("code", "passes"), ((0, True), (1, True), (2, True), (3, True), (4, False), (5, False), (8, False), (32, False)))
def test_what_fsck_mended_is_mounted_and_what_it_left_is_not(code: int, passes: bool) -> None:
    """-p, never -y; its exit code is a sum (fsck(8))."""
    host = machine(**{"fsck.ext4": Completed(code, "UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.", "")})
    step = Step("check", "/dev/drbd0", "")
    if passes:
        SYSTEM.apply(config(kind="ext4", device="/dev/drbd0"), step, host)
    else:
        with pytest.raises(ApplyError, match=f"RUN fsck MANUALLY. .exit code {code}."):
            SYSTEM.apply(config(kind="ext4", device="/dev/drbd0"), step, host)
    assert host.ran == [("fsck.ext4", "-p", "/dev/drbd0")]


@pytest.mark.parametrize(
    ("code", "words", "passes"), ((0, "", True), (1, "bad magic", False), (1, "ALERT: valuable metadata changes in a log", True))
)
def test_xfs_is_only_read(code: int, words: str, passes: bool) -> None:
    """-n, and a journal that is still to be replayed makes its complaints worthless."""
    host = machine(xfs_repair=Completed(code, "", words))
    made, step = config(kind="xfs", device="/dev/drbd0", fsck="force"), Step("check", "/dev/drbd0", "")
    if passes:
        SYSTEM.apply(made, step, host)
    else:
        with pytest.raises(ApplyError, match="repair it by hand with xfs_repair"):
            SYSTEM.apply(made, step, host)
    assert host.ran == [("xfs_repair", "-n", "/dev/drbd0")]


def test_the_kernels_ceph_is_cut_off_by_force() -> None:
    """It has no process to end."""
    host = machine()
    SYSTEM.apply(config(kind="ceph", device="/", stuck="abort"), Step("abort", "/srv/shop", ""), host)
    assert host.ran == [("umount", "-i", "-c", "-f", "/srv/shop")]


@pytest.mark.parametrize(("busy", "passes"), ((3, True), (10_000, False)))
def test_who_hung_in_it_lets_go_a_moment_after_the_client(busy: int, passes: bool) -> None:
    """Its process is ended, and the place is tried again for a while; then it is said what umount said."""
    refused = iter([Completed(32, "", "umount: /srv/shop: target is busy.")] * busy)
    touched = json.dumps({**TOUCHED, "client": {"pid": 41, "argv": ["ceph-fuse"]}})

    def python(argv: Sequence[str], text: str) -> Completed:
        return Completed(0, "[]" if any("holders" in word for word in argv) else touched, "")

    host = machine(**{"umount": lambda argv, text: next(refused, OK), sys.executable: python})
    made, step = config(kind="glusterfs", device="n1:/v0", stuck="abort"), Step("abort", "/srv/shop", "")
    if passes:
        SYSTEM.apply(made, step, host)
    else:
        with pytest.raises(ApplyError, match="umount /srv/shop: target is busy"):
            SYSTEM.apply(made, step, host)


def test_a_container_engines_volume_is_looked_up() -> None:
    """Docker says where it is; one that is not there is said with the command that makes it."""
    made, step = config(kind="local", device="docker:shop"), Step("mount", "/srv/shop", "")
    host = machine(docker=Completed(0, "/var/lib/docker/volumes/shop/_data\n", ""))
    SYSTEM.apply(made, step, host)
    assert host.ran[-1] == ("mount", "--bind", "/var/lib/docker/volumes/shop/_data", "/srv/shop")
    host = machine(docker=Completed(1, "[]\n", "Error: No such volume: shop"))
    with pytest.raises(ObserveError, match="No such volume: shop; `docker volume create shop` makes it"):
        looking.look(made, host)


def test_what_cannot_be_looked_at_is_not_down() -> None:
    """The program that looks fails, or says nothing readable."""
    made = config(kind="ext4", device="/dev/drbd0")
    for answer in (Completed(1, "", "Killed"), Completed(0, "", ""), Completed(0, "{}", "")):
        with pytest.raises(ObserveError):
            SYSTEM.observe(made, None, machine(**{sys.executable: answer}))  # type: ignore[arg-type]


def test_a_server_is_asked_when_this_node_is_none() -> None:
    """glusterd does not run here: the volume's own servers are asked, in order; nobody answers, and it is said."""

    def answers(argv: Sequence[str], text: str) -> Completed:
        if "--remote-host=n2" not in argv:
            return Completed(1, "", "Connection failed. Please check if gluster daemon is operational.")
        return Completed(0, "<cliOutput><opRet>-1</opRet><opErrstr>Another transaction is in progress</opErrstr></cliOutput>", "")

    host = machine(gluster=answers)
    volume, unheard = gluster.ask(config(kind="glusterfs", device="n1:/v0", backup_servers="n2"), host)
    assert (volume, unheard) == (None, "gluster: Another transaction is in progress")
    assert [ran[2] for ran in host.ran] == ["volume", "--remote-host=n1", "--remote-host=n2"]


def test_all_questions_together_have_one_deadline() -> None:
    """Servers that answer slowly cost health_seconds once, not once each."""

    def slow(argv: Sequence[str], text: str) -> Completed:
        host.clock += 6
        return Completed(1, "", "Connection failed.")

    host = machine(gluster=slow)
    servers = "n2 n3 n4 n5 n6"
    assert gluster.ask(config(kind="glusterfs", device="n1:/v0", backup_servers=servers, health_seconds="10"), host)[0] is None
    assert len(host.ran) == 2
