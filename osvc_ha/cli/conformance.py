"""osvc-ha conformance: the contract of a driver, tried on the real programs of this machine."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from osvc_ha.cli import options

if TYPE_CHECKING:
    from osvc_ha.conformance import Verdict


@click.command()
@click.argument("name", metavar="SYSTEM")
@options.sets
@click.option("--agent", "inside", is_flag=True, help="Inside the agent on this node, as a service that is purged afterwards.")
@click.option("--case", "names", multiple=True, help="Only this one; may be given several times.")
@click.option("--list", "listing", is_flag=True, help="Show the cases, and try none.")
@click.option(
    "--kills", default=3, show_default=True, type=click.IntRange(1, 100), help="Random moments of each start and stop to kill at."
)
@options.output
def command(name: str, pairs: tuple[str, ...], inside: bool, names: tuple[str, ...], listing: bool, kills: int, form: str) -> None:
    """Try whether SYSTEM's driver keeps its contract here: start and stop twice, status while stopped, a missing program,
    a broken config, a program that hangs, a driver that is killed in the middle.

    \b
    osvc-ha conformance haproxy
    osvc-ha conformance haproxy --set haproxy=/opt/haproxy-3.0/sbin/haproxy
    osvc-ha conformance redis --agent

    Everything is in a private directory and on free loopback ports, and is removed afterwards. With --agent the
    service is osvc-ha/svc/conformance-SYSTEM.

    Exit code: 0 every case that could be tried passed, 1 one failed or none could be tried.
    """
    from osvc_ha.conformance import FAIL, PASS, conform, find_cases, find_subject, name_of, text_of

    cases = find_cases(names)
    if listing:
        listed = [{"case": name_of(case), "text": text_of(case)} for case in cases]
        options.show(form, {"cases": listed}, [f"{one['case']}: {one['text']}" for one in listed])
        return
    system = find_subject(name).system
    given = options.pairs_of((system,), pairs)[system]
    verdicts = conform(name, given, _say, cases, inside, kills)
    passed = any(one.result == PASS for one in verdicts) and all(one.result != FAIL for one in verdicts)
    closing = f"{name}, {'inside the agent' if inside else 'exec contract'}: {_counted(verdicts)}"
    if form == "json":
        runner = "agent" if inside else "exec"
        document = {"system": name, "runner": runner, "passed": passed, "cases": [one.public() for one in verdicts]}
        click.echo(json.dumps(document, indent=2, sort_keys=True))
    else:
        _table(verdicts)
        click.echo(closing)
    sys.exit(0 if passed else 1)


def _say(verdict: Verdict) -> None:
    """A line as each ends, on standard error."""
    click.echo(f"{verdict.seconds:6.1f} s  {verdict.result:4}  {verdict.case}", err=True)


def _counted(verdicts: tuple[Verdict, ...]) -> str:
    count = {result: sum(one.result == result for one in verdicts) for result in ("pass", "fail", "skip", "n/a")}
    words = f"{count['pass']} passed, {count['fail']} failed, {count['skip']} skipped, {count['n/a']} not applicable"
    verdict = "CONTRACT BROKEN" if count["fail"] else "contract kept" if count["pass"] else "NOTHING TRIED"
    return f"{verdict}: {words}"


def _table(verdicts: tuple[Verdict, ...]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_edge=False)
    for name in ("case", "verdict", "seconds", "what"):
        table.add_column(name, justify="right" if name == "seconds" else "left", no_wrap=name == "case", overflow="fold")
    colours = {"pass": "green", "fail": "bold red", "skip": "yellow", "n/a": "dim"}
    for one in verdicts:
        what = one.text if one.result == "pass" else f"expected: {one.expected}\nseen: {one.seen}" if one.result == "fail" else one.why
        table.add_row(one.case, f"[{colours[one.result]}]{one.result}[/]", f"{one.seconds:.1f}", escape(what))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 140).print(table)
