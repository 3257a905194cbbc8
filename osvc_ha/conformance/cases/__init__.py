"""The cases, in the order in which they are tried: each a function of a Bench, its docstring what a user would notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Tuple

from osvc_ha.conformance.bench import Bench

from . import killed, lifecycle, trouble

Case = Callable[[Bench], None]
CASES: Tuple[Case, ...] = (*lifecycle.CASES, *trouble.CASES, *killed.CASES)


def name_of(case: Case) -> str:
    """What it is called in a report: start_twice."""
    return case.__name__


def text_of(case: Case) -> str:
    """Its sentence."""
    return " ".join((case.__doc__ or "").split())
