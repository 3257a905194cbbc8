"""The arguments that steps carry, so that client needs neither Cluster nor Desired. Pure."""

from __future__ import annotations

from typing import Tuple

from osvc_ha.planner.types import Step, Verb
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.state import Desired


def asked(desired: Desired) -> Tuple[Tuple[str, str], ...]:
    """All that is needed to look again, and decide again, while a step waits."""
    return (
        ("local", desired.local),
        ("nodes", " ".join(desired.nodes)),
        ("alive", " ".join(desired.alive)),
        ("cluster", " ".join(desired.cluster)),
        ("majority", str(desired.majority).lower()),
        ("unused", " ".join(desired.unused)),
    )


def recall(config: Config, step: Step) -> Desired:
    """The Desired that ``asked`` wrote down."""
    words = {name: tuple(step.arg(name).split()) for name in ("nodes", "alive", "cluster", "unused")}
    return Desired(
        Verb.START,
        config,
        step.arg("local"),
        words["nodes"],
        words["alive"],
        step.arg("majority") == "true",
        words["cluster"],
        unused=words["unused"],
    )


def resolve(desired: Desired, why: str) -> Step:
    """A plan that guard refuses: only a person can go on. Its sentence is the status line."""
    return Step("resolve", desired.config.res, why)
