"""Plans for one PostgreSQL server on a volume that fails over.

Theory.

1. *One postmaster in a directory, whatever its files say.* postmaster.pid travels with the volume: the pid in it may be another
   program's here, or another server's. So the processes decide (state/processes.py): a postmaster is running when a process named
   postgres works in this very directory. PostgreSQL's own interlock stays as it is: the file is removed only where it would refuse
   by mistake, because the pid is used again, and never while any process works in the directory.
2. *Nothing is made or started on an empty mount point.* Where the keyword ``mount`` names the volume, its being mounted is the
   proof that this node holds it (DRBD's Secondary cannot be mounted). START never makes a data directory: a volume that is
   unexpectedly empty is lost data, not a new database. PROVISION makes one, beside its place, and renames it when it is whole.
3. *Up is: takes queries, and writes.* A server that recovers is a warning with its progress. One that is to be a standby
   (standby.signal) would stay one for ever, so it is not started.
4. *STOP always ends it*, for the volume goes next: fast (sessions are cut, everything is written), then immediate (recovery at
   the next start), then SIGKILL, each only when the one before has had its time. It asks neither the disk nor the server.
5. *What a person has to decide is refused with the command to type*, and what a dead server leaves behind never blocks a start.
"""

from __future__ import annotations

from osvc_ha.cluster.types import Cluster
from osvc_ha.planner.guard import refuse_unresolved
from osvc_ha.planner.types import Plan, Step, Verb
from osvc_ha.systems.postgres.config import Config
from osvc_ha.systems.postgres.state import Actual, Desired, Folder, Kind

from .hindrances import missing, refused
from .telling import facts, notes, waiting

__all__ = ["desired", "facts", "guard", "notes", "plan"]


def desired(config: Config, cluster: Cluster, verb: Verb) -> Desired:
    """The verb and the keywords: OpenSVC decides on the node, nothing else counts."""
    return Desired(verb, config)


def plan(actual: Actual, desired: Desired) -> Plan:
    """The steps for the verb; empty when there is nothing to do."""
    if desired.verb is Verb.START:
        return _start(actual, desired)
    if desired.verb is Verb.STOP:
        return _stop(actual, desired)
    if desired.verb is Verb.PROVISION:
        return _provision(actual, desired)
    if desired.verb is Verb.UNPROVISION:
        return (*_stop(actual, desired), *_remove(actual, desired))
    return ()


def guard(actual: Actual, desired: Desired, plan: Plan) -> None:
    """UnsafePlan for whatever only a person can resolve."""
    refuse_unresolved("postgres", plan)


def _start(actual: Actual, desired: Desired) -> Plan:
    where = desired.config.directory
    if actual.postmaster:
        return _running(actual, desired)
    lacks = missing(actual, desired)
    if lacks:
        # Not a refusal: the volume's own resource may be about to start.
        return (Step("missing", where, lacks),)
    why = refused(actual, desired)
    if why:
        return (Step("resolve", where, why),)
    return (*_clear(actual, desired), Step("launch", where, _launch_words(actual)))


def _running(actual: Actual, desired: Desired) -> Plan:
    where, port = desired.config.directory, actual.noted.port
    if port not in (0, desired.config.port):
        words = f"the server runs with port {port}, and the keyword says {desired.config.port}; stop and start the service to change it"
        return (Step("resolve", where, words),)
    if actual.serves:
        return ()
    if actual.directory.standby:
        return (Step("resolve", where, refused(actual, desired)),)
    if actual.noted.phase == "stopping":
        return (Step("await-end", where, f"process {actual.postmaster} is shutting down"), Step("launch", where, _launch_words(actual)))
    return (Step("wait", where, waiting(actual)),)


def _clear(actual: Actual, desired: Desired) -> Plan:
    steps = []
    config, machine = desired.config, actual.machine
    if actual.orphans:
        pids = " ".join(map(str, actual.orphans))
        steps.append(Step("end-orphans", config.directory, f"the postmaster is dead, and its processes {pids} still work in the directory"))
    if machine.taken and actual.directory.pid_file is not None:
        pid = str(actual.directory.pid_file.pid)
        words = f"postmaster.pid names process {pid}, which is {machine.taken} here: left by a crash or another node"
        steps.append(Step("remove-pid-file", f"{config.directory}/postmaster.pid", words, (("pid", pid),)))
    if machine.lock:
        steps.append(Step("remove-lock", f"{config.socket}.lock", f"the lock of the socket {machine.lock}: left by a crash"))
    return tuple(steps)


def _launch_words(actual: Actual) -> str:
    after = ", and recovers what a crash or another node left" if actual.directory.pid_file is not None else ""
    return f"OpenSVC starts PostgreSQL {actual.directory.major} on {actual.node}{after}"


def _stop(actual: Actual, desired: Desired) -> Plan:
    where = desired.config.directory
    if actual.postmaster:
        words = f"OpenSVC stops PostgreSQL on {actual.node}: fast, and after {desired.config.stop_timeout:g} s immediately"
        return (Step("stop", where, words),)
    if actual.orphans:
        pids = " ".join(map(str, actual.orphans))
        return (Step("end-orphans", where, f"the postmaster is dead, and its processes {pids} still work in the directory"),)
    return ()


def _provision(actual: Actual, desired: Desired) -> Plan:
    found, config = actual.directory, desired.config
    # A peer of the node that holds the volume: there is nothing to provision here.
    if not found.mounted or found.folder is Folder.CLUSTER or actual.postmaster:
        return ()
    if found.folder in (Folder.FOREIGN, Folder.UNKNOWN):
        return (Step("resolve", config.directory, missing(actual, desired)),)
    if actual.machine.trouble or actual.machine.uid < 0:
        return (Step("resolve", config.directory, actual.machine.trouble or f"no account {config.user} on {actual.node}; create it"),)
    words = f"there is no data directory yet; PostgreSQL {actual.machine.major} makes one, with checksums and SCRAM passwords"
    return (Step("initdb", config.directory, words),)


def _remove(actual: Actual, desired: Desired) -> Plan:
    found = actual.directory
    if not desired.config.remove_data or not found.mounted or found.folder is not Folder.CLUSTER:
        return ()
    return (Step("remove-data", desired.config.directory, "OpenSVC unprovisions it, and remove_data=true"),)


def asks_machine(actual: Actual) -> bool:
    """Does a plan depend on programs, ports and locks? Not while a server runs, nor where there is no data to start one on."""
    return actual.answer.kind is Kind.NOBODY and actual.directory.mounted and actual.directory.folder is not Folder.UNKNOWN
