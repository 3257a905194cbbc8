"""The scenes with DRBD: a volume that one node writes to, moved, killed and cut off, on real DRBD between User-Mode-Linux nodes.

In OpenSVC's place a scene starts the driver where a cluster with a majority would start the service; whether it, the fence handler
and DRBD agree is between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Tuple

from osvc_ha.planner.errors import ApplyError

from .ledger import Summary
from .report import SceneResult
from .uml.drbd import DrbdLab

# A number is told from another scene's, and from the other side's, by its size.
SCENE_NUMBERS, SIDE_NUMBERS = 1_000_000, 500_000
PROMOTION_SECONDS = 60.0
RESYNC_SECONDS = 60.0


@dataclass(frozen=True)
class DrbdScene:
    """A name, what is done to the node that writes, and for how many seconds nobody may write.

    act: gets the lab, the writing node and the other; the time counts from its call.
    after: brings the first back once the other writes.
    """

    name: str
    act: Callable[[DrbdLab, str, str], None]
    after: Callable[[DrbdLab, str, str], None]
    outage: float


def play(lab: DrbdLab, scene: DrbdScene, number: int, writer: str = "n1", other: str = "n2") -> SceneResult:
    """Write on one node, do it, go on writing on the other; bring the first back, resync, and count."""
    first = number * SCENE_NUMBERS
    done = lab.promote(writer)
    if done.code:
        raise ApplyError(f"{writer}: not promoted with its peer connected: {done.words}")
    lab.start_writer(writer, first)
    began = time.monotonic()
    scene.act(lab, writer, other)
    _take_over(lab, other, first + SIDE_NUMBERS)
    outage = time.monotonic() - began
    late = _written(lab, writer, first)
    scene.after(lab, writer, other)
    wrote_on = len(_written(lab, writer, first) - late)
    lab.await_good(RESYNC_SECONDS)
    acknowledged = _written(lab, "n1", first) | _written(lab, "n2", first)
    lost = len(acknowledged - lab.held(other))
    lab.demote(other)
    return _judge(scene, outage, len(acknowledged), lost, wrote_on)


def _judge(scene: DrbdScene, outage: float, acknowledged: int, lost: int, wrote_on: int) -> SceneResult:
    reasons = []
    if lost:
        reasons.append(f"{lost} acknowledged writes are gone")
    if wrote_on:
        reasons.append(f"two writers: the old one had {wrote_on} more writes acknowledged")
    if outage > scene.outage:
        reasons.append(f"outage {outage:.2f} s, at most {scene.outage:g}")
    seen = Summary(1, None, outage, 0.0, 0, acknowledged, 0, lost, 0, {"ok": acknowledged})
    return SceneResult(scene.name, seen, not reasons, "; ".join(reasons))


def _written(lab: DrbdLab, name: str, first: int) -> frozenset[int]:
    return frozenset(number for number in lab.acknowledged(name) if number >= first)


def _take_over(lab: DrbdLab, name: str, first: int) -> None:
    """As OpenSVC: again and again, until DRBD lets it."""
    give_up = time.monotonic() + PROMOTION_SECONDS
    while (done := lab.promote(name)).code:
        if time.monotonic() > give_up:
            raise ApplyError(f"{name}: not promoted within {PROMOTION_SECONDS:g} s: {done.words}")
    lab.start_writer(name, first)


def _dead(lab: DrbdLab, name: str, other: str) -> None:
    lab.nodes[name].kill()
    lab.await_alive(other, other, "n3")


def _cut_off(lab: DrbdLab, name: str, other: str) -> None:
    lab.cut(name)
    lab.await_alive(other, other, "n3")


def _move(lab: DrbdLab, name: str, other: str) -> None:
    lab.demote(name)


def _stays(lab: DrbdLab, name: str, other: str) -> None:
    """It is there, and Secondary."""


def _boot(lab: DrbdLab, name: str, other: str) -> None:
    lab.boot(name)
    lab.nodes[name].must("drbdadm up r0")


def _reconnect(lab: DrbdLab, name: str, other: str) -> None:
    lab.heal()
    lab.await_parted()
    lab.bring_back(name)


DRBD_SCENES: Tuple[DrbdScene, ...] = (
    DrbdScene("DRBD: OpenSVC moves the volume (planned)", _move, _stays, 5.0),
    DrbdScene("DRBD: the node that writes loses power", _dead, _boot, 30.0),
    DrbdScene("DRBD: the node that writes is cut off", _cut_off, _reconnect, 30.0),
)
