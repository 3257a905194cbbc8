"""osvc-ha demo: the main job, end to end, on this machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from osvc_ha.cli import options


@click.command()
@options.output
@click.option("--scene", "only", multiple=True, type=int, help="Play only these, by number.")
@click.option("--drbd", is_flag=True, help="Play the scenes with DRBD instead, on real DRBD between User-Mode-Linux nodes.")
@click.option("--keep-going/--stop-at-failure", default=True, show_default=True, help="Play on after a scene that failed.")
def command(form: str, only: tuple[int, ...], drbd: bool, keep_going: bool) -> None:
    """Start three nodes on loopback addresses, each with redis-server, Sentinel and HAProxy; do to them what
    happens in production, under load; print what the clients saw. Then the same with a MongoDB replica set,
    where there is a mongod. Nothing is left behind.

    Exit code 0 when every scene kept its limits and no acknowledged write was lost.
    """
    from osvc_ha.drill.report import print_scenes

    show = Show(_progress(), only, keep_going)
    began = time.monotonic()
    if drbd:
        _play_drbd(show)
    else:
        _play_processes(show)
    code = print_scenes(show.results, sys.stdout, form)
    show.say(f"{'all scenes passed' if code == 0 else 'SOME SCENES FAILED'} in {time.monotonic() - began:.0f} s")
    sys.exit(code)


@dataclass
class Show:
    """What is played, and what came of it so far. only: numbers, all when empty. of: how many scenes there are."""

    say: Callable[[str], None]
    only: tuple[int, ...]
    keep_going: bool
    of: int = 0
    results: list[Any] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Has one failed that was to be the last?"""
        return not self.keep_going and any(not result.passed for result in self.results)

    def chosen(self, scenes: Sequence[Any], first: int) -> list[tuple[int, Any]]:
        """Those of these that are to be played, with their numbers."""
        numbered = enumerate(scenes, first)
        return [] if self.over else [(number, scene) for number, scene in numbered if not self.only or number in self.only]

    def run(self, scenes: Sequence[tuple[int, Any]], play: Callable[[Any, int], Any]) -> None:
        """Each with its line."""
        for number, scene in scenes:
            self.say(f"[{number}/{self.of}] {scene.name}")
            result = play(scene, number)
            self.results.append(result)
            self.say(f"      {'ok' if result.passed else 'FAILED'}: {'; '.join(_figures(result))}")
            if self.over:
                break
        self.say("cleaning up")


def _play_processes(show: Show) -> None:
    from osvc_ha.drill.mongo_program import why_no_mongod
    from osvc_ha.drill.mongo_scenes import MONGO_SCENES
    from osvc_ha.drill.scenes import SCENES

    missing = why_no_mongod()
    show.of = len(SCENES) + (0 if missing else len(MONGO_SCENES))
    _play_redis(show)
    if not missing:
        _play_mongo(show, len(SCENES))
    elif not show.only or max(show.only) > len(SCENES):
        show.say(f"the scenes with MongoDB are left out: {missing}")


def _play_drbd(show: Show) -> None:
    from osvc_ha.drill.drbd_scenes import DRBD_SCENES, play
    from osvc_ha.drill.uml.drbd import DrbdLab

    show.of = len(DRBD_SCENES)
    chosen = show.chosen(DRBD_SCENES, 1)
    if chosen:
        with DrbdLab() as lab:
            show.say(f"three User-Mode-Linux nodes, {' '.join(lab.names)}, the last without a disk; everything in {lab.directory}")
            began = time.monotonic()
            lab.make()
            show.say(f"DRBD connected and in sync, with a file system, after {time.monotonic() - began:.1f} s; nobody is Primary")
            show.run(chosen, lambda scene, number: play(lab, scene, number))


def _play_redis(show: Show) -> None:
    from osvc_ha.drill.processes import Run, reserve
    from osvc_ha.drill.scenes import SCENES, play

    chosen = show.chosen(SCENES, 1)
    if chosen:
        with Run() as run, reserve(prefer="127.0.1") as reserved:
            lab = _bring_up(run, reserved, show.say)
            show.run(chosen, lambda scene, number: play(lab, scene, number))


def _bring_up(run: Any, reserved: Any, say: Any) -> Any:
    from osvc_ha.drill.lab import Lab

    began = time.monotonic()
    lab = Lab(run, reserved)
    say(f"three nodes on {', '.join(reserved.addresses)}: redis, Sentinel, HAProxy; everything in {run.directory}")
    lab.bring_up()
    say(f"cluster up, ready for a failover, after {time.monotonic() - began:.1f} s; clients use port {lab.write_port} of every node")
    return lab


def _play_mongo(show: Show, before: int) -> None:
    from osvc_ha.drill.mongo_lab import MongoLab
    from osvc_ha.drill.mongo_scenes import MONGO_SCENES, play
    from osvc_ha.drill.processes import Run, reserve

    chosen = show.chosen(MONGO_SCENES, before + 1)
    if chosen:
        with Run() as run, reserve() as reserved:
            lab = MongoLab(run, reserved)
            show.say(f"three nodes on {', '.join(reserved.addresses)}: mongod; everything in {run.directory}")
            began = time.monotonic()
            lab.start(*lab.nodes)
            lab.await_complete()
            show.say(f"one replica set, all of them voting, after {time.monotonic() - began:.1f} s; its writer uses {lab.uri}")
            show.run(chosen, lambda scene, number: play(lab, scene, number))


def _figures(result: Any) -> list[str]:
    seen = result.seen
    outage = max(seen.outage_reconnecting or 0.0, seen.outage_persistent or 0.0)
    lost = f"{seen.acked} writes acknowledged, {seen.lost} lost"
    return [f"outage {outage:.2f} s", f"failed per client {seen.failed}", lost] + ([result.why] if result.why else [])


def _progress() -> Any:
    began = time.monotonic()

    def say(line: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {line}", err=True)

    return say
