"""Ctrl-C, SIGTERM and SIGHUP as a wish that the loop reads between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Interrupt:
    """Inside it, the first signal calls `wish` with its name, and the second one raises KeyboardInterrupt at once.

    A signal that the process ignores, as under `nohup`, stays ignored.  In a thread other than the main one, where
    Python delivers no signals, it does nothing.
    """

    def __init__(self, wish: Callable[[str], Any]) -> None:
        self.wish, self._wished = wish, False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in SIGNALS if hasattr(signal, name)):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._wished:
            raise KeyboardInterrupt
        self._wished = True
        self.wish(signal.Signals(number).name)
