"""One call of Cloudflare's API, by its official SDK: token, deadline, budget, retries, and an error that a person can act on.

The SDK is used for what it is good at, addresses and fields, and read raw: its models of 10,000 records take 20 times as
long as their JSON. Its own retries are off: they know no deadline, no budget, and send a write again that may have been done.
"""

from __future__ import annotations

import functools
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError
from osvc_ha.secret import read_secret
from osvc_ha.systems.dns.config import Config

from .cloudflare_budget import Budget
from .cloudflare_errors import NoAnswer, NoToken, Refusal, Throttled, explained

TRIES = 4
# One look, or one write, with all its retries: so many times the deadline of one call.
PATIENCE = 3.0

Ask = Callable[[Any], Any]


class Calls:
    """Calls of the API for one zone. ``get`` and ``send`` raise the errors of cloudflare_errors, and Spent; all are HaError."""

    def __init__(self, config: Config, host: Host) -> None:
        self.config = config
        self.host = host
        self.budget = Budget(config.runtime_dir / "cloudflare-calls.json", config.budget, host)
        self._client: Any = None
        self._token = ""

    def get(self, what: str, right: str, ask: Ask) -> Any:
        """The parsed answer of a call that changes nothing; tried again after a 429, a 5xx, or no answer. right: what it needs."""
        return self._tried(what, right, ask, (Throttled, NoAnswer))

    def send(self, what: str, right: str, ask: Ask) -> Any:
        """The same for a call that writes: tried again after a 429 only. After NoAnswer it may have been done: look first."""
        return self._tried(what, right, ask, (Throttled,))

    def pause(self, tried: int) -> None:
        """Wait before another try, longer each time, and no two nodes the same."""
        self.host.sleep(_pause(tried))

    def _tried(self, what: str, right: str, ask: Ask, again: tuple[type[HaError], ...]) -> Any:
        from tenacity import RetryCallState, Retrying, retry_if_exception_type

        end = self.host.monotonic() + PATIENCE * self.config.timeout

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome is not None else None
            asked = error.wait if isinstance(error, Throttled) else 0.0
            return asked + _pause(state.attempt_number)

        def stop(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome is not None else None
            asked = error.wait if isinstance(error, Throttled) else 0.0
            return state.attempt_number >= TRIES or self.host.monotonic() + asked >= end

        retrying = Retrying(retry=retry_if_exception_type(again), stop=stop, wait=wait, sleep=self.host.sleep, reraise=True)
        try:
            return retrying(self._once, what, ask)
        except Refusal as refusal:
            raise explained(refusal, right, self._where(), self._verified) from None

    def _once(self, what: str, ask: Ask) -> Any:
        import cloudflare
        import httpx

        token = self._read_token()
        self.budget.take()
        client = self._ready(token)
        give_up = time.monotonic() + self.config.timeout
        try:
            with ask(client) as response:
                text = _read(response, give_up)
            return json.loads(text)
        except cloudflare.APIStatusError as error:
            raise self._judged(what, error) from None
        except (cloudflare.APIConnectionError, httpx.HTTPError, TimeoutError) as error:
            words = str(error.__cause__ or error) or type(error).__name__
            raise NoAnswer(f"{what}: no answer from {self.config.api_url} within {self.config.timeout:g} s: {words}") from None
        except ValueError as error:
            raise NoAnswer(f"{what}: the answer of {self.config.api_url} is no JSON: {error}") from None

    def _judged(self, what: str, error: Any) -> HaError:
        """Cloudflare's answer that is no success, as one of our errors."""
        refusal = Refusal.of(what, error.status_code, error.body, error.response.headers.get("cf-ray", ""))
        if error.status_code == 429:
            wait = _seconds(error.response.headers.get("retry-after"))
            self.budget.close_until(self.host.now() + wait)
            return Throttled(f"{refusal}; it asks to wait {wait:.0f} s", wait)
        if error.status_code >= 500 or error.status_code == 408:
            return NoAnswer(str(refusal))
        return refusal

    def _verified(self) -> Optional[str]:
        """active, disabled or expired, as Cloudflare says about the token itself; None when it does not know it, or cannot be asked."""
        try:
            told = self._once("verifying the token", lambda client: client.user.tokens.with_streaming_response.verify())
            return str(told["result"]["status"])
        except (HaError, KeyError, TypeError):
            return None

    def _ready(self, token: str) -> Any:
        """The SDK's client. The token is read for each call: one that was replaced on disk is used without a restart."""
        import cloudflare

        if self._client is None or token != self._token:
            url, seconds = self.config.api_url, self.config.timeout
            link = cloudflare.DefaultHttpxClient(base_url=url, timeout=seconds, verify=_trusted())
            client = cloudflare.Cloudflare(api_token=token, base_url=url, timeout=seconds, max_retries=0, http_client=link)
            # The SDK takes these from the environment, and would send them instead of the token.
            client.api_key = client.api_email = client.user_service_key = None
            self._client, self._token = client, token
        return self._client

    def _read_token(self) -> str:
        if self.config.token_file:
            return read_secret("token_file", Path(self.config.token_file), self.host, "write the API token into it").strip()
        found = os.environ.get(self.config.token_env, "").strip()
        if not found:
            way = f"set the keyword token_file, or the environment variable {self.config.token_env}"
            raise NoToken(f"no Cloudflare API token: {self._where()} is empty or not there; {way}")
        return found

    def _where(self) -> str:
        return self.config.token_file or f"${self.config.token_env}"


@functools.lru_cache(maxsize=1)
def _trusted() -> Any:
    """The certificates that are trusted: reading them takes 20 ms and more, as long as all the rest of a look."""
    import httpx

    return httpx.create_ssl_context()


def _read(response: Any, give_up: float) -> bytes:
    """The whole body, by then: the SDK's time-out starts anew with each piece that comes."""
    pieces = []
    for piece in response.iter_bytes():
        pieces.append(piece)
        if time.monotonic() > give_up:
            raise TimeoutError(f"still incomplete after {sum(map(len, pieces))} bytes")
    return b"".join(pieces)


def _pause(tried: int) -> float:
    """Half a second, doubled with each try; jitter over the whole of it."""
    return random.uniform(0.1, 0.5) * 2.0 ** (tried - 1)


def _seconds(header: Optional[str]) -> float:
    """Retry-After in seconds, ten minutes at most; a second when there is none. What is no number counts as a minute."""
    if header is None:
        return 1.0
    try:
        asked = float(header)
    except ValueError:
        return 60.0
    return min(max(asked, 0.0), 600.0) if asked == asked else 60.0
