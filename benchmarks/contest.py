"""The protocol: workers started, asked in turn, their times compared pair by pair."""

from __future__ import annotations

import json
import os
import selectors
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import tinygrad_cnn

from .sides import SIDES, Entry

FOLDER = Path(__file__).parent

# What every process of a side begins with.  Python puts the current folder first on the path of a program given by -c:
# in a clone its sources, which may have no compiled kernels, would hide the installed package.  The folder of the
# package that is measured comes last, for an interpreter that does not have it installed.
PATH = """
import sys
if sys.path[0] == "": del sys.path[0]
if sys.argv[1]: sys.path.append(sys.argv[1])
"""
ROOT = str(Path(tinygrad_cnn.__file__).parents[1])

# Loads this folder as a package by its path, since it is not installed in the side's interpreter.
BOOTSTRAP = PATH + """
import importlib.util
folder, module, setting, threads = sys.argv[2:]
file = folder + "/__init__.py"
spec = importlib.util.spec_from_file_location("benchmarks", file, submodule_search_locations=[folder])
sys.modules["benchmarks"] = importlib.util.module_from_spec(spec)
from benchmarks.worker import main
main(module, setting, int(threads))
"""
PATIENCE = 180.0  # seconds that a side may take to answer
CALM = 0.3  # cores that other processes may use during a round that counts as calm
PAUSE = 0.08  # seconds of rest between two sides, in which the first one's threads stop spinning


ISA = {  # what keeps a library from newer instructions than these
    "": {},
    "AVX2": {
        "TINYGRAD_CNN_ISA": "v3", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2", "OPENBLAS_CORETYPE": "Haswell",
    },
}  # fmt: skip


def environment(entry: Entry, threads: int, isa: str = "") -> dict[str, str]:
    """The environment of a side: `threads` for every library that listens, and instructions no newer than `isa`."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TINYGRAD_CNN_THREADS")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TINYGRAD_CNN_")}
    return {**inherited, **dict.fromkeys(names, str(threads)), **ISA[isa], **entry.environment}


def root_of(entry: Entry) -> str:
    """The folder that holds the package to measure; of rivals, which are installed, an empty text."""
    return ROOT if entry.module == "ours" else ""


class Absent(Exception):
    """The side cannot take part; the text says why."""


class Worker:
    """One side in its process."""

    def __init__(self, name: str, threads: int, python: str = sys.executable, isa: str = "") -> None:
        entry = SIDES[name]
        command = [python, "-c", BOOTSTRAP, root_of(entry), str(FOLDER), entry.module, entry.setting, str(threads)]
        self.name, self.errors = name, tempfile.TemporaryFile()  # noqa: SIM115 closed by close()
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                env=environment(entry, threads, isa),
            )  # fmt: skip
        except OSError as error:
            self.errors.close()
            raise Absent(f"{python} does not start: {error.strerror}") from None
        self.selector = selectors.DefaultSelector()
        assert self.process.stdout is not None
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.version: str = self._answer()["version"]

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write((json.dumps({"do": do, **order}) + "\n").encode())
            self.process.stdin.flush()
        except OSError:
            raise Absent(self._last_words()) from None
        answer = self._answer()
        if "error" in answer:
            raise Absent(answer["error"])
        return answer

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        if not self.selector.select(PATIENCE):
            self.close()
            raise Absent(f"no answer for {PATIENCE:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise Absent(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        """Why the process ended: the last line that it wrote, else its exit status."""
        status = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        ended = f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
        self.close()
        return lines[-1] if lines and status > 0 else ended

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            if stream is not None and not stream.closed:
                with suppress(OSError):  # an order that was never read
                    stream.close()
        self.selector.close()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


Found = dict[str, dict[str, Any]]  # what came of a case, by side


def compete(workers: Sequence[Worker], task: dict[str, Any], rounds: int, seconds: float) -> Found:
    """Let every worker do the task, a block each in turn, `rounds` times.

    Rounds in which other processes kept the cores busy are repeated, at most as many as were asked for, and the
    calmest ones count.  Every other round runs backwards, so that a machine that gets slower or faster favours nobody.
    """
    found: Found = {}
    ready = []
    for worker in workers:
        try:
            losses = worker.ask("prepare", task=task, seconds=10 * seconds)["losses"]
        except Absent as reason:
            found[worker.name] = {"absent": str(reason)}
            continue
        found[worker.name] = {"losses": losses}
        ready.append(worker)
    turns: list[dict[str, dict[str, Any]]] = []
    while ready and len(turns) < 2 * rounds and sum(_others(turn) < CALM for turn in turns) < rounds:
        turn = {}
        for worker in ready[:: -1 if len(turns) % 2 else 1]:
            time.sleep(PAUSE)
            try:
                turn[worker.name] = worker.ask("block", seconds=seconds)
            except Absent as reason:
                found[worker.name] = {"absent": str(reason)}
        ready = [worker for worker in ready if "absent" not in found[worker.name]]
        turns.append(turn)
    calmest = sorted(turns, key=_others)[:rounds]
    for worker in ready:
        blocks = [turn[worker.name] for turn in calmest]
        found[worker.name]["blocks"] = [statistics.median(block["times"]) for block in blocks]
        found[worker.name]["best"] = min(min(block["times"]) for block in blocks)
        found[worker.name]["others"] = statistics.median(block["others"] for block in blocks)
    return found


def _others(turn: dict[str, dict[str, Any]]) -> float:
    """How many cores other processes used during the worst block of a round."""
    return max((block["others"] for block in turn.values()), default=0.0)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles."""
    if len(values) < 2:
        return {"median": values[0], "low": values[0], "high": values[0]}
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": median, "low": low, "high": high}


def pairwise(found: Found, rival: str, base: str) -> dict[str, float] | None:
    """The rival's time over the base's, round by round (above 1: the base is faster); None if one has no times."""
    theirs, ours = (found.get(name, {}).get("blocks") for name in (rival, base))
    if not theirs or not ours:
        return None
    return spread([b / a for a, b in zip(ours, theirs, strict=True)])


def judge(found: Found) -> None:
    """Put each side's time in seconds: median and quartiles of the rounds."""
    for entry in found.values():
        if "absent" not in entry:
            entry["seconds"] = spread(entry["blocks"])
