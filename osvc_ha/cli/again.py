"""A page that is shown again and again: --watch of `status` and `drbd status`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

import click

from osvc_ha.planner.errors import HaError

EVERY = 2.0
option = click.option("--watch", is_flag=True, help=f"Look again every {EVERY:g} s until stopped; without a terminal, print what changed.")


def watch_page(look: Callable[[], dict[str, Any]], as_text: Callable[[dict[str, Any]], str], form: str) -> NoReturn:
    """Until stopped: in place on a terminal, else whenever it changed. What cannot be told is said, and tried again.

    form: text, or json for one document a line.
    """
    before = ""
    while True:
        try:
            document = look()
            text = json.dumps(document, sort_keys=True) if form == "json" else as_text(document)
        except HaError as error:
            text = json.dumps({"error": str(error)}) if form == "json" else f"osvc-ha: {error}"
        if text != before:
            if form == "text" and sys.stdout.isatty():
                click.clear()
            click.echo(text)
            before = text
        time.sleep(EVERY)
