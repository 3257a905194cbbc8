"""What touching the mount point and the device told (client/touch.py). Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Tuple

from osvc_ha.planner.errors import ObserveError


@dataclass(frozen=True)
class Place:
    """The mount point. path: without symbolic links on the way. link: where it points, when it is one itself.

    kind: absent, directory or other. entries: some of what is in a directory on which nothing is mounted.
    """

    path: str
    link: str = ""
    kind: str = "directory"
    entries: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Device:
    """What is to be mounted. number: ``major:minor`` of a block device. trouble: why it cannot be used, a sentence; "" when it can."""

    number: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class Answer:
    """How a mount answered. hung: not in time. error: the errno's name and the system's words. same: a folder's mount is that folder.

    used: percent of its space, -1 when not told. stuck: a process that asked before waits in the kernel still, its pid.
    """

    hung: bool = False
    error: str = ""
    words: str = ""
    same: bool = True
    used: int = -1
    stuck: int = 0

    @property
    def well(self) -> bool:
        """It answers."""
        return not self.hung and not self.error


@dataclass(frozen=True)
class Client:
    """The FUSE process that serves a mount: pid 0 when there is none on this node."""

    pid: int = 0
    argv: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Touched:
    """All of it."""

    place: Place
    device: Device
    answer: Answer
    client: Client


def parse_touched(text: str) -> Touched:
    """The program's JSON. ObserveError when it is none, or lacks a part."""
    try:
        told = json.loads(text)
        client = Client(int(told["client"]["pid"]), tuple(str(word) for word in told["client"]["argv"]))
        return Touched(_place(told["place"]), _device(told["device"]), _answer(told["answer"]), client)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ObserveError(f"looking at the mount point: unreadable answer {text[:200]!r} ({type(error).__name__}: {error})") from error


def _place(told: Mapping[str, Any]) -> Place:
    return Place(str(told["path"]), str(told["link"]), str(told["kind"]), tuple(str(entry) for entry in told["entries"]))


def _device(told: Mapping[str, Any]) -> Device:
    return Device(str(told["number"]), str(told["trouble"]))


def _answer(told: Mapping[str, Any]) -> Answer:
    return Answer(bool(told["hung"]), str(told["error"]), str(told["words"]), bool(told["same"]), int(told["used"]), int(told["stuck"]))
