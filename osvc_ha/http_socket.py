"""One question by HTTP to a unix socket: the agent's, a container engine's.

HTTP/1.0: the answer is never chunked and ends with the connection, so that ``Host.exchange`` bounds all of it by one
deadline; an HTTP client's timeout starts anew at every byte.
"""

from __future__ import annotations

from osvc_ha.cluster.alphabets import shown
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError


def ask(host: Host, socket: str, line: str, seconds: float, what: str, whose: str, headers: str = "") -> str:
    """The body of the answer to ``line`` (``GET /route``). headers: further ones, each with its line end.

    ObserveError, which begins with ``what``, for silence, for what is no HTTP (is it the socket of ``whose``?) and for
    any status but 200.
    """
    answer = host.exchange(socket, f"{line} HTTP/1.0\r\nHost: localhost\r\n{headers}\r\n", seconds)
    head, _, body = answer.partition("\r\n\r\n")
    words = head.partition("\r\n")[0].split()
    if len(words) < 2 or not words[0].startswith("HTTP/"):
        raise ObserveError(f"{what}: answers {shown(answer)!r}, which is not HTTP; is it {whose} socket?")
    if words[1] != "200":
        raise ObserveError(f"{what}: HTTP {words[1]}: {shown(body.strip())}")
    return body
