"""A program that is not there, a mistake in a keyword, files that were spoiled, a program that hangs or dies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from osvc_ha.conformance.bench import Bench, changes
from osvc_ha.conformance.verdict import Failed

NOWHERE = "/nonexistent/program"
# Cannot tell, or says what is wrong: anything but a clear up, or a down that would make an agent skip the stop.
UNSURE = ("undef", "warn")
# A smaller file is written by one call of the kernel, and half of it is as good as garbage.
LEAST_TO_HALVE = 64
SPOILED = {"emptied": b"", "garbage": b"\xff\xfe\x00 not a word of ours {[\n"}


def missing_program(bench: Bench) -> None:
    """A program that is not installed: start fails and names it, status is not up, and stop clears up what was begun."""
    for keyword in bench.subject.programs:
        bench.clear()
        bench.give(**{keyword: NOWHERE})
        bench.refuse("start", NOWHERE)
        bench.expect("down", "warn", "undef", when=f"with {keyword}={NOWHERE}")
        bench.succeed("stop", "after that")
        bench.expect_none("after the stop")


def wrong_keyword(bench: Bench) -> None:
    """A value that cannot be: start is refused by the keyword's name, nothing is begun, and status is neither up nor down."""
    keyword, value = bench.subject.wrong
    before = bench.files()
    bench.give(**{keyword: value})
    bench.refuse("start", keyword, value)
    told = bench.expect("undef", when=f"with {keyword}={value}")
    if keyword not in told.said:
        raise Failed(f"status names {keyword}", str(told))
    if bench.files() != before or bench.parts():
        raise Failed("nothing is begun", f"{changes(before, bench.files())} {bench.describe(bench.parts())}")


def wrong_keyword_while_running(bench: Bench) -> None:
    """A mistake made while it runs does not take it down; mended, all is as before."""
    keyword, value = bench.subject.wrong
    running = bench.up()
    bench.give(**{keyword: value})
    bench.expect(*UNSURE, when=f"with {keyword}={value} while it runs")
    bench.refuse("start", keyword, value)
    if bench.running() != running:
        raise Failed("what ran runs on", bench.describe(bench.running()))
    bench.give()
    bench.expect("up", when="once the mistake is mended")
    bench.succeed("stop")


def spoiled_files(bench: Bench) -> None:
    """A file emptied, cut in half or overwritten while it was stopped: start mends it, or says which file it is."""
    bench.up()
    bench.succeed("stop")
    for name in (*bench.subject.owned, *bench.subject.theirs):
        file = bench.home / name
        for how in _ways(bench, file):
            with _spoiled(file, how) as spoilt:
                ended = bench.run("start")
                if ended.code == 0:
                    bench.expect("up", when=f"after a start with {spoilt}")
                elif file.name not in ended.said:
                    raise Failed(f"start mends {spoilt}, or names it", str(ended))
                else:
                    bench.expect("down", *UNSURE, when=f"after a failed start with {spoilt}")
            if ended.code != 0:
                bench.converge("start", f"once {name} is as it was")
            bench.converge("stop", f"after {spoilt}")
            bench.expect_none(f"after a stop, {spoilt}")


def spoiled_files_while_running(bench: Bench) -> None:
    """A file lost or overwritten while it runs: status is never down, and stop ends it, or says which file it is."""
    owned, theirs = bench.subject.owned, bench.subject.theirs
    for name, ways in (*((name, ("removed", "garbage")) for name in owned), *((name, ("garbage",)) for name in theirs)):
        file = bench.home / name
        for how in ways[:1] if bench.runner.slow else ways:
            bench.up()
            with _spoiled(file, how) as spoilt:
                bench.expect("up", *UNSURE, when=f"while it runs with {spoilt}")
                ended = bench.run("stop")
                if ended.code == 0:
                    bench.expect_none(f"after a stop with {spoilt}")
                elif file.name not in ended.said:
                    raise Failed(f"stop succeeds with {spoilt}, or names it", str(ended))
            bench.converge("stop", f"once {name} is as it was")
            bench.expect_none("after the stop")


def hung_status(bench: Bench) -> None:
    """A program that hangs: status answers in time, and it is not down, for then an agent would not stop it. Awake again, it is up."""
    usual = bench.up()
    with bench.hung():
        bench.expect(*UNSURE, when="while it hangs")
    bench.converge("start", "once it is awake")
    bench.await_(lambda: bench.status().word == "up", "status up once it is awake")
    bench.expect_as_many(usual, "once it is awake")


def hung_stop(bench: Bench) -> None:
    """A program that hangs: stop ends in time, done or with the reason, and afterwards a start works."""
    bench.up()
    with bench.hung():
        ended = bench.run("stop")
        if ended.code == 0:
            bench.expect_none("after a stop that succeeded")
    bench.converge("stop", "once it is awake")
    bench.expect("down", when="after that")
    bench.up()


def hung_start(bench: Bench) -> None:
    """A program that never becomes ready: start ends in time and says so, status is not up, and stop leaves nothing of it."""
    with bench.subject.unready(bench.place, bench.keywords) as keywords:
        bench.give(**keywords)
        ended = bench.run("start")
        if ended.code == 0 or not ended.said:
            raise Failed("start fails with a sentence", str(ended))
        bench.expect("down", *UNSURE, when="after that start")
        bench.succeed("stop", "after that start")
        bench.expect_none("after that stop")
    bench.give()
    bench.up()


def program_dies(bench: Bench) -> None:
    """What runs of it is killed or taken away: status is not up, stop succeeds, and so does a start right away."""
    usual = bench.up()
    for word in ("start", "stop"):
        bench.end()
        bench.expect_none("after that")
        bench.expect("down", *UNSURE, when="after it was killed")
        bench.converge(word, "after it was killed")
        if word == "start":
            bench.expect("up", when="after that")
            bench.expect_as_many(usual, "after that")
    bench.expect("down", when="after the stop")


def _ways(bench: Bench, file: Path) -> Iterator[str]:
    """How to spoil it: one way where that costs much, for what the driver makes of it is the same code everywhere."""
    if not bench.runner.slow:
        yield "emptied"
        if file.exists() and file.stat().st_size >= LEAST_TO_HALVE:
            yield "half"
    yield "garbage"


@contextlib.contextmanager
def _spoiled(file: Path, how: str) -> Iterator[str]:
    """The file as it should not be; as it was afterwards. One that is not there, as after a crash, is there in between."""
    before = file.read_bytes() if file.exists() else None
    text = before or b""
    if how == "removed":
        file.unlink(missing_ok=True)
    else:
        file.write_bytes(SPOILED[how] if how in SPOILED else text[: len(text) // 2])
    try:
        yield f"{file.name} {how}"
    finally:
        # Only what is still spoiled: a driver that mended it, or took it away, knows better than we do.
        spoilt = SPOILED[how] if how in SPOILED else text[: len(text) // 2]
        if how != "removed" and file.exists() and file.read_bytes() == spoilt:
            file.unlink() if before is None else file.write_bytes(before)


CASES = (
    missing_program,
    wrong_keyword,
    wrong_keyword_while_running,
    spoiled_files,
    spoiled_files_while_running,
    hung_status,
    hung_stop,
    hung_start,
    program_dies,
)
