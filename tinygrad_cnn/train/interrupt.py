"""Ctrl-C as a wish that the loop reads between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class Interrupt:
    """Inside it, the first Ctrl-C calls `wish` and the second one raises KeyboardInterrupt at once.

    In a thread other than the main one, where Python delivers no signals, it does nothing.
    """

    def __init__(self, wish: Callable[[], Any]) -> None:
        self.wish, self._wished = wish, False
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self._wished:
            raise KeyboardInterrupt
        self._wished = True
        self.wish()
