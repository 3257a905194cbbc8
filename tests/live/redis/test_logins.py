"""Passwords, ACL users and TLS, from the first configuration to a handover."""

import re
import shutil
import subprocess

import pytest

from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live
AWKWARD = "p \"w\\ #1'"


def handed_over(group):
    """Start, stop the master, and look from n2."""
    group.start_fast()
    group.leaving = {"n1"}
    group.reconcile("n1", Verb.STOP)
    group.placed.discard("n1")
    group.eventually(lambda: group.status("n2").status is Status.UP)
    return group.look().masters() == ("n2",)


def test_a_group_with_passwords_and_users(make_group, tmp_path):
    """Servers and Sentinels ask for a user and an awkward password: everything works, and no file is readable by others."""
    secret = tmp_path / "secret"
    secret.write_text(AWKWARD + "\n")
    login = {"username": "ha", "password_file": str(secret), "sentinel_username": "watch", "sentinel_password_file": str(secret)}
    group = make_group(**login)
    assert handed_over(group)
    assert "NOAUTH" in str(group.server("n2", "GET", "x"))
    assert (group.directory / "n2" / "server" / "redis.conf").stat().st_mode & 0o077 == 0
    assert all(AWKWARD not in str(step) for step in group.plan("n1", Verb.START))


def test_a_group_with_a_plain_password(make_group, tmp_path):
    """The old way, one password and no user, works too."""
    secret = tmp_path / "secret"
    secret.write_text("old-way")
    assert handed_over(make_group(password_file=str(secret)))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the test's certificates")
def test_a_group_that_speaks_tls_only(make_group, tmp_path):
    """With tls=true every connection is encrypted, and a handover works."""
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca",
        "req -newkey rsa:2048 -nodes -keyout node.key -out node.csr -subj /CN=node",
        "x509 -req -in node.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out node.crt -days 2",
    ):
        subprocess.run(["openssl", *command.split()], cwd=tmp_path, check=True, capture_output=True)
    files = {f"tls_{name}": str(tmp_path / file) for name, file in (("ca", "ca.crt"), ("cert", "node.crt"), ("key", "node.key"))}
    group = make_group(tls="true", **files)
    try:
        group.start()
    except ApplyError as error:
        if re.search("tls-port|TLS support", str(error)):
            pytest.skip(f"{group.config('n1').redis_server} was built without TLS")
        raise
    assert group.look().masters() == ("n1",)
    assert group.status("n2").status is Status.UP
    group.leaving = {"n1"}
    group.reconcile("n1", Verb.STOP)
    assert group.look().masters() == ("n2",)
