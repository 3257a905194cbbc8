"""The writer on a node of the lab (writer.py): begun, ended, and what it wrote, as the host sees it."""

from __future__ import annotations

import sys
from pathlib import Path

import osvc_ha
from osvc_ha.drill.uml.node import Node

END = "kill -9 $(cat /run/writer.pid)"


def begin(node: Node, folder: str, first: int) -> None:
    """Rising numbers with fsync, in a file of this folder of the node."""
    tree = Path(osvc_ha.__file__).resolve().parents[1]
    argv = f"{sys.executable} -m osvc_ha.drill.uml.writer {folder}/numbers /ctl/acknowledged {first}"
    node.must(f"PYTHONPATH={tree} setsid {argv} >/ctl/writer.log 2>&1 & echo $! >/run/writer.pid")


def acknowledged(node: Node) -> frozenset[int]:
    """The numbers that were acknowledged to the writer there, also while the node is off."""
    try:
        text = (node.shared / "acknowledged").read_text()
    except FileNotFoundError:
        return frozenset()
    # A last line without its end is half written.
    return frozenset(map(int, text[: text.rfind("\n") + 1].split()))


def held(node: Node, folder: str) -> frozenset[int]:
    """The numbers that the file system mounted there has."""
    return frozenset(map(int, filter(str.isdigit, node.must(f"cat {folder}/numbers").split("\n"))))
