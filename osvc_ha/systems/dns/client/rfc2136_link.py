"""The way to a primary server: addresses, one TCP connection, signatures, deadlines. It knows messages, and no records."""

from __future__ import annotations

import contextlib
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, List, NoReturn, Optional, Tuple, TypeVar, Union

from osvc_ha.systems.dns.state.servers import Server

from .rfc2136_key import TsigKey
from .rfc2136_words import BAD_KEY, BAD_SIGNATURE, UNSIGNED, Answered, Silent, Unanswered, bad_clock, refusal

if TYPE_CHECKING:
    import dns.message
    import dns.tsig

ResultT = TypeVar("ResultT")
RESOLVE_SECONDS = 3.0
# A transfer may take several times the deadline of one answer, for it is many.
TRANSFER_SECONDS = 60.0
FUDGE = 300


class Link:
    """The servers that take updates of one zone, in order of preference. They must be one and the same primary, reached by several
    addresses, or primaries that share what they hold: whatever is listed on one of them is changed on it too.
    """

    def __init__(self, servers: Tuple[Server, ...], key: Optional[TsigKey], zone: str, seconds: float) -> None:
        self._servers = servers
        self._key = key
        self._zone = zone
        self._seconds = seconds
        self._preferred = 0

    @property
    def key_words(self) -> str:
        """The key, as messages call it."""
        return f"the TSIG key {self._key.name} ({self._key.algorithm})" if self._key else "unsigned requests"

    def reading(self, work: Callable[[Wire], ResultT]) -> ResultT:
        """Do it on the server that answered last, on the next when that one is silent. Silent when all are, with a sentence for each."""
        return self._on_one(work, (Silent, Unanswered))

    def writing(self, work: Callable[[Wire], ResultT]) -> ResultT:
        """The same, but nothing that was sent to one server is sent to another: it may have been done."""
        return self._on_one(work, (Silent,))

    def _on_one(self, work: Callable[[Wire], ResultT], passing: Tuple[type[Exception], ...]) -> ResultT:
        words: List[str] = []
        for turn in range(len(self._servers)):
            number = (self._preferred + turn) % len(self._servers)
            try:
                with self._connect(self._servers[number]) as wire:
                    found = work(wire)
            except passing as error:
                words.append(str(error))
                continue
            self._preferred = number
            return found
        raise Silent("; ".join(words))

    @contextlib.contextmanager
    def _connect(self, server: Server) -> Iterator[Wire]:
        shown = f"[{server[0]}]:{server[1]}" if ":" in server[0] else f"{server[0]}:{server[1]}"
        give_up = time.monotonic() + self._seconds
        words = f"{shown}: the name does not resolve"
        for family, address in _addresses(server, min(self._seconds, RESOLVE_SECONDS)):
            peer = socket.socket(family, socket.SOCK_STREAM)
            try:
                peer.settimeout(max(0.05, give_up - time.monotonic()))
                peer.connect(address)
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                peer.close()
                words = f"{shown}: {error.strerror or f'no answer within {self._seconds:g} s'}"
                continue
            # Reading ends by a deadline of its own: this one is for what is sent.
            peer.settimeout(None)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(self._seconds) + 1, 0))
            wire = Wire(peer, shown, self._key, self._zone, self._seconds, self.key_words)
            with peer, contextlib.closing(wire):
                yield wire
            return
        raise Silent(f"{words}; is the server running, and does TCP reach it from here?")


class Wire:
    """One connection. ``where`` names the server in messages."""

    def __init__(self, peer: socket.socket, where: str, key: Optional[TsigKey], zone: str, seconds: float, key_words: str) -> None:
        self._peer = peer
        self.where = where
        self._key = key
        self._zone = zone
        self._seconds = seconds
        self._key_words = key_words
        self._frames: queue.SimpleQueue[Union[bytes, OSError]] = queue.SimpleQueue()
        threading.Thread(target=self._read_all, daemon=True).start()

    def close(self) -> None:
        """Ends its thread too."""
        with contextlib.suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)

    def ask(self, message: dns.message.Message, do: str, fine: Tuple[str, ...] = ("NOERROR",)) -> dns.message.Message:
        """Send it signed; the answer, verified. do: in words, "update example.com". fine: rcodes that are no refusal.

        Answered when it is a refusal, Unanswered when none came.
        """
        (answer,) = self.stream(message, do, lambda found: True, fine)
        return answer

    def stream(
        self,
        message: dns.message.Message,
        do: str,
        last: Callable[[dns.message.Message], bool],
        fine: Tuple[str, ...] = ("NOERROR",),
    ) -> Iterator[dns.message.Message]:
        """The answers up to and with the one that ``last`` is true of."""
        import dns.exception
        import dns.message
        import dns.rcode

        key = self._sign(message)
        give_up = time.monotonic() + self._seconds
        end = time.monotonic() + max(self._seconds, TRANSFER_SECONDS)
        try:
            wire = message.to_wire(max_size=65535)
        except dns.exception.TooBig as error:
            raise Answered("TOOBIG", f"one name with its values is over 64 KiB, which no message of DNS holds (to {do})") from error
        self._send(struct.pack("!H", len(wire)) + wire, do)
        context, done = None, False
        while not done:
            wire = self._receive(min(give_up, end), do)
            answer = self._read(wire, message, key, context, do)
            if answer.id != message.id:
                raise Unanswered(f"{self.where}: answered something else than what it was asked ({do}); check server")
            code = dns.rcode.to_text(answer.rcode())
            if code not in fine:
                raise refusal(code, self.where, do, self._key_words)
            context, done = answer.tsig_ctx, last(answer)
            # Of a transfer, messages between the first and the last may go unsigned (RFC 8945 5.3.1).
            if key is not None and not answer.had_tsig and (done or context is None):
                raise Answered("UNSIGNED", f"{self.where} {UNSIGNED.format(key=self._key_words)}")
            give_up = time.monotonic() + self._seconds
            yield answer

    def _sign(self, message: dns.message.Message) -> Optional[dns.tsig.Key]:
        import dns.name
        import dns.tsig

        if self._key is None:
            return None
        key = dns.tsig.Key(dns.name.from_text(self._key.name), self._key.secret, self._key.algorithm)
        message.use_tsig(key, fudge=FUDGE)
        return key

    def _read(self, wire: bytes, question: dns.message.Message, key: Optional[dns.tsig.Key], context: Any, do: str) -> dns.message.Message:
        """One answer, its signature verified when it has one."""
        import dns.exception
        import dns.message
        import dns.tsig

        try:
            # multi: else an unsigned refusal would be a broken message, and its reason lost.
            return dns.message.from_wire(
                wire,
                keyring=key,
                request_mac=question.mac,
                xfr=True,
                tsig_ctx=context,
                multi=True,
                one_rr_per_rrset=True,
            )
        except (dns.tsig.PeerError, dns.tsig.BadTime, dns.tsig.BadSignature, dns.tsig.BadKey, dns.message.UnknownTSIGKey) as error:
            self._explain(error, wire, do)
        except (dns.exception.DNSException, struct.error, ValueError) as error:
            raise Answered("FORMERR", f"{self.where}: what it answered when asked to {do} cannot be read: {error}") from error

    def _explain(self, error: Exception, wire: bytes, do: str) -> NoReturn:
        """TSIG's own refusals."""
        import dns.message
        import dns.tsig

        if isinstance(error, (dns.tsig.PeerBadTime, dns.tsig.BadTime)):
            signed = dns.message.from_wire(wire, keyring=False, xfr=True, multi=True).tsig
            ours, theirs = time.time(), None
            if signed is not None:
                # RFC 8945 5.2.3: the server's clock is in Other Data, and Time Signed repeats ours.
                other = bytes(signed[0].other)
                ours, theirs = (signed[0].time_signed, int.from_bytes(other, "big")) if len(other) == 6 else (ours, signed[0].time_signed)
            raise bad_clock(self.where, self._key_words, ours, theirs, FUDGE) from error
        if isinstance(error, (dns.tsig.PeerBadSignature, dns.tsig.BadSignature)):
            raise Answered("BADSIG", f"{self.where} {BAD_SIGNATURE.format(key=self._key_words)} [BADSIG]") from error
        raise Answered("BADKEY", f"{self.where} {BAD_KEY.format(key=self._key_words, do=do)} [BADKEY]") from error

    def _send(self, data: bytes, do: str) -> None:
        try:
            self._peer.sendall(data)
        except OSError as error:
            raise Unanswered(self._silence(error, do)) from error

    def _receive(self, give_up: float, do: str) -> bytes:
        try:
            found = self._frames.get(timeout=max(0.001, give_up - time.monotonic()))
        except queue.Empty:
            raise Unanswered(self._silence(TimeoutError(), do)) from None
        if isinstance(found, OSError):
            raise Unanswered(self._silence(found, do))
        if not found:
            raise Unanswered(f"{self.where}: closed the connection when asked to {do}; its own log says why")
        return found

    def _read_all(self) -> None:
        """Until the connection ends. A thread of its own: Knot cuts a transfer off when it cannot send for half a second
        (tcp-io-timeout), and to understand 10,000 records takes about as long.
        """
        try:
            with self._peer.makefile("rb") as stream:
                while len(head := stream.read(2)) == 2 and len(frame := stream.read(int.from_bytes(head, "big"))) == int.from_bytes(
                    head, "big"
                ):
                    self._frames.put(frame)
            self._frames.put(b"")
        except OSError as error:
            self._frames.put(error)

    def _silence(self, error: OSError, do: str) -> str:
        if isinstance(error, (TimeoutError, socket.timeout, BlockingIOError)):
            return f"{self.where}: no answer within {self._seconds:g} s when asked to {do}"
        return f"{self.where}: {error.strerror or error} when asked to {do}"


def _addresses(server: Server, seconds: float) -> List[Tuple[socket.AddressFamily, Tuple[object, ...]]]:
    """Every address of a host name, IPv6 and IPv4 as the resolver orders them; looked up with a deadline, which getaddrinfo has not."""
    found: List[Tuple[socket.AddressFamily, Tuple[object, ...]]] = []

    def look_up() -> None:
        with contextlib.suppress(OSError, UnicodeError):
            found.extend((family, address) for family, _, _, _, address in socket.getaddrinfo(*server, type=socket.SOCK_STREAM))

    with contextlib.suppress(ValueError):
        return [(socket.AF_INET6 if ip_address(server[0]).version == 6 else socket.AF_INET, server)]
    asking = threading.Thread(target=look_up, daemon=True)
    asking.start()
    asking.join(seconds)
    return list(found)
