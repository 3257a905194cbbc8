"""What the commands of `osvc-ha drbd` share: which resource on this node, and progress for a person."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Tuple, TypeVar

import click

from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.types import Verb
from osvc_ha.systems.drbd.client.elsewhere import REMOTE
from osvc_ha.systems.drbd.config import RESOURCE, Config
from osvc_ha.systems.drbd.state import Desired

F = TypeVar("F", bound=Callable[..., Any])
# Without a terminal, a line at most this often.
LINE_SECONDS = 5.0
Tell = Callable[[str, float], None]


def remote(function: F) -> F:
    """--remote: how to run a command on the other node."""
    return click.option("--remote", default=REMOTE, show_default=True, help="Runs a command on another node; {address} is its name.")(
        function
    )


def confirmed(function: F) -> F:
    """--yes and --dry-run."""
    function = click.option("--dry-run", is_flag=True, help="Only show what would be done.")(function)
    return click.option("--yes", is_flag=True, help="Do it without asking. Without a terminal and without this, it is only shown.")(
        function
    )


def config_of(res: str, **more: Any) -> Config:
    """For a resource by its name alone: no service is asked about. ConfigError for what is no name."""
    if not RESOURCE.match(res):
        raise ConfigError(f"{res}: no resource name: letters, digits, dot, dash and underscore, 64 at most")
    return Config(path="", res=res, **more)


def local_name() -> str:
    """As drbdadm finds the `on` section of this node."""
    return os.uname().nodename


def alone(config: Config, local: str) -> Desired:
    """No cluster: for what is judged by DRBD's own words."""
    return Desired(Verb.FOLLOW, config, local, (), (), False, ())


def go_on(question: str, yes: bool, dry_run: bool) -> bool:
    """May it be done? Asks on a terminal; says what to add without one."""
    if dry_run:
        click.echo("nothing was changed (--dry-run)")
        return False
    if yes:
        return True
    if not sys.stdin.isatty():
        click.echo("nothing was changed; add --yes")
        return False
    return click.confirm(question)


@contextmanager
def progress() -> Iterator[Tell]:
    """Give it a sentence and percent (negative: none): a bar on a terminal, lines now and then without one, on standard error."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        with Progress(TextColumn("{task.description}", markup=False), BarColumn(), console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=100.0)
            yield lambda words, done: bar.update(task, description=words, completed=max(done, 0.0))
        return
    last: Tuple[str, float] = ("", 0.0)

    def line(words: str, done: float) -> None:
        nonlocal last
        now = time.monotonic()
        if words != last[0] and now - last[1] >= LINE_SECONDS:
            click.echo(words, err=True)
            last = (words, now)

    yield line


def local_host() -> Tuple[Host, str]:
    """This machine, and its name."""
    return Host(), local_name()
