"""`osvc-ha dns export`: what would be ours, as text that other programs read."""

from __future__ import annotations

import json
from pathlib import Path

import dns.zone
import pytest
from click.testing import CliRunner

from osvc_ha.cli import group

SNAPSHOT = {
    "format": "osvc-ha-snapshot",
    "version": 1,
    "cluster": {"id": "c1", "name": "lab"},
    "local": "n1",
    "nodes": {
        "n1": {"alive": True, "labels": {"osvc_ha_public_address": "203.0.113.1 2001:db8::1"}},
        "n2": {"alive": True, "labels": {}},
    },
    "objects": {
        "prod/svc/l4": {"scope": ["n1", "n2"], "instances": {"n1": {"avail": "up"}}},
        "prod/svc/web": {"scope": ["n1", "n2"], "config": {"env": {"osvc.dns.name": "web"}}, "instances": {"n1": {"avail": "up"}}},
    },
}
KEYWORDS = {
    "domain": "ha.example.com",
    "zone": "example.com",
    "ingress": "prod/svc/l4",
    "global": "*=round-robin www=load-balancer",
    "global_proxied": "*",
    "mongo": "db=n1/admin?replicaSet=rs0",
}


@pytest.fixture
def export(tmp_path: Path):
    """Run it on the snapshot."""
    file = tmp_path / "snapshot.json"
    file.write_text(json.dumps(SNAPSHOT))

    def run(*words: str, **keywords: str):
        sets = [word for name, value in {**KEYWORDS, **keywords}.items() for word in ("--set", f"{name}={value}")]
        return CliRunner().invoke(group, ["dns", "export", "--snapshot", str(file), *sets, *words], catch_exceptions=False)

    return run


def test_the_export_is_a_zone_that_dnspython_reads(export) -> None:
    """Every record with its TTL; a load balancer, which no zone file knows, is a comment."""
    done = export()
    assert done.exit_code == 0, done.output
    zone = dns.zone.from_text(done.stdout, check_origin=False)
    found = {f"{name} {data.to_text()}" for name, ttl, data in zone.iterate_rdatas() if ttl}
    assert {line for line in found if " 203" in line} == {f"{name} 203.0.113.1" for name in ("n1.ha", "*.n1.ha", "*.ha", "web.ha", "db.ha")}
    assert "_mongodb._tcp.db.ha 0 0 27017 n1.ha" in found
    assert 'db.ha "authSource=admin&replicaSet=rs0"' in found
    assert "; www.ha.example.com. 60 IN LB n1-6=2001:db8::1 n1=203.0.113.1 monitor=tcp:443" in done.stdout
    assert "! node n2: no public address known" in done.stderr


def test_the_whole_export_is_a_zone_of_its_own(export) -> None:
    """With --whole, a server loads it as it is."""
    zone = dns.zone.from_text(export("--whole").stdout)
    assert zone.origin is not None and zone.origin.to_text() == "example.com."
    zone.check_origin()


def test_the_export_for_programs(export) -> None:
    """Records and notes as JSON."""
    document = json.loads(export("--format", "json").stdout)
    assert document["zone"] == "example.com"
    assert {"name": "*.ha.example.com", "type": "A", "value": "203.0.113.1", "ttl": 1, "proxied": True} in document["records"]
    assert document["notes"] == ["node n2: no public address known; run there: om node set --kw labels.osvc_ha_public_address=<address>"]
