"""The suite itself: a driver that keeps the contract passes, and each way of breaking it is found and named."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from osvc_ha.conformance import CASES, FAIL, NEVER, PASS, SKIP, SUBJECTS, find_cases, find_subject, name_of, text_of, tried
from osvc_ha.conformance.bench import Bench
from osvc_ha.conformance.executed import Executed
from osvc_ha.conformance.subjects import Place, Processes, Subject
from osvc_ha.conformance.subjects.held import held
from osvc_ha.conformance.subjects.subject import ready_at_once
from osvc_ha.drill.process import residents
from osvc_ha.drill.processes import Run, wait_until
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError
from osvc_ha.registry import SYSTEMS, load_system

CLI = (sys.executable, "-m", "osvc_ha.cli")
TOY = str(Path(__file__).with_name("toy.py"))
SUBJECT = Subject(
    system="toy",
    keywords=lambda place: {"directory": str(place.home)},
    programs=("program",),
    wrong=("count", "many"),
    owned=("toy.conf",),
    body=Processes(),
    unready=lambda place, keywords: nullcontext({"program": held(place.home / "held", sys.executable), "patience": "1"}),
)
# How the toy breaks the contract -> the case that finds it, and a word of what is said.
BROKEN = {
    "deaf": ("stop", "status down after a stop"),
    "double": ("start_twice", "a second start leaves "),
    "writes": ("status_before_anything", "status changes no file"),
    "pipe": ("no_pipe_kept_open", "the output of start ends when start ends"),
    "hopeful": ("hung_start", "start fails with a sentence"),
    "blind": ("hung_status", "status undef or warn while it hangs"),
    "trace": ("wrong_keyword", "start ends with one of 0, 2, 3, 4, 5, 6"),
    "forgets": ("unprovision", "nothing but logs and locks is left"),
    "colons": ("exit_codes", "lines of one name, a colon and a value"),
}
CUTS = [("haproxy", signal.SIGINT), ("haproxy", signal.SIGTERM), ("volumes", signal.SIGINT), ("volumes-ext4", signal.SIGTERM)]
Try = Callable[..., list]


@pytest.fixture
def try_toy() -> Iterator[Try]:
    """Try cases on the toy; their verdicts."""
    with Run("osvc_ha-toy-") as run:
        place = Place(run.directory / "node", "127.0.0.1", (1, 2, 3, 4), "osvc-ha/svc/toy", run.directory / "cluster.json")

        def attempt(names: tuple[str, ...], subject: Subject = SUBJECT, **given: str) -> list:
            bench = Bench(subject, Executed("toy", place, (sys.executable, TOY)), place, given, kills=1)
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


def test_what_makes_no_sense_for_a_system_is_said(try_toy: Try) -> None:
    """The case is not tried, and the report has it with the reason: neither passed nor skipped, nor left out."""
    subject = replace(SUBJECT, never={"stop_twice": "a toy is stopped once"})
    verdicts = try_toy(("stop", "stop_twice"), subject)
    assert [(one.case, one.result, one.why) for one in verdicts] == [("stop", PASS, ""), ("stop_twice", NEVER, "a toy is stopped once")]


def test_what_is_lacking_is_said_before_anything_is_done(host: Host, tmp_path: Path) -> None:
    """One sentence with the way out, and exit code 5: no case has failed, none could be tried."""
    done = host.run([*CLI, "conformance", "postgres", "--set", f"programs={tmp_path}"], seconds=60)
    assert (done.code, done.out) == (5, "")
    assert f"there is no {tmp_path}/postgres; install PostgreSQL" in done.err


def test_each_case_says_what_a_user_would_notice() -> None:
    """Names differ, and each has its sentence."""
    assert len({name_of(case) for case in CASES}) == len(CASES)
    assert all(text_of(case).endswith(".") for case in CASES)


def test_a_word_that_is_none_is_named() -> None:
    """A case or a system that there is not, with those that there are."""
    with pytest.raises(ConfigError, match="--case start_thrice: no such case; there are status_before_anything, start,"):
        find_cases(("start_thrice",))
    with pytest.raises(ConfigError, match="mango: no conformance record; there are haproxy, redis, mongo,"):
        find_subject("mango")


def test_every_system_is_tried() -> None:
    """Each has a record by its own name, and further ones by that name and a dash."""
    assert {subject.system for subject in SUBJECTS.values()} == set(SYSTEMS)
    assert all(name.partition("-")[0] == subject.system for name, subject in SUBJECTS.items())
    assert set(SYSTEMS) <= set(SUBJECTS)


def test_the_page_has_every_system_and_every_case() -> None:
    """Who reads it knows what is tried, and what makes no sense for whom."""
    page = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
    systems, cases = page.partition("## The systems")[2].partition("## Two ways")[0], page.partition("## The cases")[2]
    assert [name for name in SUBJECTS if f"`{name}`" not in systems] == []
    assert [name_of(case) for case in CASES if f"`{name_of(case)}`" not in cases] == []


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_record_is_right(name: str) -> None:
    """It speaks of keywords and cases that there are, and what it leaves out it explains."""
    subject = SUBJECTS[name]
    known = {keyword.name for keyword in load_system(subject.system).keywords}
    assert {*subject.programs, subject.wrong[0]} <= known
    assert set(subject.never) <= {name_of(case) for case in CASES}
    assert all(len(why.split()) > 3 for why in subject.never.values())
    # A case that goes through none of them would pass, and say nothing.
    assert bool(subject.programs) != ("missing_program" in subject.never)
    assert bool(subject.owned + subject.theirs) != ("spoiled_files" in subject.never)
    assert (subject.unready is not ready_at_once) != ("hung_start" in subject.never)


@pytest.mark.live
def test_the_command_tells_people(host: Host) -> None:
    """A line as each case ends, a table, and the verdict last; exit code 0."""
    done = host.run([*CLI, "conformance", "haproxy", "--case", "start_twice", "--case", "standby"], seconds=60)
    assert done.code == 0, done.words
    assert [line.split()[2:] for line in done.err.splitlines()] == [["pass", "start_twice"], ["skip", "standby"]]
    assert "A second start succeeds and does nothing" in done.out and "the exec contract has no standby" in done.out
    assert done.out.splitlines()[-1] == "haproxy, exec contract: contract kept: 1 passed, 0 failed, 1 skipped, 0 not applicable"


def test_nothing_tried_is_no_pass(host: Host) -> None:
    """Exit code 1, and the verdict says so."""
    done = host.run([*CLI, "conformance", "haproxy", "--case", "standby"], seconds=60)
    told = "haproxy, exec contract: NOTHING TRIED: 0 passed, 0 failed, 1 skipped, 0 not applicable"
    assert (done.code, done.out.splitlines()[-1]) == (1, told)


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
@pytest.mark.parametrize(("name", "number"), CUTS)
def test_stopped_half_way_it_leaves_nothing(name: str, number: int) -> None:
    """Ctrl-C ends the servers that it started, unmounts and detaches what it mounted, and takes its directory away."""
    if SUBJECTS[name].lacking({}):
        pytest.skip(SUBJECTS[name].lacking({}))
    with Run("osvc_ha-cut-") as run:
        place = run.directory / "tmp"
        place.mkdir()
        command = run.start("conformance", [*CLI, "conformance", name], env={**os.environ, "TMPDIR": str(place)})

        def runs() -> bool:
            return any(SUBJECTS[name].body.parts(home) for home in place.glob("*/node"))

        wait_until("something of it runs", runs, 30)
        os.kill(command.pid, number)
        assert command.wait(20)
        assert command.returncode != 0
        assert residents(place) == []
        assert str(place) not in Path("/proc/self/mountinfo").read_text()
        assert str(place) not in "".join(file.read_text() for file in Path("/sys/block").glob("loop*/loop/backing_file"))
        assert list(place.iterdir()) == []
