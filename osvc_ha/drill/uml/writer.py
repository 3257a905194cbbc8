"""Writes rising numbers with fsync, and says which of them are acknowledged. Inside a node of the lab.

    python -m osvc_ha.drill.uml.writer FILE ACKNOWLEDGED FIRST

A number is acknowledged once fsync of FILE has returned: it is then a line of ACKNOWLEDGED, which belongs on the host. It ends when a
write fails; one that hangs, hangs.
"""

from __future__ import annotations

import os
import sys


def main(file: str, acknowledged: str, number: int) -> None:
    """Until it is killed, or a write fails."""
    sink = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    while True:
        os.write(sink, f"{number}\n".encode())
        os.fsync(sink)
        # Opened each time: a hostfs passes on to the host what was written when the file is closed.
        with open(acknowledged, "a", encoding="utf-8") as told:
            told.write(f"{number}\n")
        number += 1


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
