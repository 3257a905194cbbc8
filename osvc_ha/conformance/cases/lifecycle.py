"""Start, stop, status, provision and unprovision, once and twice."""

from __future__ import annotations

from osvc_ha.conformance.bench import Bench, changes
from osvc_ha.conformance.verdict import Failed


def status_before_anything(bench: Bench) -> None:
    """On a node where it never ran it is down, and looking leaves no file and no process."""
    before = bench.files()
    bench.expect("down", when="before anything was done")
    _unchanged(bench, before, "status")


def start(bench: Bench) -> None:
    """A start brings it up, and the status says so at once."""
    if not bench.up():
        raise Failed("something that runs after a start", "nothing does")


def start_twice(bench: Bench) -> None:
    """A second start succeeds and does nothing: the same processes or mount, the same files."""
    before, files = bench.up(), bench.files(bench.subject.restless)
    bench.succeed("start", "a second time")
    bench.expect("up", when="after a second start")
    _the_same(bench, before, "a second start")
    _unchanged(bench, files, "a second start", running=True)


def stop(bench: Bench) -> None:
    """A stop leaves nothing of it running, and the status is down at once."""
    bench.up()
    bench.succeed("stop")
    bench.expect("down", when="after a stop")
    bench.expect_none("after a stop")


def stop_twice(bench: Bench) -> None:
    """A second stop succeeds and does nothing; so does one on a node where it never ran."""
    bench.succeed("stop", "where it never ran")
    bench.up()
    bench.succeed("stop")
    before = bench.files()
    bench.succeed("stop", "a second time")
    bench.expect("down", when="after a second stop")
    _unchanged(bench, before, "a second stop")


def start_after_stop(bench: Bench) -> None:
    """What a stop leaves behind is no hindrance to the next start."""
    bench.up()
    bench.succeed("stop")
    bench.up()


def status_while_stopped(bench: Bench) -> None:
    """Looking at a stopped one starts nothing and writes nothing."""
    bench.up()
    bench.succeed("stop")
    bench.expect_none("after a stop")
    before = bench.files()
    for _ in range(2):
        bench.expect("down", when="while stopped")
    _unchanged(bench, before, "status")


def status_changes_nothing(bench: Bench) -> None:
    """Looking at a running one leaves what runs and its files as they are."""
    running, files = bench.up(), bench.files(bench.subject.restless)
    for _ in range(2):
        bench.expect("up", when="while it runs")
    _the_same(bench, running, "status")
    _unchanged(bench, files, "status", running=True)


def no_pipe_kept_open(bench: Bench) -> None:
    """What a start leaves running holds none of the agent's pipes, so that the agent is not kept waiting."""
    for word in ("start", "stop"):
        ended = bench.succeed(word)
        if ended.held:
            raise Failed(f"the output of {word} ends when {word} ends", "a program that it started keeps it open")


def provision(bench: Bench) -> None:
    """Provisioning succeeds, a second time too; what is provisioned can be started."""
    bench.subject.bare(bench.place)
    for why in ("", "a second time"):
        bench.succeed("provision", why)
        if not bench.runner.starts_what_it_provisions:
            bench.expect_none("after provision alone")
    bench.up()


def provision_while_it_runs(bench: Bench) -> None:
    """Provisioning one that runs already harms nothing."""
    running = bench.up()
    bench.succeed("provision", "while it runs")
    _the_same(bench, running, "provision")
    bench.expect("up", when="after provision of one that runs")


def unprovision(bench: Bench) -> None:
    """Unprovisioning ends it and takes its configuration and data away; a second time succeeds too."""
    bench.succeed("provision")
    bench.up()
    for why in ("", "a second time"):
        bench.succeed("unprovision", why)
        bench.expect("down", when="after unprovision")
        bench.expect_none("after unprovision")
    left = [name for name in bench.files(bench.subject.stays) if not (bench.home / name).is_dir()]
    if left:
        raise Failed("nothing but logs and locks is left", ", ".join(left))


def exit_codes(bench: Bench) -> None:
    """info and check end with 0, running or not, and each line of info has the one colon that agent 3 wants."""
    for state in ("stopped", "running"):
        bench.succeed("check", f"while {state}")
        ended = bench.succeed("info", f"while {state}")
        wrong = [line for line in ended.out.splitlines() if line.count(":") != 1]
        if wrong:
            raise Failed("lines of one name, a colon and a value", " / ".join(wrong))
        if state == "stopped":
            bench.up()


def standby(bench: Bench) -> None:
    """As a standby resource it is started by startstandby, and a stop of the service leaves it running."""
    bench.succeed("standby on")
    bench.succeed("startstandby")
    bench.expect("stdby up", when="after startstandby")
    running = bench.running()
    bench.succeed("stop", "of the service")
    bench.expect("stdby up", when="after a stop of the service")
    _the_same(bench, running, "a stop of the service")


def _the_same(bench: Bench, before: tuple[str, ...], what: str) -> None:
    after = bench.running()
    if after != before:
        raise Failed(f"{what} leaves {', '.join(before)} as it is", bench.describe(after))


def _unchanged(bench: Bench, before: dict[str, str], what: str, running: bool = False) -> None:
    after = changes(before, bench.files(bench.subject.restless if running else ()))
    if after:
        raise Failed(f"{what} changes no file", after)
    if not running and bench.parts():
        raise Failed(f"{what} starts nothing", bench.describe(bench.parts()))


CASES = (
    status_before_anything,
    start,
    start_twice,
    stop,
    stop_twice,
    start_after_stop,
    status_while_stopped,
    status_changes_nothing,
    no_pipe_kept_open,
    provision,
    provision_while_it_runs,
    unprovision,
    exit_codes,
    standby,
)
