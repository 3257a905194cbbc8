"""Keyfile and users."""

import os
import re
import signal
import threading

import pytest

from osvc_ha.planner.errors import HaError, UnsafePlan
from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live


def test_the_user_is_made_with_the_set_and_nobody_else_gets_in(secured):
    """Three started at once with a keyfile: the first makes the user, the others enter by it, and without a login nothing is told."""
    from pymongo.errors import OperationFailure

    secured.start()
    assert secured.settled()
    assert secured.votes() == {"n1": 1, "n2": 1, "n3": 1}
    client, secured.client = secured.client, {}
    with pytest.raises(OperationFailure, match="requires authentication"):
        secured.ask("n2", "replSetGetStatus")
    secured.client = client
    users = secured.ask("n1", "usersInfo")["users"]
    assert [(user["user"], [role["role"] for role in user["roles"]]) for user in users] == [("admin", ["root"])]
    with secured.writer("secure", more="&authSource=admin", login="admin:it%27s%20a%20secret%2Fwith%3Asigns%40@") as load:
        secured.stop("n1")
        load.progress()
    assert load.lost() == set()


def test_another_keyfile_is_named_as_what_is_wrong(secured, tmp_path):
    """n3 has a keyfile of its own: its START fails and says so, the set of the others works, and nobody's data is touched."""
    wrong = tmp_path / "wrong"
    wrong.write_text("YW5vdGhlcg" * 8)
    wrong.chmod(0o400)
    secured.placed = {"n1", "n2"}
    secured.start("n1", "n2")
    secured.placed.add("n3")
    with pytest.raises(HaError, match="(?i)keyfile|authentication"):
        secured.reconcile("n3", Verb.START, keyfile=str(wrong), ready_timeout="12")
    assert secured.status("n1").status in (Status.UP, Status.WARN)
    assert secured.primary() == "n1"
    assert secured.votes().get("n3", 0) == 0


@pytest.mark.parametrize("keyword", ("keyfile", "password_file"))
def test_a_secret_that_others_can_read_is_refused_before_mongod_is(secured, keyword):
    """Mode 0644: the refusal names keyword, file and mode, and no mongod was started."""
    file = secured.keywords[keyword]
    os.chmod(file, 0o644)
    with pytest.raises(UnsafePlan, match=rf"{keyword}={re.escape(file)}: others than its owner can use it \(mode 0644\); chmod 0400"):
        secured.reconcile("n1", Verb.START)
    assert secured.states()["n1"] == 0
    assert secured.status("n1").status is Status.DOWN


def test_a_secret_that_others_can_read_is_told_where_mongod_runs_and_keeps_no_stop(secured):
    """Somebody opens the password file while all is well: a warning that says so, and the primary is handed over and ended all the same."""
    secured.start()
    secured.eventually(lambda: secured.primary() == "n1")
    os.chmod(secured.keywords["password_file"], 0o640)
    health = secured.status("n1")
    assert health.status is Status.WARN
    assert any("password_file" in line and "mode 0640" in line for line in health.lines)
    secured.reconcile("n1", Verb.FOLLOW)
    secured.stop("n1")
    assert secured.primary() in ("n2", "n3")


def test_a_start_killed_before_there_was_a_user_is_ended_by_the_next(secured):
    """kill -9 between the set's beginning and its first user: the next START makes the user, and no second set."""
    from osvc_ha.systems.mongo import client

    secured.placed = {"n1", "n2"}
    child = os.fork()
    if child == 0:
        client.DO["create-users"] = lambda config, step, host: os.kill(os.getpid(), signal.SIGKILL)
        try:
            secured.reconcile("n1", Verb.START)
        finally:
            os._exit(0)
    other = threading.Thread(target=lambda: errors.update(secured.errors_of(Verb.START, "n2")))
    errors = {}
    other.start()
    _, result = os.waitpid(child, 0)
    assert os.WIFSIGNALED(result)
    secured.start("n1")
    other.join()
    assert errors == {}
    secured.eventually(lambda: secured.settled("n1", "n2"))
    assert [user["user"] for user in secured.ask("n1", "usersInfo")["users"]] == ["admin"]
    assert secured.votes() == {"n1": 1, "n2": 1}


def test_a_wrong_password_is_undef_and_not_down(secured, tmp_path):
    """Who cannot log in cannot tell: never down, and the sentence says which keywords to look at."""
    secured.placed = {"n1", "n2"}
    secured.start("n1", "n2")
    wrong = tmp_path / "wrong-password"
    wrong.write_text("nonsense")
    health = secured.status("n1", password_file=str(wrong))
    assert health.status is Status.UNDEF
    assert "password_file" in health.lines[0]
