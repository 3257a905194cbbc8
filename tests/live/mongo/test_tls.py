"""TLS between members, clients and osvc_ha."""

import shutil

import pytest

from osvc_ha.planner.types import Status, Verb

pytestmark = [pytest.mark.live, pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")]


@pytest.fixture
def certificates(tmp_path, host):
    """A CA, and one file with certificate and key for whoever is at a loopback address of these tests."""

    def openssl(*words):
        done = host.run(["openssl", *words], seconds=30)
        assert done.code == 0, done.words

    ca, key, request, signed = (str(tmp_path / name) for name in ("ca.pem", "key.pem", "request.pem", "signed.pem"))
    new = ("req", "-newkey", "rsa:2048", "-nodes", "-subj")
    openssl(*new, "/O=osvc_ha/CN=ca", "-x509", "-days", "2", "-keyout", str(tmp_path / "ca-key.pem"), "-out", ca)

    def make(addresses):
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


def test_a_set_that_speaks_tls_starts_moves_and_stops(make_group, certificates):
    """Members and osvc_ha speak TLS, who does not is not heard, and a planned move works as without."""
    from pymongo.errors import PyMongoError

    group = make_group()
    group.keywords = certificates(group.addresses.values())
    group.client = {"tls": True, "tlsCAFile": group.keywords["tls_ca"]}
    group.start()
    group.eventually(group.settled)
    assert {group.status(node).status for node in group.nodes} == {Status.UP}
    client, group.client = group.client, {}
    with pytest.raises(PyMongoError):
        group.ask("n1", "hello", seconds=1.0)
    group.client = client
    with group.writer("tls", more=f"&tls=true&tlsCAFile={group.keywords['tls_ca']}") as load:
        group.stop("n1")
        load.progress()
    assert load.lost() == set()
    group.reconcile("n2", Verb.FOLLOW)
