"""Readings as JSON, and the case files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from osvc_ha.planner.types import Verb
from osvc_ha.systems.postgres.config import Config, parse
from osvc_ha.systems.postgres.state import Actual, Answer, Desired, Directory, Folder, Kind, Machine
from osvc_ha.systems.postgres.state.pidfile import PidFile

GIVEN = {"path": "prod/svc/pg", "directory": "/srv/pg/data", "mount": "/srv/pg"}


def config_of(told: Mapping[str, str]) -> Config:
    """The keywords of a case over the usual ones."""
    return parse({**GIVEN, **told})


def actual_of(told: Mapping[str, Any]) -> Actual:
    """A reading: a data directory of PostgreSQL 15 on a node that could run it, unless the case says otherwise."""
    directory = {"folder": "cluster", "major": "15", "owner": 101, "free": 50 * 2**30, "size": 100 * 2**30, **told.get("directory", {})}
    pid_file = PidFile(**directory.pop("pid_file")) if "pid_file" in directory else None
    answer = dict(told.get("answer", {"kind": "nobody"}))
    answer["wrong_settings"] = tuple(answer.get("wrong_settings", ()))
    return Actual(
        "n1",
        Directory(**{**directory, "folder": Folder(directory["folder"])}, pid_file=pid_file),
        Machine(**{"major": "15", "uid": 101, **told.get("machine", {})}),
        told.get("postmaster", 0),
        tuple(told.get("orphans", ())),
        Answer(**{**answer, "kind": Kind(answer["kind"])}),
        told.get("progress", ""),
    )


@pytest.fixture
def read():
    """A case -> what is seen, and what is wanted."""
    return lambda told: (actual_of(told), Desired(Verb(told.get("verb", "start")), config_of(told.get("config", {}))))


@pytest.fixture
def make_config():
    """Keywords -> Config."""
    return config_of
