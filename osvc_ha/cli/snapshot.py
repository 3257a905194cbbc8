"""osvc-ha snapshot: what OpenSVC knows, as a file."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Optional

import click

from osvc_ha.agents.feed import local_name
from osvc_ha.cli import options
from osvc_ha.cluster.reading import parse_json
from osvc_ha.cluster.snapshot import snapshot_of
from osvc_ha.cluster.types import Cluster, full_path
from osvc_ha.cluster.v2 import cluster_from_v2
from osvc_ha.cluster.v3 import cluster_from_v3
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError

READERS = {"2.1": cluster_from_v2, "3": cluster_from_v3}


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="Write to this file instead of standard output.")
@click.option("--status", type=click.Path(path_type=Path), help="An `om daemon status --format json` saved earlier, instead of the agent.")
@click.option("--agent", type=click.Choice(sorted(READERS)), default="2.1", show_default=True, help="Which agent wrote --status.")
@click.option("--config", "configs", multiple=True, metavar="PATH=FILE", help="An object's `print config --format json`; with --status.")
@options.source
@options.output
def command(
    out: Optional[Path], status: Optional[Path], agent: str, configs: tuple[str, ...], snapshot: Optional[Path], node: str, form: str
) -> None:
    """Write a snapshot, which is JSON: status, object configs and node labels; secrets are left out.

    \b
    osvc-ha snapshot --out bug.json
    osvc-ha snapshot --status status.json --config prod/svc/redis=redis.json --node n1
    """
    host = Host()
    if configs and status is None:
        raise ConfigError("--config: only with --status; without it the agent is asked for the configs")
    cluster = _saved(status, agent, configs, node, host) if status else options.Source(snapshot, node, host).read()
    taken = datetime.fromtimestamp(host.now(), timezone.utc).isoformat(timespec="seconds")
    text = json.dumps(snapshot_of(cluster, cluster.containers, taken), indent=1, sort_keys=True) + "\n"
    if out is None:
        click.echo(text, nl=False)
    else:
        host.replace(out, text)
        options.show(form, {"written": str(out)}, [])


def _saved(status: Path, agent: str, configs: tuple[str, ...], node: str, host: Host) -> Cluster:
    known = {}
    for pair in configs:
        path, equals, file = pair.partition("=")
        if not equals:
            raise ConfigError(f"--config {pair}: write PATH=FILE")
        known[full_path(path)] = parse_json(_text(Path(file), host), file)
    local = node or local_name()
    return READERS[agent](parse_json(_text(status, host), str(status)), known, local)


def _text(path: Path, host: Host) -> str:
    text = host.read(path)
    if text is None:
        raise ConfigError(f"{path}: no such file")
    return text
