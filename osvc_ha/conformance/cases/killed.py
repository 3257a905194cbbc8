"""The driver is killed in the middle of a start or a stop, at moments nobody chose: the next run ends what was begun."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from osvc_ha.conformance.bench import Bench

LOOK_EVERY = 0.002


def start_killed_then_start(bench: Bench) -> None:
    """The next start ends up, with as many processes as ever."""
    usual, seconds = _usual_start(bench)
    for moment in _moments(bench, seconds):
        bench.clear()
        when = _killed(bench, "start", moment)
        bench.converge("start", when)
        bench.expect("up", when=f"after a start {when}")
        bench.expect_as_many(usual, when)
        bench.succeed("stop", when)
        bench.expect_none(f"after a stop {when}")


def start_killed_then_stop(bench: Bench) -> None:
    """A stop takes back what a killed start had begun: nothing of it comes up later."""
    _, seconds = _usual_start(bench)
    for moment in _moments(bench, seconds):
        bench.clear()
        when = _killed(bench, "start", moment)
        bench.converge("stop", when)
        bench.expect_none(f"after a stop {when}")
        bench.expect("down", when=f"after a stop {when}")


def stop_killed_then_stop(bench: Bench) -> None:
    """The next stop ends what is left, and it can be started again."""
    for moment in _moments(bench, _usual_stop(bench)):
        bench.up()
        when = _killed(bench, "stop", moment)
        bench.converge("stop", when)
        bench.expect("down", when=f"after a stop {when}")
        bench.expect_none(f"after a stop {when}")
    bench.up()


def stop_killed_then_start(bench: Bench) -> None:
    """A start after a killed stop ends up, with as many processes as ever."""
    seconds = _usual_stop(bench)
    usual = bench.up()
    for moment in _moments(bench, seconds):
        when = _killed(bench, "stop", moment)
        bench.converge("start", when)
        bench.await_(lambda: bench.status().word == "up", f"status up after a start {when}")
        bench.expect_as_many(usual, when)


def _usual_start(bench: Bench) -> tuple[tuple[str, ...], float]:
    """What there is after a start, and how long it takes."""
    seconds = bench.succeed("start").seconds
    usual = bench.running()
    bench.succeed("stop")
    return usual, seconds


def _usual_stop(bench: Bench) -> float:
    bench.up()
    return bench.succeed("stop").seconds


def _moments(bench: Bench, seconds: float) -> Iterator[float]:
    """Seconds after which to kill, spread over the usual time; the first is when something has just come or gone: -1."""
    yield -1.0
    for number in range(bench.kills):
        yield seconds * (number + random.random()) / bench.kills


def _killed(bench: Bench, word: str, moment: float) -> str:
    """Begin, and kill at that moment. How to say when."""
    before = bench.parts()
    began = time.monotonic()
    command = bench.runner.begin(word)
    while command.running and not (time.monotonic() - began >= moment if moment >= 0 else bench.parts() != before):
        time.sleep(LOOK_EVERY)
    passed = time.monotonic() - began
    bench.runner.kill(command)
    return f"after a {word} that was killed after {passed:.3f} s" + (", when something of it had just come or gone" if moment < 0 else "")


CASES = (start_killed_then_start, start_killed_then_stop, stop_killed_then_stop, stop_killed_then_start)
