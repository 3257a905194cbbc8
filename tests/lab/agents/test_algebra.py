"""Our status algebra against agent 2.1's own, which is run, not copied. Needs its checkout, and no cluster."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from functools import reduce

import pytest

from osvc_ha.agents.algebra import NA, merged, recomputed

pytestmark = [pytest.mark.agent, pytest.mark.skipif(not os.environ.get("OSVC2_AGENT"), reason="agent 2.1: OSVC2_AGENT not set")]
WORDS = ("up", "down", "warn", "n/a", "undef", "stdby up", "stdby down")
FOLD = """
import json, sys
from core.status import NA, Status
def fold(words):
    found = Status(NA)
    for word in words:
        found += Status(word)
    return str(found)
json.dump([fold(words) for words in json.load(sys.stdin)], sys.stdout)
"""


def test_statuses_add_up_as_in_the_agent() -> None:
    """Up to four resources, each in any state: the same avail as the agent's code makes of them."""
    cases = [list(words) for count in range(5) for words in itertools.product(WORDS, repeat=count)]
    done = subprocess.run(
        [sys.executable, "-c", FOLD],
        input=json.dumps(cases),
        env={"PYTHONPATH": f"{os.environ['OSVC2_AGENT']}/opensvc"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)
    assert len(theirs) == len(cases) > 2800
    ours = [recomputed({"resources": {f"app#{i}": {"status": word} for i, word in enumerate(words)}})["avail"] for words in cases]
    assert [(words, one) for words, one, other in zip(cases, ours, theirs) if one != other] == []
    assert reduce(merged, ["up", "stdby up", "down"], NA) == "warn"
