"""Batches made ahead, in a thread of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

END = object()


def ahead(batches: Any, count: int) -> Iterator[Any]:
    """The same batches, made by a thread that stays at most `count` ahead.  Errors come out at their place."""
    ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(count)
    room = threading.Semaphore(count)
    stopped = threading.Event()

    def work() -> None:
        try:
            while room.acquire() and not stopped.is_set():
                batch = next(batches, END)
                ready.put((batch, None))
                if batch is END:
                    return
        except BaseException as error:
            ready.put((None, error))

    thread = threading.Thread(target=work, name="tinygrad-cnn prefetch", daemon=True)
    thread.start()
    try:
        while True:
            batch, error = ready.get()
            if error is not None:
                raise error
            if batch is END:
                return
            room.release()
            yield batch
    finally:  # also when the loop is left early
        stopped.set()
        room.release()
        thread.join()
