"""A majority that is gone for good, where members want a login or speak TLS: the person who goes on needs the same keywords."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live
OSVC_HA = str(Path(sys.executable).with_name("osvc-ha"))


def force(group, *more, **keywords):
    """`osvc-ha mongo force-reconfig` with n3 as the survivor and these keywords, as a person types it on a node without an agent."""
    pairs = {"path": "prod/svc/grp", "port": str(group.port), **keywords}
    words = [word for name, value in pairs.items() for word in ("--set", f"{name}={value}")]
    argv = [OSVC_HA, "mongo", "force-reconfig", "--survivors", f"{group.addresses['n3']}:{group.port}", *words, *more]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "400"}, check=False)


def lose_majority(group):
    """n3 alone is left; what was written before is on all."""
    group.eventually(lambda: group.primary() == "n1")
    with group.writer("before", more=group.options, login=group.login) as load:
        load.progress()
    group.eventually(lambda: len({str(group.ask(node, "replSetGetStatus")["optimes"]["appliedOpTime"]) for node in group.nodes}) == 1)
    for node in ("n1", "n2"):
        group.signal(node, signal.SIGKILL)
    group.placed = {"n3"}
    group.eventually(lambda: any("`osvc-ha mongo force-reconfig`" in line for line in group.status("n3").lines))
    return load


def await_rejoined(group):
    """n1 and n2 are started, and vote again."""
    group.placed = set(group.nodes)
    group.start("n1", "n2")
    group.eventually(lambda: group.settled() and group.votes() == {"n1": 1, "n2": 1, "n3": 1})
    assert {group.status(node).status for node in group.nodes} == {Status.UP}


def test_m2_with_logins(secured, logins, tmp_path):
    """A wrong password, or none, is one sentence with the way out, and nothing is changed; the right one brings writes back."""
    secured.options, secured.login = "&authSource=admin", "admin:it%27s%20a%20secret%2Fwith%3Asigns%40@"
    secured.start()
    load = lose_majority(secured)
    (tmp_path / "wrong").write_text("nonsense")
    for keywords in ({**logins, "password_file": str(tmp_path / "wrong")}, {}):
        refused = force(secured, "--yes", **keywords)
        said = refused.stderr.strip().splitlines()
        assert refused.returncode == 4 and len(said) == 1, refused.stderr
        assert "name the right username and password_file" in said[0] and "nothing was changed" in said[0]
        assert "nonsense" not in refused.stdout + refused.stderr
    assert len(secured.ask("n3", "replSetGetConfig")["config"]["members"]) == 3

    done = force(secured, "--yes", **logins)
    assert done.returncode == 0, done.stderr
    assert secured.primary() == "n3"
    with secured.writer("alone", more=secured.options, login=secured.login) as alone:
        alone.progress()
        await_rejoined(secured)
        alone.progress()
    assert load.lost() == alone.lost() == set()


def test_m2_with_tls(make_group, certificates, logins):
    """TLS and logins: without the TLS keywords the survivor does not answer, and the sentence asks for them; with them writes come back."""
    group = make_group(**logins)
    tls = certificates(group.addresses.values())
    group.keywords.update(tls)
    group.client = {"tls": True, "tlsCAFile": tls["tls_ca"], "username": "admin", "password": "it's a secret/with:signs@"}
    group.options, group.login = f"&authSource=admin&tls=true&tlsCAFile={tls['tls_ca']}", "admin:it%27s%20a%20secret%2Fwith%3Asigns%40@"
    group.start()
    load = lose_majority(group)
    refused = force(group, "--yes", **logins)
    said = refused.stderr.strip().splitlines()
    assert refused.returncode == 4 and len(said) == 1 and "tls_ca" in said[0], refused.stderr

    shown = force(group, **logins, **tls)
    assert shown.returncode == 0 and "nothing was changed" in shown.stdout, shown.stderr
    done = force(group, "--yes", **logins, **tls)
    assert done.returncode == 0, done.stderr
    assert group.primary() == "n3"
    with group.writer("alone", more=group.options, login=group.login) as alone:
        alone.progress()
        await_rejoined(group)
        alone.progress()
    assert load.lost() == alone.lost() == set()
    group.reconcile("n3", Verb.FOLLOW)
