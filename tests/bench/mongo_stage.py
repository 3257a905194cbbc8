"""What the benches on real mongods share: three or four of them, started by hand or through START, and a client that writes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from stage import Say

from osvc_ha.drill.mongo_program import why_no_mongod
from osvc_ha.drill.processes import Run, reserve, wait_until
from osvc_ha.systems.mongo.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

from mongo_group import MongoGroup
from mongods import Mongods, Writer

__all__ = ["ELECTION_MILLISECONDS", "MongoGroup", "Mongods", "Writer", "absent", "by_hand", "group", "make_first"]

# The keyword's own default.
ELECTION_MILLISECONDS = Config("", "").election_timeout


def absent(say: Say) -> bool:
    """Is there no mongod here? Then that is said."""
    why = why_no_mongod()
    if why:
        say(f"{why}: not measured")
    return bool(why)


@contextlib.contextmanager
def group(say: Say, nodes: int = 3, started: int = 3, **keywords: str) -> Iterator[MongoGroup]:
    """``nodes`` in the scope, of which the first ``started`` run and vote. Everything ends with the context."""
    with Run("osvc_ha-mongo-bench-") as run, reserve(nodes, 4) as place:
        timeouts = {"election_timeout": str(ELECTION_MILLISECONDS), "ready_timeout": "120"}
        made = MongoGroup(run, place.addresses, place.ports[0], **timeouts, **keywords)
        made.placed = set(made.nodes[:started])
        if started:
            made.start(*made.nodes[:started])
            made.eventually(lambda: made.settled(*made.nodes[:started]), 30)
            say(f"set up on {', '.join(place.addresses[:started])}, primary {made.primary()}")
        yield made


def make_first(made: MongoGroup) -> None:
    """Wait until n1 leads and the others follow: it takes over by its priority, an outage too; asked to, it does so sooner."""

    def first() -> bool:
        if made.primary() == "n1" and made.settled():
            return True
        from pymongo.errors import PyMongoError

        for command, argument in (("replSetFreeze", 0), ("replSetStepUp", 1)):
            # Not before it has caught up, and elections may be lost.
            with contextlib.suppress(PyMongoError):
                made.ask("n1", command, argument)
        return False

    wait_until("n1 to lead", first, 90, every=0.5)


@contextlib.contextmanager
def by_hand() -> Iterator[Mongods]:
    """Three mongods that nobody has started yet."""
    with Run("osvc_ha-mongo-bench-") as run, reserve(3, 4) as place:
        yield Mongods(run, {f"n{number}": at for number, at in enumerate(place.addresses, 1)}, place.ports[0])
