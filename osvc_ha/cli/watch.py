"""osvc-ha watch: the follower as a process."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import click

from osvc_ha.agents.sight import Sight
from osvc_ha.cli import options
from osvc_ha.planner.errors import ConfigError
from osvc_ha.telling import Teller
from osvc_ha.watch import Followed, StoppableHost, Watch

if TYPE_CHECKING:
    from osvc_ha.following import Hurry

TEXT = "%(asctime)s %(name)s %(levelname)s %(message)s"


@click.command()
@click.argument("system_names", metavar="[SYSTEM]...", nargs=-1)
@options.source
@options.keywords
@options.output
@click.option("--resync", default=60.0, show_default=True, help="Seconds after which to look even if nothing woke us.")
@click.option("--poll", default=0.2, show_default=True, help="Seconds between two looks at the snapshot file.")
@click.option("--poke", type=click.Path(path_type=Path), help="Listen here for hooks. Default: <runtime_dir>/watch.sock with haproxy.")
@click.option("--runtime-dir", type=click.Path(path_type=Path), help="Listen for hooks, and write what was seen, in this directory.")
@click.option("--service", default="", help="The service whose resource this is: its status is told to the agent when it changes.")
@click.option("--like", multiple=True, metavar="RID", help="Follow the system of this resource of --service, with its keywords.")
@click.option("--verbose", is_flag=True, help="Also say when nothing was to do.")
def command(
    system_names: tuple[str, ...],
    snapshot: Optional[Path],
    node: str,
    settings: Optional[Path],
    pairs: tuple[str, ...],
    form: str,
    resync: float,
    poll: float,
    poke: Optional[Path],
    runtime_dir: Optional[Path],
    service: str,
    like: tuple[str, ...],
    verbose: bool,
) -> None:
    """Follow until SIGTERM: reconcile SYSTEMs whenever something changed. SIGHUP means look now.

    \b
    osvc-ha watch haproxy
    osvc-ha watch haproxy redis --settings /etc/osvc_ha/settings.yaml

    Each step taken, and each new thing that is wrong, is one line on standard error. It never starts nor stops
    what it follows: that is OpenSVC's.
    """
    from osvc_ha.following import Hurry, Siblings

    if not (system_names or (like and service)):
        raise ConfigError("follow what? Name a system, or a resource by --service and --like")
    _log(form, verbose)
    host = StoppableHost()
    followed = [Followed(system, config) for system, config in options.systems_of(system_names, settings, pairs, host)]
    haproxy = next((one.config for one in followed if one.system.name == "haproxy"), None)
    home = runtime_dir or (haproxy.runtime_dir if haproxy else None)
    poke = poke or (home / "watch.sock" if home else None)
    teller = Teller(runtime_dir, service, host) if runtime_dir else None
    source, hurry = options.Source(snapshot, node, host), Hurry(host)
    siblings = Siblings(service, like, source.evaluated)
    watch = Watch(source.read, followed, host, resync, after=hurry.follow, tell=teller.tell if teller else None, siblings=siblings)
    _obey_signals(watch, host)
    with _woken(watch, hurry, host, snapshot, poll, poke, source.sight), teller or contextlib.nullcontext():
        watch.run()
    hurry.stop()


@contextlib.contextmanager
def _woken(
    watch: Watch, hurry: Hurry, host: StoppableHost, snapshot: Optional[Path], poll: float, poke: Optional[Path], sight: Sight
) -> Iterator[None]:
    """By the agent, or by the snapshot's file; and by hooks, after which the agent is looked at closely: it may not know yet.

    A hook may be Sentinel's, too, so the fast paths look at once, and wait for no agent.
    """
    from osvc_ha.agents.follow import follow_agent
    from osvc_ha.wakers import follow_file, follow_pokes

    agent = follow_agent(host, watch.wake, sight) if snapshot is None else contextlib.nullcontext(watch.wake)
    with agent as look_closely:

        def poked() -> None:
            hurry.look()
            look_closely()
            watch.wake()

        with follow_pokes(poke, poked), follow_file(snapshot, watch.wake, poll):
            yield


def _obey_signals(watch: Watch, host: StoppableHost) -> None:
    def stop(*_: object) -> None:
        host.stopping = True
        watch.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, lambda *_: watch.wake())


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        words: dict[str, Any] = {"at": round(record.created, 3), "from": record.name, "level": record.levelname.lower()}
        return json.dumps({**words, "message": record.getMessage()})


def _log(form: str, verbose: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines() if form == "json" else logging.Formatter(TEXT))
    handlers: Sequence[logging.Handler] = (handler,)
    logging.basicConfig(level=logging.INFO, handlers=handlers)
    # Of a library's own doings nobody asked: urllib3 has two lines for each question to agent 3.
    logging.getLogger("osvc_ha").setLevel(logging.DEBUG if verbose else logging.INFO)
