"""A system that needs packages is done by the installed program, whose word is passed on unchanged."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from osvc_ha.agents.elsewhere import Elsewhere
from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.planner.types import Status, Step, Verb
from osvc_ha.registry import load_system

Make = Callable[..., Elsewhere]
REAL = str(Path(sys.executable).with_name("osvc-ha"))


def unread() -> Cluster:
    """The program reads the cluster by itself."""
    raise AssertionError("the agent's own process read the cluster")


@pytest.fixture
def saying(tmp_path: Path) -> Make:
    """A resource whose program is this shell script; $* and the environment go to the file ``called``."""

    def make(script: str, **given: str) -> Elsewhere:
        program = tmp_path / "osvc-ha"
        program.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/called\nenv >>{tmp_path}/called\n{script}\n')
        program.chmod(0o755)
        return Elsewhere(load_system("haproxy"), given, "prod/svc/ingress", unread, Host(), str(program))

    return make


@pytest.mark.parametrize(
    ("code", "status"), [(0, Status.UP), (1, Status.DOWN), (2, Status.WARN), (3, Status.NA), (5, Status.UNDEF), (126, Status.UNDEF)]
)
def test_its_exit_code_is_the_status(saying: Make, code: int, status: Status) -> None:
    """Facts and warnings come through line by line; a code it never ends with is undef, not up or down."""
    health = saying(f"echo 'zone: example.com'; echo 'n2: no address' >&2; exit {code}").health()
    assert health.status is status
    if code < 126:
        assert (health.facts, health.lines) == ((("zone", "example.com"),), ("n2: no address",))
    else:
        assert "exit code 126" in health.lines[0]


def test_a_program_that_is_not_there_is_said_and_is_not_down(saying: Make) -> None:
    """The status cannot be told, and a start is refused before it begins."""
    resource = saying("exit 0")
    Path(resource.program).unlink()
    assert resource.health().status is Status.UNDEF
    assert "not found" in resource.health().lines[0]
    assert "not found" in resource.refusal()


def test_each_step_is_reported(saying: Make) -> None:
    """What the agent logs is what the program did, and why."""
    told: list[Step] = []
    saying("echo 'create A redis.example.com: instance on n1 is up'").do(Verb.START, told.append)
    assert told == [Step("create", "A redis.example.com", "instance on n1 is up")]


def test_a_failure_speaks_with_the_programs_words(saying: Make) -> None:
    """The agent shows the sentence, not an exit code."""
    with pytest.raises(ApplyError, match="^osvc-ha: dns: the token is not accepted$"):
        saying("echo 'osvc-ha: dns: the token is not accepted' >&2; exit 5").do(Verb.START)


def test_only_keywords_and_the_service_reach_it(saying: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the agent's Python path, which would shadow the program's own packages, nor the agent's word for the resource."""
    monkeypatch.setenv("PYTHONPATH", "/usr/share/opensvc")
    monkeypatch.setenv("OPENSVC_RID", "app#1")
    monkeypatch.setenv("OSVC_HA_LEASE", "9")
    saying("exit 0", bind="10.0.0.1", log="").health()
    called = (tmp_path / "called").read_text()
    assert called.startswith("resource haproxy status --path prod/svc/ingress\n")
    assert "OSVC_HA_BIND=10.0.0.1\n" in called
    assert not any(word in called for word in ("PYTHONPATH", "OPENSVC_RID", "OSVC_HA_LEASE", "OSVC_HA_LOG"))


def test_the_real_program_says_why_it_cannot_tell(tmp_path: Path) -> None:
    """Without an agent there is no cluster: undef, and a dry run that says so. A mistake in a keyword refuses the start."""
    resource = Elsewhere(load_system("haproxy"), {"runtime_dir": str(tmp_path)}, "prod/svc/ingress", unread, Host(), REAL)
    assert resource.health().status is Status.UNDEF
    with pytest.raises(ObserveError, match="agent"):
        resource.steps(Verb.START)
    wrong = Elsewhere(load_system("haproxy"), {"lease": "soon"}, "prod/svc/ingress", unread, Host(), REAL)
    assert "lease=soon" in wrong.refusal()


def test_what_is_no_plan_is_not_taken_for_one(saying: Make) -> None:
    """A program of another version, or one that was cut off, is cannot tell."""
    for answer in ("echo {}", "echo '[1]'", "echo '{\"steps\": [{}]}'", "exit 1"):
        with pytest.raises(ObserveError, match="osvc-ha"):
            saying(answer).steps(Verb.START)
