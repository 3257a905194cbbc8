"""The suite itself: a driver that keeps the contract passes, and each way of breaking it is found and named."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from osvc_ha.conformance import CASES, FAIL, PASS, SKIP, SUBJECTS, find_cases, find_subject, name_of, text_of, tried
from osvc_ha.conformance.bench import Bench
from osvc_ha.conformance.executed import Executed
from osvc_ha.conformance.subjects import Place, Subject
from osvc_ha.drill.process import residents
from osvc_ha.drill.processes import Run, wait_until
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError

CLI = (sys.executable, "-m", "osvc_ha.cli")
TOY = str(Path(__file__).with_name("toy.py"))
SUBJECT = Subject(
    system="toy",
    keywords=lambda place: {"directory": str(place.home)},
    programs=("program",),
    wrong=("count", "many"),
    owned=("toy.conf",),
)
# How the toy breaks the contract -> the case that finds it, and a word of what is said.
BROKEN = {
    "deaf": ("stop", "status down after a stop"),
    "double": ("start_twice", "a second start leaves the processes"),
    "writes": ("status_before_anything", "status changes no file"),
    "pipe": ("no_pipe_kept_open", "the output of start ends when start ends"),
    "blind": ("hung_status", "status undef or warn while it hangs"),
    "trace": ("wrong_keyword", "start ends with one of 0, 2, 3, 4, 5, 6"),
    "forgets": ("unprovision", "nothing but logs and locks is left"),
    "colons": ("exit_codes", "lines of one name, a colon and a value"),
}
Try = Callable[..., list]


@pytest.fixture
def try_toy() -> Iterator[Try]:
    """Try cases on the toy; their verdicts."""
    with Run("osvc_ha-toy-") as run:
        place = Place(run.directory / "node", "127.0.0.1", (1, 2, 3, 4), "osvc-ha/svc/toy", run.directory / "cluster.json")

        def attempt(names: tuple[str, ...], **given: str) -> list:
            bench = Bench(SUBJECT, Executed("toy", place, (sys.executable, TOY)), place, given, kills=1)
            return [tried(bench, case, lambda verdict: None) for case in find_cases(names)]

        yield attempt


@pytest.mark.timeout(240)
def test_a_good_driver_passes(try_toy: Try) -> None:
    """Every case that can be tried; the one that cannot says why."""
    verdicts = try_toy(())
    assert [(one.case, one.expected, one.seen) for one in verdicts if one.result == FAIL] == []
    assert [(one.case, bool(one.why)) for one in verdicts if one.result == SKIP] == [("standby", True)]
    assert sum(one.result == PASS for one in verdicts) == len(CASES) - 1


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_driver_is_found_out(try_toy: Try, broken: str) -> None:
    """The case that is about it fails, and says what was expected and what was seen."""
    name, words = BROKEN[broken]
    (verdict,) = try_toy((name,), broken=broken)
    assert verdict.result == FAIL
    assert words in verdict.expected
    assert verdict.seen


def test_each_case_says_what_a_user_would_notice() -> None:
    """Names differ, and each has its sentence."""
    assert len({name_of(case) for case in CASES}) == len(CASES)
    assert all(text_of(case).endswith(".") for case in CASES)


def test_a_word_that_is_none_is_named() -> None:
    """A case or a system that there is not, with those that there are."""
    with pytest.raises(ConfigError, match="--case start_thrice: no such case; there are status_before_anything, start,"):
        find_cases(("start_thrice",))
    with pytest.raises(ConfigError, match="mongo: no conformance record; there are haproxy, redis, follow"):
        find_subject("mongo")
    assert all(find_subject(system).system == system for system in SUBJECTS)


@pytest.mark.live
def test_the_command_tells_people(host: Host) -> None:
    """A line as each case ends, a table, and the verdict last; exit code 0."""
    done = host.run([*CLI, "conformance", "haproxy", "--case", "start_twice", "--case", "standby"], seconds=60)
    assert done.code == 0, done.words
    assert [line.split()[2:] for line in done.err.splitlines()] == [["pass", "start_twice"], ["skip", "standby"]]
    assert "A second start succeeds and does nothing" in done.out and "the exec contract has no standby" in done.out
    assert done.out.splitlines()[-1] == "haproxy, exec contract: contract kept: 1 passed, 0 failed, 1 skipped"


def test_nothing_tried_is_no_pass(host: Host) -> None:
    """Exit code 1, and the verdict says so."""
    done = host.run([*CLI, "conformance", "haproxy", "--case", "standby"], seconds=60)
    assert (done.code, done.out.splitlines()[-1]) == (1, "haproxy, exec contract: NOTHING TRIED: 0 passed, 0 failed, 1 skipped")


@pytest.mark.live
def test_the_command_tells_programs(host: Host) -> None:
    """One document, with what was expected and seen; exit code 1 when a case failed."""
    done = host.run([*CLI, "conformance", "haproxy", "--case", "start", "--set", "haproxy=/bin/false", "--format", "json"], seconds=60)
    assert done.code == 1, done.words
    found = json.loads(done.out)
    assert (found["system"], found["runner"], found["passed"]) == ("haproxy", "exec", False)
    (case,) = found["cases"]
    assert (case["case"], case["result"], case["expected"]) == ("start", "fail", "start succeeds")
    assert "HAProxy refuses even a config without listeners" in case["seen"]


@pytest.mark.live
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_half_way_it_leaves_nothing(number: int) -> None:
    """Ctrl-C ends the servers that it started, and takes its directory away."""
    with Run("osvc_ha-cut-") as run:
        place = run.directory / "tmp"
        place.mkdir()
        command = run.start("conformance", [*CLI, "conformance", "haproxy"], env={**os.environ, "TMPDIR": str(place)})
        wait_until("HAProxy runs", lambda: len(residents(place)) >= 2, 30)
        os.kill(command.pid, number)
        assert command.wait(20)
        assert command.returncode != 0
        assert residents(place) == []
        assert list(place.iterdir()) == []
