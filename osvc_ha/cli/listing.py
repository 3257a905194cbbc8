"""What `labels` and `status` both show: the listeners, and the page they stand on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from osvc_ha.cluster.listeners import Discovery, Problem

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPED_WIDTH = 160


def listener_rows(found: Discovery) -> list[dict[str, Any]]:
    """One row for each listener, as `--format json` prints it."""
    return [
        {
            "listener": one.key,
            "source": one.source,
            "port": one.port,
            "target_port": one.target_port,
            "check": one.check.value + (f":{one.http_path}" if one.http_path else ""),
            "nodes": {name: where.value for name, where in one.nodes},
        }
        for one in found.listeners
    ]


def problem_rows(problems: Sequence[Problem]) -> list[dict[str, str]]:
    """One row for each thing that is wrong."""
    return [{"path": one.path, "label": one.label, "message": one.message} for one in problems]


def listener_table(rows: Sequence[dict[str, Any]]) -> Table:
    """The rows for people: a node in parentheses gets no new clients."""
    table = new_table(("listener", "port", "to", "check", "nodes", "from"))
    for row in rows:
        where = " ".join(name if state == "ready" else f"({name} {state})" for name, state in row["nodes"].items())
        table.add_row(row["listener"], str(row["port"]), str(row["target_port"]), row["check"], where, row["source"])
    return table


def new_table(titles: Sequence[str]) -> Table:
    """An empty table in the house's style."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False)
    for one in titles:
        table.add_column(one)
    return table


def print_page(fill: Callable[[Console], None]) -> None:
    """Let ``fill`` print to a console, and show the whole."""
    click.echo(page_text(fill))


def page_text(fill: Callable[[Console], None]) -> str:
    """What ``fill`` prints to a console. Texts are taken as they are: ``[...]`` is no markup."""
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False, soft_wrap=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
    with console.capture() as captured:
        fill(console)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
