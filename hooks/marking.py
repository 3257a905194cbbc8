"""What DRBD's handlers leave for people and for osvc-ha: marks, and lines in the system's log.

In /run/osvc_ha/drbd what is over when the node reboots; in /var/lib/osvc_ha/drbd what is not.

None of it may ever fail: a before-resync-target that does makes DRBD give up the connection.
"""

from __future__ import annotations

import os
import sys
import time

DIRECTORY = "/run/osvc_ha/drbd"
NOTES = "/var/lib/osvc_ha/drbd"


def open_streams() -> None:
    """DRBD's kernel module starts a handler without any: what would be opened first would take the place of standard output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def directory_in(words: list[str]) -> str:
    """What --directory says."""
    return words[words.index("--directory") + 1] if "--directory" in words[:-1] else DIRECTORY


def notes_in(words: list[str]) -> str:
    """What --notes says: where that is kept which outlives a reboot."""
    return words[words.index("--notes") + 1] if "--notes" in words[:-1] else NOTES


def volume() -> str:
    """Whose handler this is, of several volumes: DRBD calls it for each."""
    told = os.environ.get("DRBD_VOLUME", "")
    return told if told.isdigit() else "0"


def resource() -> str:
    """Whose handler this is; a name that would lead elsewhere is none."""
    return os.path.basename(os.environ.get("DRBD_RESOURCE", "")) or "unknown"


def mark(directory: str, kind: str) -> None:
    """``DIRECTORY/RES.KIND``: when, and what DRBD said of it, a line each."""
    said = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("DRBD_")]
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        os.makedirs(directory, exist_ok=True)
        file = f"{directory}/{resource()}.{kind}"
        with open(f"{file}.new", "w", encoding="utf-8") as sink:
            sink.write("\n".join([f"at={at}", *said]) + "\n")
            sink.flush()
            os.fsync(sink.fileno())
        os.replace(f"{file}.new", file)
    except OSError as error:
        print(f"{directory}: {error.strerror}", file=sys.stderr)


def output(directory: str, kind: str) -> int:
    """A descriptor of ``DIRECTORY/RES.KIND``, emptied; of nothing where it cannot be written."""
    try:
        os.makedirs(directory, exist_ok=True)
        return os.open(f"{directory}/{resource()}.{kind}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def unmark(directory: str, kind: str) -> None:
    """It is over."""
    try:
        os.unlink(f"{directory}/{resource()}.{kind}")
    except OSError:
        return


def shout(sentence: str) -> None:
    """A line in the system's log, as loud as can be, and on standard error."""
    import syslog

    print(sentence, file=sys.stderr)
    syslog.openlog("osvc_ha")
    syslog.syslog(syslog.LOG_CRIT, sentence)
