"""The network between the nodes: an Ethernet hub in user space whose cables can be cut. A process of its own.

    python -m osvc_ha.drill.uml.switch DIRECTORY NODE...

Each node's kernel connects to ``DIRECTORY/NODE.sw`` (transport ``bess`` of User-Mode Linux: one frame a packet). On standard
input, one line for all that is cut, in place of what was cut before: words ``n1`` (that node), ``n1:n2`` (between these two)
and ``n1:n2:7788`` (TCP of that port between these two: one link of two). Each line is answered by itself. It ends with its
standard input, and so with whoever started it.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
from collections.abc import Sequence
from typing import Dict, FrozenSet, Set, Tuple

LARGEST_FRAME = 70_000
IPV4, TCP = b"\x08\x00", 6
READY = "ready"


class Cables:
    """What is cut, asked for every frame."""

    def __init__(self, words: str = "") -> None:
        self._nodes: Set[str] = set()
        self._pairs: Set[FrozenSet[str]] = set()
        self._ports: Set[Tuple[FrozenSet[str], int]] = set()
        for word in words.split():
            names = word.split(":")
            if len(names) == 1:
                self._nodes.add(word)
            elif len(names) == 2:
                self._pairs.add(frozenset(names))
            else:
                self._ports.add((frozenset(names[:2]), int(names[2])))

    def carries(self, sender: str, receiver: str, frame: bytes) -> bool:
        """Does this frame get through?"""
        pair = frozenset((sender, receiver))
        if pair & self._nodes or pair in self._pairs:
            return False
        return not self._ports or not any((pair, port) in self._ports for port in tcp_ports(frame))


def tcp_ports(frame: bytes) -> Tuple[int, ...]:
    """Source and destination of a frame with TCP in IPv4; nothing for any other."""
    if frame[12:14] != IPV4 or len(frame) < 34 or frame[23] != TCP:
        return ()
    start = 14 + (frame[14] & 15) * 4
    return int.from_bytes(frame[start : start + 2], "big"), int.from_bytes(frame[start + 2 : start + 4], "big")


class Hub:
    """Every frame goes to every other node, as far as the cables carry it."""

    def __init__(self, directory: str, nodes: Sequence[str]) -> None:
        self._cables = Cables()
        self._sockets: Dict[str, socket.socket] = {}
        self._wake = selectors.DefaultSelector()
        for node in nodes:
            door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            door.bind(os.path.join(directory, f"{node}.sw"))
            door.listen(4)
            self._wake.register(door, selectors.EVENT_READ, ("door", node))
        self._wake.register(0, selectors.EVENT_READ, ("words", ""))

    def run(self) -> None:
        """Until standard input ends."""
        self._answer(READY)
        while True:
            for key, _ in self._wake.select():
                sort, node = key.data
                if sort == "words":
                    if not self._obey():
                        return
                elif isinstance(key.fileobj, socket.socket):
                    (self._admit if sort == "door" else self._forward)(key.fileobj, node)

    def _answer(self, words: str) -> None:
        os.write(1, f"{words}\n".encode())

    def _obey(self) -> bool:
        given = os.read(0, 65536).decode()
        for line in given.splitlines():
            self._cables = Cables(line)
            self._answer(line)
        return bool(given)

    def _admit(self, door: socket.socket, node: str) -> None:
        """A node that was killed and boots again connects anew."""
        fresh, _ = door.accept()
        fresh.setblocking(False)
        if node in self._sockets:
            self._drop(node)
        self._sockets[node] = fresh
        self._wake.register(fresh, selectors.EVENT_READ, ("node", node))

    def _drop(self, node: str) -> None:
        old = self._sockets.pop(node)
        self._wake.unregister(old)
        old.close()

    def _forward(self, sender: socket.socket, node: str) -> None:
        try:
            frame = sender.recv(LARGEST_FRAME)
        except BlockingIOError:
            return
        except OSError:
            frame = b""
        if not frame:
            if self._sockets.get(node) is sender:
                self._drop(node)
            return
        for other, receiver in self._sockets.items():
            if other != node and self._cables.carries(node, other, frame):
                try:
                    receiver.send(frame)
                except OSError:
                    # Its queue is full, or it is just dying: a wire drops the frame.
                    continue


if __name__ == "__main__":
    Hub(sys.argv[1], sys.argv[2:]).run()
