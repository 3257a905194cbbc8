"""What a command costs before it does anything: hooks and probes call it often."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from statistics import median

HEAVY = {"yaml", "rich", "requests", "redis", "psutil", "importlib.metadata", "logging", "json", "ssl", "socket", "subprocess", "tempfile"}
HOOK = Path(__file__).parent.parent.parent / "hooks" / "placement"
MOST = 6.0


def cost(argv: list[str]) -> float:
    """Seconds, as seen from outside."""
    began = time.monotonic()
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=30)
    return time.monotonic() - began


def ratio(argv: list[str]) -> float:
    """Against `python -c pass`, taken in turns, so that a busy machine slows both."""
    pairs = [(cost([sys.executable, "-c", "pass"]), cost(argv)) for _ in range(11)]
    return median(after for _, after in pairs) / median(before for before, _ in pairs)


def test_help_imports_nothing_heavy() -> None:
    """--help needs click and no more: no YAML, no tables, no client library, no package metadata."""
    code = "import sys; sys.argv = ['osvc-ha', '--help']; import osvc_ha.cli as c\ntry: c.main()\nexcept SystemExit: pass\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "print(*sys.modules, sep=chr(10), file=sys.stderr)"], capture_output=True, text=True
    )
    loaded = set(done.stderr.split())
    assert "click" in loaded
    bare = subprocess.run([sys.executable, "-c", "import sys, click; print(*sys.modules, sep=chr(10))"], capture_output=True, text=True)
    assert (loaded - set(bare.stdout.split())) & HEAVY == set()


def test_help_costs_little() -> None:
    """`osvc-ha --help` takes at most six times as long as Python's own start."""
    found = ratio([str(Path(sysconfig.get_path("scripts")) / "osvc-ha"), "--help"])
    print(f"osvc-ha --help: {found:.1f} x python -c pass")
    assert found <= MOST


def test_the_hook_costs_little(tmp_path: Path) -> None:
    """A hook without a watcher takes at most six times as long as Python's own start."""
    found = ratio([str(HOOK), str(tmp_path / "watch.sock")])
    print(f"hooks/placement: {found:.1f} x python -c pass")
    assert found <= MOST
