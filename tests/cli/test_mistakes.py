"""A user's mistake is one line that names it, or one JSON object, and an exit code: never a trace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Command

CLI = (sys.executable, "-m", "osvc_ha.cli")
Snapshot = Callable[[], Path]

# What is typed, with {good} a snapshot, {dir} a directory of the test's; exit code, kind, and words of the message.
MISTAKES = {
    "no such command": ("plane haproxy", 2, "usage", "No such command 'plane'"),
    "no such option": ("plan haproxy --snaphot x", 2, "usage", "No such option"),
    "a word missing": ("plan", 2, "usage", "Missing argument 'SYSTEM'"),
    "no such verb": ("plan haproxy --verb restart", 2, "usage", "'restart' is not one of"),
    "no such system": ("plan haprxoy --snapshot {good}", 2, "config", "haprxoy: no such system; there are haproxy, redis"),
    "no such keyword": ("plan haproxy --snapshot {good} --set bnid=x", 2, "config", "unknown keyword bnid=x; known: allow_empty, bind"),
    "a bad value": ("plan haproxy --snapshot {good} --set workers=0", 2, "config", "workers=0 is not a whole number from 1 to 1000"),
    "set without a value": ("plan haproxy --snapshot {good} --set bind", 2, "config", "--set bind: write KEYWORD=VALUE"),
    "set of which system": ("status haproxy redis --set port=1", 2, "config", "of which system? write, for example, haproxy.port=1"),
    "set of another system": ("plan haproxy --set redis.port=1", 2, "config", "redis is none of the systems named (haproxy)"),
    "a keyword that is needed": ("plan redis --snapshot {good}", 2, "config", "path is missing"),
    "a node without snapshot": ("status --node n2", 2, "config", "--node n2: only with --snapshot"),
    "a config without status": ("snapshot --config a=b", 2, "config", "--config: only with --status"),
    "no agent": ("status", 2, "config", "no OpenSVC agent on this node"),
    "no such settings": ("plan haproxy --settings {dir}/none.yaml", 2, "config", "none.yaml: no such file"),
    "no such snapshot": ("plan haproxy --snapshot {dir}/none.json", 3, "observe", "none.json: no such file; `osvc-ha snapshot` writes one"),
    "a snapshot that is a folder": ("labels --snapshot {dir}", 3, "observe", "Is a directory"),
    "no such node": ("labels --snapshot {good} --node n9", 3, "observe", "n9"),
}


@pytest.fixture
def typed(snapshot: Snapshot, tmp_path: Path) -> Callable[[str], list[str]]:
    """A mistake as words."""
    good = snapshot()
    return lambda text: [word.format(good=good, dir=tmp_path) for word in text.split()]


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_one_line(osvc_ha: Command, typed: Callable[[str], list[str]], mistake: tuple[str, int, str, str]) -> None:
    """It goes to standard error, names the thing and the value, and the exit code is the documented one."""
    text, code, _, words = mistake
    done = osvc_ha(*typed(text))
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("osvc-ha: ") and done.err.count("\n") == 1
    assert words in done.err


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_in_json(osvc_ha: Command, typed: Callable[[str], list[str]], mistake: tuple[str, int, str, str]) -> None:
    """A program gets the same as one JSON object on standard output, and the same exit code."""
    text, code, kind, words = mistake
    done = osvc_ha(*typed(text), "--format", "json")
    assert (done.code, done.err) == (code, "")
    assert sorted(done.json) == ["error"] and done.json["error"]["kind"] == kind
    assert words in done.json["error"]["message"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "empty"),
        (b'{"format": "osvc-ha-snap', "truncated"),
        (b"\xff\xfe", "cannot be read"),
        (b"[]", "a JSON object is expected"),
        (b'{"format": "osvc-ha-snapshot", "version": 99}', "version"),
        (b'{"format": "something"}', "format"),
        (b'{"format": "osvc-ha-snapshot", "version": 1, "local": "n1", "cluster": {"id": "1", "name": "x"}, "nodes": []}', "nodes"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
@pytest.mark.parametrize("command", ["plan haproxy", "labels", "status", "snapshot"])
def test_a_bad_snapshot_is_cannot_tell(osvc_ha: Command, tmp_path: Path, command: str, text: bytes, words: str) -> None:
    """Whatever is wrong with the file, the message names it, and the exit code is 3: nothing is known, nothing is done."""
    file = tmp_path / "bad.json"
    file.write_bytes(text)
    done = osvc_ha(*command.split(), "--snapshot", file)
    assert (done.code, done.out) == (3, "")
    assert "bad.json" in done.err and words in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("haproxy: [", "not YAML"),
        ("a: &a [*a, *a]\n- b", "not YAML"),
        ("- haproxy", "want a mapping of systems to keywords"),
        ("haproxy: 7", "want a mapping of systems to keywords"),
        ("haprxoy: {bind: '*'}", "haprxoy: no such system"),
        ("haproxy: {bind: [a, b]}", "haproxy: bind: want one value, not a list or a mapping"),
        ("haproxy: !!python/object/apply:os.system ['true']", "not YAML"),
    ],
)
def test_bad_settings_are_named(osvc_ha: Command, snapshot: Snapshot, tmp_path: Path, text: str, words: str) -> None:
    """A settings file that is no YAML, of another shape, or tries to run something, is one line with its path."""
    (tmp_path / "settings.yaml").write_text(text)
    done = osvc_ha("plan", "haproxy", "--snapshot", snapshot())
    assert done.code == 2
    assert "settings.yaml" in done.err and words in done.err and done.err.count("\n") == 1


def test_a_failed_step_is_5(osvc_ha: Command, snapshot: Snapshot, here: list[str]) -> None:
    """A program that is missing ends the apply with its name and exit code 5, in JSON too."""
    words = ["apply", "haproxy", "--snapshot", snapshot(), *here, "--set", "haproxy=/nowhere/haproxy"]
    done = osvc_ha(*words)
    assert done.code == 5 and "/nowhere/haproxy: not found; install it" in done.err
    assert osvc_ha(*words, "--format", "json").json["error"]["kind"] == "apply"


def test_watch_without_a_system_is_a_mistake(osvc_ha: Command) -> None:
    """There is nothing to follow without a name."""
    done = osvc_ha("watch")
    assert done.code == 2 and "Name a system" in done.err


def test_watch_with_a_bad_keyword_ends_at_once(osvc_ha: Command, snapshot: Snapshot) -> None:
    """A mistake in the keywords is seen when OpenSVC starts the watcher, not in its log later."""
    done = osvc_ha("watch", "haproxy", "--snapshot", snapshot(), "--set", "workers=0")
    assert done.code == 2 and "workers=0" in done.err


@pytest.mark.parametrize("command", ["status", "labels", "snapshot", "plan haproxy", "--help"])
def test_a_reader_that_leaves_early_is_no_error(snapshot: Snapshot, command: str, document: dict[str, Any]) -> None:
    """`osvc-ha status | head -1` prints no trace, however much was still to come."""
    for number in range(2000):
        env = {"osvc.l4.enable": "true", "osvc.l4.port": str(10_000 + number)}
        document["objects"][f"prod/svc/s{number:04}"] = {"scope": ["n1"], "instances": {}, "config": {"env": env}}
    words = [*CLI, *command.split(), *(["--snapshot", str(snapshot())] if command != "--help" else [])]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None and child.stderr is not None
    child.stdout.close()
    said = child.stderr.read().decode()
    child.stderr.close()
    assert child.wait(30) in (0, 1)
    assert said == ""
