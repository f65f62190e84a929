"""The process of one checker: reads numbers of cases or trials from a line, answers each with a line of JSON.

"pass", "hidden" (passed, with something not judged), "wrong", or "none": the checker cannot do it, for the reason in
"message".  Of a case that is said to be wrong, "gradients" holds what the framework computed, so that it can be shown
to be right.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from . import CHECKERS, cases, power

LIMIT = 60  # seconds that a checker may take for one case
ENTRIES = 2_000_000  # of a Jacobian that is computed entry by entry, at most
INPUTS = 2000  # whose entries are changed one by one, at most


class TooLong(BaseException):
    """Not an Exception, so that no library catches it."""


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """A context that raises `TooLong`, where the system has alarms."""

    def late(*_: Any) -> None:
        raise TooLong

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def judge(side: Any, f: Any, inputs: Any, order: int, seed: int, entry_by_entry: bool) -> dict[str, Any]:
    """What the checker says of one function."""
    try:
        with limited(LIMIT), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if entry_by_entry:
                reason = _too_large(side, f, inputs, order)
                if reason:
                    return {"said": "none", "message": reason}
            verdict = side.check(f, inputs, order, seed)
    except TooLong:
        return {"said": "none", "message": f"more than {LIMIT} s"}
    except Exception as error:
        return {"said": "none", "message": f"{type(error).__name__}: {error}"[:300]}
    if verdict.passed:
        return {"said": "hidden" if verdict.hidden else "pass"}
    return {"said": "wrong", "message": verdict.message[:1000]}


def _too_large(side: Any, f: Any, inputs: Any, order: int) -> str:
    n = sum(x.size for x in inputs)
    if n > INPUTS:
        return f"more than {INPUTS} inputs, which it changes one by one"
    m = int(np.prod(f(side.op, *map(side.op.constant, inputs)).shape))
    rows, columns = (m, n) if order == 1 else (n, n + m)
    return f"a Jacobian of more than {ENTRIES:.0e} entries" if rows * columns > ENTRIES else ""


def case(side: Any, what: cases.Case, entry_by_entry: bool = False) -> dict[str, Any]:
    """What the checker says of a correct case, beside the gradients, by a few numbers, where it says "wrong"."""
    answer = judge(side, what.f, what.inputs, what.order, 0, entry_by_entry)
    if answer["said"] == "wrong":
        answer["gradients"] = summary(side, what)
    return answer


def summary(side: Any, what: cases.Case) -> list[list[float]]:
    """Of the gradient in each input: its product with fixed weights, and its norm."""
    found = []
    for g in side.gradients(what.f, what.inputs):
        flat = np.ravel(np.asarray(g, np.float64))
        found.append([float(flat @ np.cos(2.0 * np.arange(flat.size))), float(np.linalg.norm(flat))])
    return found


def trial(side: Any, r: int, d: int, seed: int, entry_by_entry: bool = False) -> dict[str, Any]:
    made = power.trial(power.ROWS[r], power.FACTORS[d], seed)
    return judge(side, made.f, made.inputs, 1, made.seed, entry_by_entry)


def main(name: str) -> None:
    """Import the side, say hello with its version, then answer."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers

    def say(answer: Any) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    checker = CHECKERS[name]
    side = import_module(f".sides.{checker.module}", __package__).Side(checker.setting)
    say({"version": side.version})
    order = json.loads(sys.stdin.readline())
    known = cases.every() if order["cases"] else []
    for n in order["cases"]:
        say(case(side, known[n], checker.entry_by_entry))
    for r, d, seed in order["trials"]:
        say(trial(side, r, d, seed, checker.entry_by_entry))
