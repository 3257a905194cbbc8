"""One error family, split by whose fault it is and therefore by what to do next.

Every message names the thing, the value and the way out. ``exit_code`` is what the
command line returns (docs/cli.md lists them).
"""

from __future__ import annotations


class HaError(Exception):
    """Base of everything osvc_ha raises on purpose."""

    exit_code = 1


class ConfigError(HaError):
    """The operator wrote something that cannot be right; nothing was touched."""

    exit_code = 2


class ObserveError(HaError):
    """The world could not be read. This means *cannot tell*, never *down*."""

    exit_code = 3


class UnsafePlan(HaError):
    """The plan was understood and refused; nothing was touched."""

    exit_code = 4


class ApplyError(HaError):
    """A step failed; the message holds the failing program's own words."""

    exit_code = 5


class NotConverged(HaError):
    """Every step ran, and looking again still shows something to do."""

    exit_code = 6
