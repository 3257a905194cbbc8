"""Looks at the zone through the provider, and writes it. No decisions.

One provider for each zone and process: what it learnt (the zone's id, its budget, the answer to its last write) is worth a call.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Dict, List, Tuple
from weakref import WeakKeyDictionary

from osvc_ha.cluster.seedlist import Seedlist, seedlist_file, told_seedlist
from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ConfigError, HaError, ObserveError
from osvc_ha.planner.types import Plan, Step, Verb
from osvc_ha.systems.dns.config import Config
from osvc_ha.systems.dns.plan import desired, keys_wanted, writer_of
from osvc_ha.systems.dns.state import Actual, Do, change_of, origin_of

from . import writer
from .addresses import local_addresses
from .provider import Provider

LOG = logging.getLogger("osvc_ha.dns")
CHANGES = frozenset(one.value for one in Do)
LOCK_SECONDS = 60.0
# Imported at use: agent 2.1's own Python has neither.
EXTRA = "install osvc-ha with its extra: pip install 'osvc-ha[dns]'"
_PROVIDERS: WeakKeyDictionary[Host, Dict[Tuple[Config, str], Provider]] = WeakKeyDictionary()


def observe(config: Config, cluster: Cluster, host: Host) -> Actual:
    """The mark, and for who writes, the zone. A node that does not write asks nobody. ObserveError when the mark cannot be told.

    A provider that cannot be read is ``trouble``, not an error: STOP needs none, and START says what is wrong. By hand there
    is nothing to stop, so then it is one.
    """
    held = bool(config.path) and writer.holds(config, host)
    if (config.path and not held) or not writer_of(config, cluster, Verb.START)[0] or _is_leaving(config, cluster):
        return Actual(holds=held)
    # Before the zone: a write that comes in between then makes this look an old one.
    before = writer.written(config, host)
    actual = Actual(held, None, "", host.now(), local_addresses(host), writer.recall(config, host), before, _told(config, host))
    identity = cluster.id or cluster.name

    try:
        listing = _provider(config, identity, host).listing(lambda: keys_wanted(actual, desired(config, cluster, Verb.START)))
    except (ObserveError, ConfigError) as error:
        _forget(config, identity, host)
        if not config.path:
            raise ObserveError(str(error)) from error
        return replace(actual, trouble=str(error))
    return replace(actual, listing=listing)


def _told(config: Config, host: Host) -> Dict[str, Seedlist]:
    """What services of this node tell of their replica sets."""
    files = {seed.service: seedlist_file(config.seedlists, seed.service) for seed in config.mongo if seed.service}
    found = {service: told_seedlist(host.read(file, lossy=True)) for service, file in files.items()}
    return {service: seeds for service, seeds in found.items() if seeds is not None}


def _is_leaving(config: Config, cluster: Cluster) -> bool:
    """Is OpenSVC stopping the service here? Then nothing is written any more, and a slow provider must not delay it."""
    owner = cluster.objects.get(config.path)
    here = owner.instances.get(cluster.local) if owner is not None else None
    return here is not None and here.leaving


def apply(config: Config, step: Step, host: Host) -> None:
    """Do one step. ApplyError with the provider's words."""
    apply_all(config, (step,), host)


def apply_all(config: Config, plan: Plan, host: Host) -> None:
    """The mark and the memory at once, and every change of the zone in one call of the provider.

    ApplyError with the provider's words. Changes that follow from a look which another process of this node has since
    overtaken are left out: the next look shows what is still to do.
    """
    changes: List[Step] = []
    for step in plan:
        if step.do == "hold":
            writer.take(config, host)
        elif step.do == "release":
            writer.leave(config, host)
        elif step.do == "remember":
            host.replace(config.memory_file, step.payload)
        elif step.do == "read":
            _read(config, step.payload, host)
        elif step.do in CHANGES:
            changes.append(step)
        else:
            raise ApplyError(f"{step.do} {step.on}: no such step")
    if changes:
        _write(config, changes, host)


def _read(config: Config, cluster: str, host: Host) -> None:
    """Ask again, so that the words of the failure are those of now."""
    try:
        _provider(config, cluster, host).listing()
    except (ObserveError, ConfigError) as error:
        raise ApplyError(str(error)) from error


def _write(config: Config, steps: List[Step], host: Host) -> None:
    cluster, look = origin_of(steps[0])
    with host.lock(writer.lock_file(config), LOCK_SECONDS):
        if config.path and not writer.holds(config, host):
            raise ApplyError(
                f"{config.mark_file}: taken away while this was planned, so OpenSVC has stopped the writer; nothing was written"
            )
        if writer.written(config, host) != look:
            LOG.info("%s: another process of this node has just written; looking again", config.zone)
            return
        writer.count(config, host)
        try:
            _provider(config, cluster, host).write([change_of(step) for step in steps])
        except HaError:
            _forget(config, cluster, host)
            raise


def _provider(config: Config, cluster: str, host: Host) -> Provider:
    """The provider of this zone, made when it is first asked for. ConfigError or ObserveError when it cannot be."""
    known = _PROVIDERS.setdefault(host, {})
    if (config, cluster) not in known:
        known[config, cluster] = _make(config, cluster, host)
    return known[config, cluster]


def _make(config: Config, cluster: str, host: Host) -> Provider:
    try:
        if config.provider == "rfc2136":
            from .rfc2136 import Rfc2136

            return Rfc2136(config, cluster, host)
        from .cloudflare import Cloudflare

        return Cloudflare(config, cluster, host)
    except ImportError as error:
        raise ObserveError(f"provider={config.provider}: {error}; {EXTRA}") from error


def _forget(config: Config, cluster: str, host: Host) -> None:
    """Begin anew after a failure: a token or a key may be another by then."""
    _PROVIDERS.get(host, {}).pop((config, cluster), None)
