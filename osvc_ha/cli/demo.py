"""osvc-ha demo: the main job, end to end, on this machine."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from osvc_ha.cli import options


@click.command()
@options.output
@click.option("--scene", "only", multiple=True, type=int, help="Play only these, by number.")
@click.option("--keep-going/--stop-at-failure", default=True, show_default=True, help="Play on after a scene that failed.")
def command(form: str, only: tuple[int, ...], keep_going: bool) -> None:
    """Start three nodes on loopback addresses, each with redis-server, Sentinel and HAProxy; do to them what
    happens in production, under load; print what the clients saw. Nothing is left behind.

    Exit code 0 when every scene kept its limits and no acknowledged write was lost.
    """
    from osvc_ha.drill.processes import Run, reserve
    from osvc_ha.drill.report import SceneResult, print_scenes
    from osvc_ha.drill.scenes import SCENES, play

    say = _progress()
    began = time.monotonic()
    results: list[SceneResult] = []
    with Run() as run, reserve(prefer="127.0.1") as reserved:
        lab = _bring_up(run, reserved, say)
        for number, scene in enumerate(SCENES, 1):
            if only and number not in only:
                continue
            say(f"[{number}/{len(SCENES)}] {scene.name}")
            result = play(lab, scene, number)
            results.append(result)
            say(f"      {'ok' if result.passed else 'FAILED'}: {'; '.join(_figures(result))}")
            if not result.passed and not keep_going:
                break
        say("cleaning up")
    code = print_scenes(results, sys.stdout, form)
    say(f"{'all scenes passed' if code == 0 else 'SOME SCENES FAILED'} in {time.monotonic() - began:.0f} s")
    sys.exit(code)


def _bring_up(run: Any, reserved: Any, say: Any) -> Any:
    from osvc_ha.drill.lab import Lab

    began = time.monotonic()
    lab = Lab(run, reserved)
    say(f"three nodes on {', '.join(reserved.addresses)}: redis, Sentinel, HAProxy; everything in {run.directory}")
    lab.start_front_doors()
    lab.start(*lab.nodes)
    lab.await_master()
    say(f"cluster up, ready for a failover, after {time.monotonic() - began:.1f} s; clients use port {lab.write_port} of every node")
    return lab


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
