"""The process in which one side works: reads orders, answers each with one line of JSON.

{"do": "prepare", "task": {...}, "seconds": s}  -> {"losses": [...]}: the task is built and warmed up
{"do": "block", "seconds": s}                   -> {"times": [...], "others": x}: seconds of each repetition, and
                                                   how many cores other processes kept busy meanwhile
{"do": "memory"}                                -> {"bytes": n}: the largest resident set so far
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from time import perf_counter
from typing import Any

Step = Callable[[], Any]

WARM_STEPS = 5
WARM_LEAST = 2


def peak_memory() -> int:
    """The largest resident set of this process so far, in bytes.

    Linux hands a parent's ``ru_maxrss`` on to its child, so the kernel's own mark is asked first.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def warm_up(step: Step, seconds: float) -> list[float]:
    """Run a few steps, at least two; their losses, if they return any."""
    losses, start = [], perf_counter()
    for k in range(WARM_STEPS):
        loss = step()
        if isinstance(loss, float):
            losses.append(loss)
        if k + 1 >= WARM_LEAST and perf_counter() - start > seconds:
            break
    return losses


def busy() -> float | None:
    """Seconds that all cores together have worked since the system started; None where it does not tell (not Linux)."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _idle, _wait, irq, softirq, steal, *_ = map(int, file.readline().split()[1:])
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def block(step: Step, seconds: float) -> dict[str, Any]:
    """Times of the repetitions that fit into `seconds`, at least one, after one that does not count."""
    start, all_before, own_before = perf_counter(), busy(), sum(os.times()[:2])
    step()  # caches, clocks and sleeping threads recover from the other sides' turns
    first = perf_counter() - start
    times: list[float] = [first] if first > seconds else []  # so long that it has recovered on the way
    end = start + first + seconds
    while not times or (first <= seconds and perf_counter() < end):
        before = perf_counter()
        step()
        times.append(perf_counter() - before)
    others, all_after = 0.0, busy()
    if all_before is not None and all_after is not None:
        own = sum(os.times()[:2]) - own_before
        others = max(0.0, all_after - all_before - own) / (perf_counter() - start)
    return {"times": times, "others": others}


def serve(side: Any) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    step: Step | None = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if order["do"] == "prepare":
                step = None
                gc.collect()
                step = side.prepare(order["task"])
                answer: dict[str, Any] = {"losses": warm_up(step, order["seconds"])}
            elif order["do"] == "block":
                assert step is not None
                answer = block(step, order["seconds"])
            else:
                answer = {"bytes": peak_memory()}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}".strip().splitlines()[0]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main(module: str, setting: str, threads: int) -> None:
    """Import the side, say hello with its version, then serve."""
    side = import_module(f".sides.{module}", __package__).Side(setting, threads)
    print(json.dumps({"version": side.version}), flush=True)
    serve(side)
