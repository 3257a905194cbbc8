"""What agent 3's app.forking gives and takes: keywords in the environment, words and exit codes back.

    [app#redis]
    type = forking
    start = /usr/share/osvc-ha/bin/osvc-ha resource redis start
    check = /bin/sh -c 'exec /usr/share/osvc-ha/bin/osvc-ha resource redis status'
    environment = OSVC_HA_PORT=6379 OSVC_HA_GROUP=cache
    retcodes = 0:up 1:down 2:warn 3:n/a 5:undef 126:undef 127:undef

``section`` has the rest. A keyword is its name in upper case behind OSVC_HA_. Python drivers do not exist on 3 (om3, core/driver: Go
plug-ins only).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Tuple

from osvc_ha.agents.resource import Resource
from osvc_ha.cluster.types import full_path
from osvc_ha.planner.reconcile import Health
from osvc_ha.planner.types import Status, System

LOG = logging.getLogger("osvc_ha.v3")

PREFIX = "OSVC_HA_"
EXIT = {Status.UP: 0, Status.DOWN: 1, Status.WARN: 2, Status.NA: 3, Status.UNDEF: 5}
# In full on 3, for the child alone; SVCPATH is its parent's, and a drain stops all services of a node in one process, so
# that it may name another one's (om3, core/object/core_action.go: Setenv). Triggers have only that.
PATHS = ("OPENSVC_NAME", "OPENSVC_SVCPATH")
# 2.1 has the bare name in OPENSVC_NAME, and this variable, which 3 has not.
ONLY_ON_2 = "OPENSVC_SVC_ID"
# A shell's words for a program that cannot be run, or is not there: then nothing is known. Without the shell, `om exec` makes 0, up, of
# a program whose interpreter is missing, and 1, down, of a missing program (om3, util/capexec).
NO_PROGRAM = (126, 127)
# Without them the agent would wait for ever. What each verb takes by itself is below: cli/resource.py.
TIMEOUTS = {"start": "10m", "stop": "3m", "check": "30s", "info": "30s"}


def section(system: str, program: str) -> Mapping[str, str]:
    """How agent 3 is told to call us, in every section of every template: all but the keywords, and what is one service's own."""
    called = {verb: f"{program} resource {system} {'status' if verb == 'check' else verb}" for verb in TIMEOUTS}
    codes = [*((code, status.value) for status, code in EXIT.items()), *((code, Status.UNDEF.value) for code in NO_PROGRAM)]
    return {
        "type": "forking",
        **called,
        "check": f"/bin/sh -c 'exec {called['check']}'",
        "retcodes": " ".join(f"{code}:{status}" for code, status in codes),
        "status_log": "true",
        **{f"{verb}_timeout": seconds for verb, seconds in TIMEOUTS.items()},
    }


def keywords_from(environ: Mapping[str, str], system: System[Any, Any, Any]) -> Tuple[dict[str, str], Tuple[str, ...]]:
    """The system's keywords in the environment, and a sentence for each variable of ours that is none.

    Not refused: a template of tomorrow on a node of yesterday must not take the service down.
    """
    names = {f"{PREFIX}{keyword.name.upper()}": keyword.name for keyword in system.keywords}
    given = {names[key]: value for key, value in environ.items() if key in names}
    unknown = sorted(key for key in environ if key.startswith(PREFIX) and key not in names)
    return given, tuple(f"{key}: {system.name} has no such keyword in this version; it is ignored" for key in unknown)


def path_from(environ: Mapping[str, str]) -> str:
    """The service that the agent is running us for, in full; "" when it is not the agent who does."""
    names = PATHS[1:] if ONLY_ON_2 in environ else PATHS
    return next((full_path(environ[name]) for name in names if environ.get(name)), "")


def health(resource: Resource) -> Health:
    """The resource's status, also when we are at fault: Python ends with 1 then, and that would be down."""
    try:
        return resource.health()
    except Exception as error:
        LOG.debug("status of %s", resource.system.name, exc_info=True)
        words = f"{resource.system.name} status: {type(error).__name__}: {error}; this is a fault of osvc_ha"
        return Health(Status.UNDEF, (words,))


def line(text: str, environ: Mapping[str, str]) -> str:
    """One line of output. Agent 3 takes what a check prints for a format (om3, drivers/resapp: StatusLog().Info(s))."""
    words = " ".join(text.split())
    return words.replace("%", "%%") if "OPENSVC_RID" in environ else words


def fact(name: str, value: str) -> str:
    """One line for `info`, which wants exactly one colon (om3, drivers/resapp)."""
    return f"{name.replace(':', ' ')}: {' '.join(value.split()).replace(':', ' ')}"
