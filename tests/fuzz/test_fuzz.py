"""Wrong calls end in results or in messages that name the callable; 20,000 of them run in .ci/run."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tests.fuzz import wrong
from tests.fuzz.subjects import CALLS, LEFT_OUT, Subject, public, subjects

ROOT = Path(__file__).parents[2]
FEW = 1000  # calls


def fuzz(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.wrong", *map(str, arguments)], capture_output=True, text=True, cwd=ROOT
    )


@pytest.mark.level("default")
def test_wrong_calls_end_in_words():
    done = fuzz("--calls", FEW, "--first", 3 * FEW)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert f"{FEW} wrong calls: 0 findings" in done.stdout


def test_every_public_callable_takes_part():
    found = {subject.name.removesuffix("()") for subject in subjects()}  # raises for one that has no entry
    assert {f"op {name}" for name in tg.registry} <= found
    assert not {*CALLS, *LEFT_OUT} - set(public()), "names that are gone"
    assert not set(CALLS) & set(LEFT_OUT)


def test_a_right_call_of_each_is_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    absent = (FileNotFoundError, NotImplementedError, tg.insight.SanityError)  # data not here; no forward; not learnt
    for subject in subjects():
        fn, args, named = subject.make(tmp_path)
        try:
            with np.errstate(all="ignore"):
                fn(*args, **named)
        except absent:
            assert subject.name.startswith(("data.", "io.", "insight.", "optim.Schedule", "nn.Module")), subject.name


def test_call_number_k_is_the_same_whatever_others_there_are(tmp_path):
    found = subjects()
    first, again = (wrong.wrong_call(4711, 0, tmp_path, found)[-1] for _ in range(2))
    assert first == again != wrong.wrong_call(4711, 1, tmp_path, found)[-1]


ODD = {
    "an error without the name": lambda: int("x"),
    "an attribute of None": lambda: None.shape,
    "a failed assertion": lambda: exec("assert False"),
    "no message": lambda: exec("raise ValueError"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_ends_otherwise_is_found(name):
    subject = Subject("odd", None, ("odd_one",))
    assert wrong.finding(subject, ODD[name], [], {}, set()) is not None


def test_what_names_the_callable_is_none():
    def fail():
        raise ValueError("odd_one: x=3 must be positive.")

    assert wrong.finding(Subject("odd", None, ("odd_one",)), fail, [], {}, set()) is None
    assert wrong.finding(Subject("odd", None, ("odd_one",)), lambda: 3, [], {}, set()) is None
