"""The command line in this process, on a snapshot file and a node without HAProxy, Redis or an agent."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.cli import main, options

WEB = {"osvc.l4.enable": "true", "osvc.l4.port": "8080"}


@dataclass
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output, parsed."""
        return json.loads(self.out)


Command = Callable[..., Done]


@pytest.fixture(autouse=True)
def bare_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No agent and no settings, whatever this machine has."""
    monkeypatch.setenv("OSVC_ROOT_PATH", str(tmp_path / "nowhere"))
    monkeypatch.setattr(options, "SETTINGS", tmp_path / "settings.yaml")


@pytest.fixture
def osvc_ha(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Type a command."""

    def run(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["osvc-ha", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        captured = capsys.readouterr()
        return Done(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.fixture
def document() -> dict[str, Any]:
    """A snapshot of two nodes and one service, to be changed by a test."""
    instances = {"n1": {"avail": "up"}, "n2": {"avail": "down"}}
    return {
        "format": "osvc-ha-snapshot",
        "version": 1,
        "local": "n1",
        "cluster": {"id": "1", "name": "test"},
        "nodes": {f"n{number}": {"alive": True, "labels": {"osvc_ha_address": f"10.0.0.{number}"}} for number in (1, 2)},
        "objects": {"prod/svc/web": {"scope": ["n1", "n2"], "instances": instances, "config": {"env": dict(WEB)}}},
    }


@pytest.fixture
def snapshot(tmp_path: Path, document: dict[str, Any]) -> Iterator[Callable[[], Path]]:
    """Write the document, as it is now."""

    def write() -> Path:
        file = tmp_path / "cluster.json"
        file.write_text(json.dumps(document))
        return file

    yield write


@pytest.fixture
def here(tmp_path: Path) -> list[str]:
    """The haproxy keywords that keep everything in this test's directory."""
    pairs = {"config_file": tmp_path / "haproxy.cfg", "runtime_dir": tmp_path / "run", "credentials_dir": tmp_path / "credentials"}
    return [word for key, value in pairs.items() for word in ("--set", f"{key}={value}")]
