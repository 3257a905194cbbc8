"""Why a server cannot be started here: what is missing, and what only a person can decide. Pure. The package has the theory."""

from __future__ import annotations

import re

from osvc_ha.systems.postgres.state import Actual, Desired, Folder

# What PostgreSQL takes (ValidatePgVersion): a number, and before 10 a second one.
VERSION = re.compile(r"\d+(?:\.\d+)?\Z", re.ASCII)


def missing(actual: Actual, desired: Desired) -> str:
    """What is not there, as a sentence, or ""."""
    config, found = desired.config, actual.directory
    if not found.mounted:
        return f"{config.mount} is not mounted on {actual.node}; the volume's own resource has to be up before"
    if found.folder is Folder.UNKNOWN:
        return f"it cannot be read: {found.trouble}; see the volume"
    if found.folder is Folder.FOREIGN:
        return f"it is not empty and no data directory of PostgreSQL (no PG_VERSION); name another folder, or empty it: {found.trouble}"
    if found.folder is not Folder.CLUSTER:
        what = "does not exist" if found.folder is Folder.ABSENT else "is empty"
        return f"it {what}; if there is no data yet, provision the service, else find out where the volume's data is"
    return ""


def refused(actual: Actual, desired: Desired) -> str:
    """What only a person can decide, as a sentence, or ""."""
    config, found, machine = desired.config, actual.directory, actual.machine
    if found.standby:
        return (
            "standby.signal makes it a standby of another server, which never takes writes; if this data is to be served, "
            f"rm {config.directory}/standby.signal"
        )
    if found.patroni:
        # Two that decide who is primary split it.
        return (
            "patroni.dynamic.json says that Patroni decides where this data is primary; let OpenSVC run Patroni instead, or, if Patroni "
            f"is gone for good, rm {config.directory}/patroni.dynamic.json"
        )
    if machine.trouble:
        return machine.trouble
    if not VERSION.match(found.major):
        return (
            f"{config.directory}/PG_VERSION holds no version: the file is damaged, and the rest may be; look at the volume, "
            "and take the file from a backup"
        )
    if machine.major and found.major != machine.major:
        return (
            f"the data is of PostgreSQL {found.major}, and {config.programs} holds {machine.major}; set programs to those of "
            f"{found.major}, or upgrade the data with pg_upgrade"
        )
    if machine.uid < 0:
        return f"there is no account {config.user} on {actual.node}; create it with the same uid as on the other nodes"
    if found.owner not in (-1, machine.uid):
        return (
            f"it belongs to uid {found.owner}, and {config.user} is uid {machine.uid} on {actual.node}; "
            "give the account the same uid on every node"
        )
    return machine.rival
