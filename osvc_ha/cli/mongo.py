"""osvc-ha mongo: what only a person may do to a replica set. Nothing else in osvc_ha forces anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

import click

from osvc_ha.cli import options
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ConfigError
from osvc_ha.systems.mongo.client.link import Fault, Trouble, is_writable, session
from osvc_ha.systems.mongo.client.peers import peer_at
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.state.setconfig import same_host
from osvc_ha.systems.mongo.state.survivors import Remains, Report, dropped, forced, leader

FORCE_SECONDS = 30.0
POLL = 0.2
NO_TLS = "if the set speaks TLS, give tls=true, tls_ca and tls_cert_key"


@click.group()
def command() -> None:
    """Do to a MongoDB replica set what only a person may do."""


@command.command("force-reconfig")
@click.option("--survivors", required=True, metavar="HOST:PORT,…", help="The members that are left, as the set names them: all of them.")
@click.option("--path", default="", help="Take the keywords (port, login, TLS) from this service's resource, as the agent has them.")
@click.option("--yes", is_flag=True, help="Do it. Without this, only what would be done is shown.")
@options.keywords
@options.output
def force_reconfig(survivors: str, path: str, yes: bool, settings: Optional[Path], pairs: tuple[str, ...], form: str) -> None:
    """Go on with a minority: make the named SURVIVORS the whole replica set, when the others are gone for good.

    \b
    osvc-ha mongo force-reconfig --path prod/svc/mongo --survivors n1.db.example.com:27017
    osvc-ha mongo force-reconfig --path prod/svc/mongo --survivors n1.db.example.com:27017 --yes

    What only the others had acknowledged is lost. Make sure that they are off: two halves that both elect take writes
    that cannot be merged. Refused while a majority answers, while a survivor does not, and when somebody who is not
    named has newer data. OpenSVC is asked for the keywords alone: it may be down as well (--set).
    """
    host = Host()
    config = _config(path, settings, pairs, host)
    remains = ask_all(config, _hosts(survivors), host)
    lines = list(_told(remains))
    if form == "text":
        options.show(form, {}, lines)
    head, document = leader(remains), forced(remains)
    kept, gone = [str(entry["host"]) for entry in document["members"]], dropped(remains)
    shown = {"on": head, "members": kept, "dropped": list(gone), "primary": ""}
    if not yes:
        what = f"would make {' '.join(kept)} the whole set, by force on {head}, and drop {' '.join(gone)}"
        options.show(form, shown, [what, "nothing was changed; make sure that the dropped ones are off, and add --yes"])
        return
    shown["primary"] = force(config, head, document, host)
    options.show(form, shown, [f"{shown['primary']} is the primary of {' '.join(kept)}; dropped: {' '.join(gone)}"])


def _config(path: str, settings: Optional[Path], pairs: Sequence[str], host: Host) -> Config:
    if not path:
        [(_, found)] = options.systems_of(("mongo",), settings, pairs, host)
        assert isinstance(found, Config)
        return found
    if pairs:
        raise ConfigError("--path: the keywords are the service's; without an agent to ask, give all of them by --set")
    from osvc_ha.cluster.types import full_path
    from osvc_ha.following import Siblings, resources_in

    source = options.Source(None, "", host)
    cluster, service = source.read(), full_path(path)
    rids = [rid for rid, name in resources_in(cluster.object(service).config).items() if name == "mongo"]
    if len(rids) != 1:
        raise ConfigError(f"--path {service}: has {len(rids)} resources of the mongo system, not one")
    (followed,) = Siblings(service, rids, source.evaluated)(cluster)
    assert isinstance(followed.config, Config)
    return followed.config


def _hosts(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for one in found:
        name, colon, port = one.rpartition(":")
        if not (name and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ConfigError(f"--survivors: {one!r} is not host:port, as the set names its members")
    if not found:
        raise ConfigError("--survivors: names nobody")
    return found


def ask_all(config: Config, survivors: tuple[str, ...], host: Host) -> Remains:
    """The survivors, then every other member that their configurations name."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda at: ask(config, at, host), survivors))
        others: list[str] = []
        for one in found:
            for member in one.config.members if one.config else ():
                if not any(same_host(member.host, known) for known in (*survivors, *others)):
                    others.append(member.host)
        found += pool.map(lambda at: ask(config, at, host), others)
    return Remains(survivors, tuple(found))


def ask(config: Config, at: str, host: Host) -> Report:
    """One member's own words."""
    try:
        with session(peer_at(config, at, host)) as talk:
            status = talk.ask("replSetGetStatus")
            own: Mapping[str, Any] = next((one for one in status["members"] if one.get("self")), {})
            state = str(own.get("stateStr", ""))
            return Report(at, "", True, state, _optime(own.get("optime")), talk.ask("replSetGetConfig")["config"])
    except Trouble as trouble:
        hint = f"; {NO_TLS}" if trouble.hung_up and not config.tls else ""
        there = trouble.denied or trouble.hung_up or trouble.fault is Fault.COMMAND
        return Report(at, trouble.words + hint, there, denied=trouble.denied)


def _optime(found: Any) -> tuple[int, int, int]:
    """{"ts": Timestamp, "t": term}; an arbiter has none."""
    if not found:
        return -1, 0, 0
    return int(found["t"]), int(found["ts"].time), int(found["ts"].inc)


def _told(remains: Remains) -> list[str]:
    told = []
    for one in remains.reports:
        part = "survives" if remains.survives(one.host) else "is dropped"
        moment = datetime.fromtimestamp(one.optime[1], timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        last = f"last operation {moment} (term {one.optime[0]}, {one.optime[1]}.{one.optime[2]})" if one.optime[1] else ""
        told.append(f"{one.host} {part}: {', '.join(filter(None, (one.state, last, one.trouble)))}")
    return told


def force(config: Config, head: str, document: Mapping[str, Any], host: Host) -> str:
    """replSetReconfig with force, and wait for the primary: host:port. ApplyError with mongod's words, or when there is none."""
    try:
        with session(peer_at(config, head, host), FORCE_SECONDS) as talk:
            talk.ask("replSetReconfig", document, force=True)
    except Trouble as trouble:
        raise ApplyError(trouble.words) from trouble
    members = [str(entry["host"]) for entry in document["members"]]
    limit = config.election_timeout / 1000 + FORCE_SECONDS
    if not host.wait(lambda: any(leads(config, at, host) for at in members), limit, POLL):
        raise ApplyError(f"{head}: has the configuration, and nobody is primary after {limit:g} s; its log says why")
    return next((at for at in members if leads(config, at, host)), head)


def leads(config: Config, at: str, host: Host) -> bool:
    """Is this member the primary, by its own words?"""
    try:
        with session(peer_at(config, at, host), login=False) as talk:
            return is_writable(talk.hello())
    except Trouble:
        return False
