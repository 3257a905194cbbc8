"""A thread for what cannot be told to stop: a resolver that hangs, a library that waits. Who asks it waits no longer than it wants."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Optional, Tuple, TypeVar

from osvc_ha.planner.errors import HaError

ResultT = TypeVar("ResultT")


class Aside:
    """One thread, which does one thing after the other. It is left behind when somebody has waited long enough, and ends on its own."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Optional[Callable[[], None]]] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def do(self, job: Callable[[], ResultT], seconds: float) -> ResultT:
        """What it returns, or the HaError that it raises; TimeoutError after so many seconds."""
        told: queue.SimpleQueue[Tuple[Optional[ResultT], Optional[HaError]]] = queue.SimpleQueue()

        def run() -> None:
            try:
                told.put((job(), None))
            except HaError as error:
                told.put((None, error))

        self._jobs.put(run)
        try:
            result, error = told.get(timeout=max(0.0, seconds))
        except queue.Empty as late:
            raise TimeoutError from late
        if error is not None:
            raise error
        return result  # type: ignore[return-value]

    def end(self, last: Optional[Callable[[], None]] = None) -> None:
        """After all that it was given, and this. Nobody waits for it."""
        if last is not None:
            self._jobs.put(last)
        self._jobs.put(None)
