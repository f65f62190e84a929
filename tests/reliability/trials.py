"""What is tried: each trial gives how often, and what went wrong, one line for each failure."""

from __future__ import annotations

import os
import random
import shutil
import signal
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn.train.run_folder import Run, RunError

from .long import PARTS, measured, tiny
from .work import EPOCHS, FULL, READ_ONLY, STEPS, Faults, Net, deny, die, forked, result, settings, train

Outcome = Iterator[str]  # "" for what went well, else what went wrong


@dataclass(frozen=True)
class Trial:
    """`run(folder, count, rng)` tries `quick` or `full` times, 0 for as often as there are cases."""

    words: str
    run: Callable[[Path, int, random.Random], Outcome]
    quick: int
    full: int


TRIALS: list[Trial] = []


def trial(words: str, quick: int = 0, full: int = 0) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]:
    """Register a trial."""

    def register(run: Callable[..., Outcome]) -> Callable[..., Outcome]:
        TRIALS.append(Trial(words, run, quick, full))
        return run

    return register


def straight(folder: Path) -> bytes:
    """What a training that nothing happens to ends with."""
    train(folder / "straight")
    return result(folder / "straight")


def finished(folder: Path, want: bytes) -> str:
    """Go on with a run to its end; what is wrong with its bits or with what lies in its folder."""
    status = forked(lambda: train(folder))
    if status:
        return f"it does not go on: status {status}"
    if result(folder) != want:
        return "other bits"
    left = [path.name for path in folder.rglob(".*")]
    return f"left behind: {', '.join(left)}" if left else ""


def _struck(folder: Path, strike: Callable[[], None], at: int | None, report: Path | None = None) -> int:
    """Train with a fault at one moment; without `at` only count the moments."""

    def work() -> None:
        faults = Faults(folder, strike, at)
        train(folder)
        if report is not None:
            report.write_text(str(faults.count))

    return forked(work)


def _moments(folder: Path, count: int, rng: random.Random) -> list[int]:
    """Numbers of moments at which a training opens, writes, syncs, moves or removes a file: so many, 0 for all."""
    _struck(folder / "counted", die, None, folder / "count")
    moments = range(1, int((folder / "count").read_text()) + 1)
    return sorted(rng.sample(moments, min(count, len(moments)))) if count else [*moments]


@trial("the process is killed inside a write: at an open, half-way, around a sync, a move or a removal", 60)
def killed_in_writes(folder: Path, count: int, rng: random.Random) -> Outcome:
    want = straight(folder)
    for at in _moments(folder, count, rng):
        run = folder / f"at {at}"
        status = _struck(run, die, at)
        wrong = finished(run, want) if os.WIFSIGNALED(status) else f"it was not killed ({status})"
        yield f"moment {at}: {wrong}" if wrong else ""
        shutil.rmtree(run)


@trial("the process is killed at a random moment", 15, 500)
def killed_anywhere(folder: Path, count: int, rng: random.Random) -> Outcome:
    want = straight(folder)
    for k in range(count):
        run = folder / str(k)
        forked(lambda run=run: train(run, pause=0.004), after=rng.uniform(0.01, 0.3))
        yield finished(run, want)
        shutil.rmtree(run)


@trial("the disk is full at one of these moments", 40)
def disk_full(folder: Path, count: int, rng: random.Random) -> Outcome:
    yield from _denied(folder, count, rng, FULL)


@trial("the folder turns read-only at one of these moments", 20)
def read_only(folder: Path, count: int, rng: random.Random) -> Outcome:
    yield from _denied(folder, count, rng, READ_ONLY)


def _denied(folder: Path, count: int, rng: random.Random, number: int) -> Outcome:
    want = straight(folder)
    for at in _moments(folder, count, rng):
        run = folder / f"at {at}"
        status = _struck(run, deny(number), at)
        code = os.waitstatus_to_exitcode(status)
        if code == 0 or code == 3:  # it went on without a draft that could not be removed; or it said what failed
            wrong = finished(run, want)
            yield f"moment {at}: {wrong}" if wrong else ""
        else:
            yield f"moment {at}: it ended with {code}, not with a message that names the file"
        shutil.rmtree(run, ignore_errors=True)


@trial("a signal (INT, TERM, HUP) comes at a random moment", 15, 300)
def signals(folder: Path, count: int, rng: random.Random) -> Outcome:
    want = straight(folder)
    for k in range(count):
        run, number = folder / str(k), (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[k % 3]
        forked(lambda run=run: train(run, pause=0.004), after=rng.uniform(0.03, 0.3), number=number)
        yield finished(run, want)
        shutil.rmtree(run)


@trial("a second process trains in the same folder", 5, 100)
def two_writers(folder: Path, count: int, rng: random.Random) -> Outcome:
    want = straight(folder)
    for k in range(count):
        run = Run.create(folder / str(k))
        with run.writing():
            status = os.waitstatus_to_exitcode(forked(lambda run=run: train(run.path)))
            try:
                with Run.open(run.path).writing():
                    yield "the second was let in"
            except RunError:
                yield finished_later(status)
        yield finished(run.path, want)
        shutil.rmtree(run.path)


def finished_later(code: int) -> str:
    """What a second writer must have ended with."""
    return "" if code == 3 else f"the second ended with {code}, not with a refusal"


def _damage(data: bytearray, kind: str, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data))
    if kind == "a flipped bit":
        data[at] ^= 1 << rng.randrange(8)
    elif kind == "a cut":
        del data[at:]
    elif kind == "zeros":
        end = min(len(data), at + 4096)
        same = data[at:end] == bytes(end - at)
        data[at:end] = bytes(end - at) if not same else b"\x01" * (end - at)
    else:
        data[at:at] = struct.pack("<Q", rng.getrandbits(64))
    return data


@trial("the last checkpoint is damaged: a flipped bit, a cut, zeros, bytes too many", 40, 5000)
def damaged(folder: Path, count: int, rng: random.Random) -> Outcome:
    train(folder / "run")
    run = Run.open(folder / "run")
    last, before = run.checkpoints.steps()[:-3:-1]
    whole = run.checkpoints.place(last).read_bytes()
    for k in range(count):
        kind = ("a flipped bit", "a cut", "zeros", "bytes too many")[k % 4]
        run.checkpoints.place(last).write_bytes(_damage(bytearray(whole), kind, rng))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            state = run.load_state()
        if state is None or state["step"] != before or len(said) != 1:
            yield f"{kind} was not noticed"
        else:
            yield ""


@trial("the clock jumps between two steps", 5, 100)
def clock(folder: Path, count: int, rng: random.Random) -> Outcome:
    from tinygrad_cnn.train import loop, shipped

    want = straight(folder)
    plain = loop.perf_counter, shipped.monotonic
    for k in range(count):
        try:
            loop.perf_counter = shipped.monotonic = lambda: rng.uniform(-1e9, 1e9)  # type: ignore[assignment]
            train(folder / str(k))
        finally:
            loop.perf_counter, shipped.monotonic = plain  # type: ignore[assignment]
        yield "" if result(folder / str(k)) == want else "other bits"
        shutil.rmtree(folder / str(k))


@trial("a step is replayed", 24, 24)
def replays(folder: Path, count: int, rng: random.Random) -> Outcome:
    train(folder / "run")
    for step in range(1, EPOCHS * STEPS + 1):
        replay = Run.open(folder / "run").replay(step, Net(), **settings())
        norm = np.float32(_run_of(replay))
        yield "" if replay.same and norm == replay.record["norm"] else f"step {step}: other bits"


def _run_of(replay: object) -> float:
    replay.run()  # type: ignore[attr-defined]
    return float(replay.norm())  # type: ignore[attr-defined]


@trial("a second run of the same training", 3, 50)
def repeated(folder: Path, count: int, rng: random.Random) -> Outcome:
    want = straight(folder)
    for k in range(count):
        tg.set_num_threads(1 + k % 4)
        train(folder / str(k))
        yield "" if result(folder / str(k)) == want else f"other bits with {1 + k % 4} threads"
    tg.set_num_threads(1)


@trial("a training goes on for thousands of steps: memory must not grow by more than 2 %", 1, 10)
def flat_memory(folder: Path, count: int, rng: random.Random) -> Outcome:
    for k in range(count):
        gauge = measured(tiny, 4000 * (k + 1))
        half, end = gauge.memory[PARTS // 2], gauge.memory[PARTS - 1]
        yield "" if end <= 1.02 * half else f"{half / 2**20:.1f} MiB became {end / 2**20:.1f}"
