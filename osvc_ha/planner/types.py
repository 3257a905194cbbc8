"""The words every slice shares: Verb, Follows, Status, Step, Plan, Facts, Keyword, System.

A System is a record of functions, not a base class: behaviour put in a base class
grows without limit, and each slice stays readable alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Generic, Optional, Tuple, TypeVar

if TYPE_CHECKING:
    from osvc_ha.cluster.types import Cluster
    from osvc_ha.host import Host

ConfigT = TypeVar("ConfigT")
ActualT = TypeVar("ActualT")
DesiredT = TypeVar("DesiredT")


class Verb(Enum):
    """What OpenSVC, or a wake-up, asks of a system."""

    START = "start"
    STOP = "stop"
    FOLLOW = "follow"
    PROVISION = "provision"
    UNPROVISION = "unprovision"


class Follows(IntEnum):
    """How much a system may change outside START and STOP. Ordered: each covers the ones below."""

    NOTHING = 0
    MEMBERSHIP = 1
    EVERYTHING = 2


class Status(Enum):
    """The agents' own words for a resource."""

    UP = "up"
    DOWN = "down"
    WARN = "warn"
    UNDEF = "undef"
    NA = "n/a"


@dataclass(frozen=True)
class Step:
    """One change. ``why`` is the log line, the status line and the dry-run line.

    do: the operation, a name the slice's ``apply`` dispatches on.
    on: the thing it is done to, in the vendor's words.
    args: small named values, safe to print.
    payload: text too large or too secret to print (a config file); never logged nor serialised.
    always: run even when an earlier step failed (the end of a write pause).
    needs: the least ``Follows`` under which an event may run it; a role change needs EVERYTHING.
    theirs: others have to do it (nodes that come back, a person). Nothing runs it, no verb fails for it, and the status is warn until it
    is done.
    """

    do: str
    on: str
    why: str
    args: Tuple[Tuple[str, str], ...] = ()
    payload: str = field(default="", repr=False)
    always: bool = False
    needs: Follows = Follows.EVERYTHING
    theirs: bool = False

    def arg(self, name: str) -> str:
        """The value of one named argument; KeyError when the planner did not set it."""
        return dict(self.args)[name]

    def public(self) -> dict[str, object]:
        """What ``--format json`` prints; the payload stays out."""
        return {"do": self.do, "on": self.on, "why": self.why, "args": dict(self.args)}


Plan = Tuple[Step, ...]
Facts = Tuple[Tuple[str, str], ...]


@dataclass(frozen=True)
class Keyword:
    """One keyword of a resource section; also the source of the docs table and the site driver."""

    name: str
    text: str
    default: str = ""
    required: bool = False
    secret: bool = False


def no_guard(actual: object, desired: object, plan: Plan) -> None:
    """A system whose plans are never dangerous."""


def no_notes(actual: object, desired: object) -> Tuple[str, ...]:
    """A system with nothing to add to its status."""
    return ()


def no_facts(actual: object, desired: object) -> Facts:
    """A system whose status says it all."""
    return ()


@dataclass(frozen=True)
class System(Generic[ConfigT, ActualT, DesiredT]):
    """One system, as the functions of its five files.

    parse: keywords as strings -> frozen Config; raises ConfigError naming the key.
    observe: reads the world; raises ObserveError when it cannot tell.
    desired, plan, guard: pure. ``plan(x, x)`` style convergence means an empty tuple.
    apply: does one step; raises ApplyError with the failing program's words.
    notes: sentences an operator should read although there is nothing to do (a label that was dropped): warnings.
    facts: (name, value) of what is as it should be (who is master): for an operator who asks. No colon in a name.
    apply_all: does a whole plan at once, where what is written has a transaction of its own; instead of ``apply``.
    needs: packages that ``observe`` and ``apply`` import beyond Python's own library.
    stops_alone: STOP asks nothing of the cluster, so that it can be done while no agent answers.
    glance: what the last ``observe`` of this process read, where the system can see that it still holds; None where it cannot. For what no
    verb rests on.
    """

    name: str
    follows: Follows
    keywords: Tuple[Keyword, ...]
    parse: Callable[[Mapping[str, str]], ConfigT]
    observe: Callable[[ConfigT, Cluster, Host], ActualT]
    desired: Callable[[ConfigT, Cluster, Verb], DesiredT]
    plan: Callable[[ActualT, DesiredT], Plan]
    apply: Callable[[ConfigT, Step, Host], None]
    guard: Callable[[ActualT, DesiredT, Plan], None] = no_guard
    notes: Callable[[ActualT, DesiredT], Tuple[str, ...]] = no_notes
    facts: Callable[[ActualT, DesiredT], Facts] = no_facts
    apply_all: Optional[Callable[[ConfigT, Plan, Host], None]] = None
    needs: Tuple[str, ...] = ()
    stops_alone: bool = False
    glance: Optional[Callable[[ConfigT, Cluster, Host], Optional[ActualT]]] = None
