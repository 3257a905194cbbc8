"""A member's name leads here, and on to its mongod: as a port that a router forwards."""

from __future__ import annotations

import contextlib
import socket
import threading


class Door:
    """Nobody passes until it is ``open``. unknown: a command that mongod behind it does not know, by what it is told instead."""

    def __init__(self, address: str, behind: str, port: int, unknown: str = "") -> None:
        self.open = threading.Event()
        self._behind, self._sockets = (behind, port), []
        # The name of a command is that of its first field, and they are told apart by capitals too.
        self._words = (f"\x10{unknown}\0".encode(), f"\x10{unknown.upper()}\0".encode()) if unknown else (b"", b"")
        self._ear = socket.create_server((address, port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._ear.accept()[0],), daemon=True).start()

    def _serve(self, outside: socket.socket) -> None:
        self._sockets.append(outside)
        self.open.wait()
        with contextlib.suppress(OSError):
            inside = socket.create_connection(self._behind)
            self._sockets.append(inside)
            threading.Thread(target=self._copy, args=(inside, outside), daemon=True).start()
            self._copy(outside, inside, *self._words)

    def _copy(self, giver: socket.socket, taker: socket.socket, known: bytes = b"", instead: bytes = b"") -> None:
        with contextlib.suppress(OSError):
            while words := giver.recv(65536):
                taker.sendall(words.replace(known, instead) if known else words)
        for one in (giver, taker):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Nobody passes any more."""
        self.open.set()
        for one in (self._ear, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
