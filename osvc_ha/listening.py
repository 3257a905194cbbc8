"""Which TCP ports are taken on this machine, asked of the kernel directly.

/proc/net/tcp lists every connection, those that ended a minute ago included: behind a busy proxy that is
tens of thousands of rows and 50 ms a look. The sock_diag question that `ss -l` asks (sock_diag(7)) walks the
listening sockets only.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from typing import Tuple

Listening = Tuple[str, int]

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
REQUEST_DUMP = 0x301
ERROR, DONE = 2, 3
TCP_LISTEN = 10
HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
QUESTION = struct.Struct("=BBBxI48x")  # inet_diag_req_v2: family, protocol, extensions, states, any socket
PORT = struct.Struct("!H")  # in inet_diag_msg at byte 4, its address at byte 8, both in network order
LARGEST = 1 << 16


def ask_kernel(seconds: float) -> frozenset[Listening]:
    """(address, port) of every listening TCP socket; ``*`` for any address. OSError where the kernel does not answer such questions."""
    found: set[Listening] = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(seconds)
        for family, width in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
            question = QUESTION.pack(family, socket.IPPROTO_TCP, 0, 1 << TCP_LISTEN)
            kernel.send(HEADER.pack(HEADER.size + len(question), SOCK_DIAG_BY_FAMILY, REQUEST_DUMP, family, 0) + question)
            found.update((_address(body[8 : 8 + width]), PORT.unpack_from(body, 4)[0]) for body in _answers(kernel))
    return frozenset(found)


def _answers(kernel: socket.socket) -> Iterator[bytes]:
    while True:
        packet = kernel.recv(LARGEST)
        while packet:
            length, kind, *_ = HEADER.unpack_from(packet)
            if kind == DONE:
                return
            if kind == ERROR:
                number = -struct.unpack_from("=i", packet, HEADER.size)[0]
                raise OSError(number, os.strerror(number))
            yield packet[HEADER.size : length]
            packet = packet[(length + 3) & ~3 :]


def parse_listening(table: str) -> frozenset[Listening]:
    """/proc/net/tcp or tcp6 -> (address, port) of listening sockets; ``*`` for any address."""
    return frozenset(where for where, _ in parse_sockets(table))


def parse_sockets(table: str) -> Iterator[Tuple[Listening, str]]:
    """/proc/net/tcp or tcp6 -> (address, port) and inode of each listening socket; "" for an inode that is not told."""
    for line in table.split("\n")[1:]:
        columns = line.split(None, 4)
        if len(columns) > 3 and columns[3] == "0A":
            address, _, port = columns[1].partition(":")
            # The kernel prints each 32-bit word in host order (proc(5)); these machines are little-endian.
            raw = b"".join(bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8))
            rest = columns[4].split() if len(columns) > 4 else []
            yield (_address(raw), int(port, 16)), rest[5] if len(rest) > 5 else ""


def _address(raw: bytes) -> str:
    address = ipaddress.ip_address(raw)
    mapped = getattr(address, "ipv4_mapped", None)
    return "*" if address.is_unspecified else str(mapped or address)
