"""A small training in a run folder, in forked processes that are killed, stopped or denied their disk."""

from __future__ import annotations

import builtins
import errno
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.data import ArrayDataset, DataLoader
from tinygrad_cnn.train import Checkpoint
from tinygrad_cnn.train.run_folder import Run

EPOCHS, STEPS = 3, 8  # in an epoch
DATA = ArrayDataset(np.random.default_rng(0).random((40, 6, 6, 1), dtype=np.float32), np.arange(40) % 3)


class Net(nn.Module):
    """Draws random numbers and keeps statistics, so that every part of a checkpoint counts."""

    def __init__(self) -> None:
        self.conv = nn.Conv2d(1, 2, 3, rng=0)
        self.norm = nn.BatchNorm2d(2)
        self.drop = nn.Dropout(0.3, rng=1)
        self.out = nn.Linear(32, 3, rng=2)

    def forward(self, x: Any) -> Any:
        x = tg.dropout(self.norm(self.conv(x)), 0.2, training=self.training)
        return self.out(self.drop(tg.reshape(x, (len(x), -1))))


def settings() -> dict[str, Any]:
    """The arguments of `fit`, and of `Run.replay`."""
    return {"data": DataLoader(DATA, 5, shuffle=True, seed=4), "epochs": EPOCHS, "lr": 0.01, "schedule": "cosine"}


def train(folder: Path, *, callbacks: Any = (), pause: float = 0.0) -> tg.History:
    """Begin the training in a folder, or go on with it."""
    run = Run.open(folder) if (folder / "config.json").is_file() else Run.create(folder)
    tg.manual_seed(3)
    looking = [*callbacks, Checkpoint(run, steps=3)]
    if pause:

        class Slow(tg.train.Callback):
            def on_step(self, training: Any) -> None:
                time.sleep(pause)

        looking.insert(0, Slow())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return tg.fit(Net(), **settings(), progress=False, callbacks=looking)


def result(folder: Path) -> bytes:
    """The weights and the flight record, which are what must not depend on what happened."""
    return (folder / "model.safetensors").read_bytes() + (folder / "flight.bin").read_bytes()


def forked(work: Callable[[], Any], *, after: float | None = None, number: int = signal.SIGKILL) -> int:
    """Do some work in a child, sent a signal `after` some seconds if it still runs; return its wait status."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: there are none that compute
        child = os.fork()
    if not child:
        code = 1
        try:
            devnull = os.open(os.devnull, os.O_RDWR)
            os.dup2(devnull, 2)
            work()
            code = 0
        except BaseException as error:
            code = 3 if says_what(error) else 4
        finally:
            os._exit(code)
    if after is not None:
        time.sleep(after)
        os.kill(child, number)
    return os.waitpid(child, 0)[1]


def says_what(error: BaseException) -> bool:
    """Whether an error names a file of the run, or is a refusal in words."""
    return isinstance(error, (OSError, tg.train.RunError)) and len(str(error)) > 20


class Faults:
    """Counts what a process does to the files below a folder, and strikes at one of these moments."""

    def __init__(self, folder: Path, strike: Callable[[], None], at: int | None = None) -> None:
        self.folder, self.strike, self.at, self.count = str(folder), strike, at, 0
        sys.addaudithook(self._audit)
        self._patch()

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        opens = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        if opens or event in ("os.rename", "os.remove", "os.mkdir", "os.truncate"):
            self._moment(args[0])

    def _patch(self) -> None:
        """Bring the moments around a sync, and in the middle of what is written, to the count."""
        fsync, plain_open = os.fsync, builtins.open

        def synced(file: int) -> None:
            self._moment(self.folder)
            fsync(file)
            self._moment(self.folder)

        def opened(name: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
            file = plain_open(name, mode, *args, **options)
            if set(mode) & set("wx") and str(name).startswith(self.folder):
                return Halved(file, self)
            return file

        os.fsync, builtins.open = synced, opened  # type: ignore[assignment]

    def _moment(self, path: Any) -> None:
        if str(path).startswith(self.folder):
            self.count += 1
            if self.count == self.at:
                self.strike()


class Halved:
    """A file whose writes may be cut in the middle."""

    def __init__(self, file: Any, faults: Faults) -> None:
        self._file, self._faults = file, faults

    def write(self, data: Any) -> Any:
        half = len(data) // 2
        self._file.write(data[:half])
        self._file.flush()
        self._faults._moment(self._faults.folder)
        self._file.write(data[half:])
        return len(data)

    def writelines(self, pieces: Any) -> None:
        for piece in pieces:
            self.write(piece)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Halved:
        self._file.__enter__()
        return self

    def __exit__(self, *args: Any) -> Any:
        return self._file.__exit__(*args)


def die() -> None:
    """End this process at once, as loss of power does to it."""
    os.kill(os.getpid(), signal.SIGKILL)


def deny(number: int) -> Callable[[], None]:
    """Return what raises the error of a disk."""

    def strike() -> None:
        raise OSError(number, os.strerror(number))

    return strike


FULL, READ_ONLY = errno.ENOSPC, errno.EROFS
