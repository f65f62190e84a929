"""The table of power and false alarms: our checker on a few of its cases, and the arithmetic of the table."""

from pathlib import Path

import pytest

from tinygrad_cnn.cli.bench import load

load(Path(__file__).parents[1] / "benchmarks")
import tinygrad_cnn as tg  # noqa: E402
from benchmarks.gradcheck import cases, power, run, table, worker  # noqa: E402
from benchmarks.gradcheck.sides.ours import SPOIL, Side  # noqa: E402


@pytest.fixture(scope="module")
def side():
    yield Side("")
    tg.registry.pop(SPOIL, None)


def test_there_are_a_thousand_cases_and_the_same_each_time():
    known, again = cases.every(), cases.every()
    assert len(known) >= 1000
    assert [c.name for c in known] == [c.name for c in again]
    pairs = zip(known, again, strict=True)
    assert all((a == b).all() for one, other in pairs for a, b in zip(one.inputs, other.inputs, strict=True))


SMALL = [case for case in cases.every() if case.size <= 100]
HARD = ("log1p at -1 + 1e-08", "log1p at -1 + 1e-06", "log-sum-exp at 1e+09 from zero", "abs at 1e-09, alone")


@pytest.mark.parametrize(
    "case", [*SMALL[::60], *(c for c in SMALL if c.name in HARD)], ids=lambda case: f"{case.name}, order {case.order}"
)
def test_no_false_alarm(side, case):
    answer = worker.case(side, case)
    assert answer["said"] in ("pass", "hidden"), answer["message"]


@pytest.mark.parametrize("r", [r for r, row in enumerate(power.ROWS) if row.n <= 1000])
def test_a_wrong_gradient_is_found_and_a_right_one_is_not(side, r):
    wrong, right = power.FACTORS.index(1e-5), power.FACTORS.index(0.0)
    assert worker.trial(side, r, wrong, 0)["said"] == "wrong"
    assert worker.trial(side, r, right, 0)["said"] == "pass"


def test_what_cannot_be_run_is_told_with_the_reason(side):
    case = cases.Case("group", "no such operation", lambda op, x: op.nothing(x), SMALL[0].inputs)
    answer = worker.case(side, case)
    assert answer["said"] == "none" and "nothing" in answer["message"]
    assert "one by one" in worker.case(side, max(cases.every(), key=lambda c: c.size), True)["message"]


def test_a_false_alarm_counts_only_where_the_gradient_is_right(side):
    n = next(n for n, case in enumerate(cases.every()) if case.size == 3)
    case = cases.every()[n]
    right = worker.summary(side, case)
    other = [[a + 1.0, norm] for a, norm in right]
    answers = {
        "ours": [{"said": "hidden"}],
        "jax": [{"said": "wrong", "message": "", "gradients": right}],
        "autograd": [{"said": "wrong", "message": "", "gradients": other}],
    }
    text = "\n".join(table.false_alarms([n], answers))
    assert f"| {case.group} | 1 | 0 of 1 | 1 of 1 | 0 of 0 |" in text
    assert "| gradient differs from ours |  | 0 | 0 | 1 |" in text
    assert "| not judged, in full or in part |  | 1 | 0 | 0 |" in text


def test_detections_are_counted_by_the_size_of_the_error():
    trials = [(0, 2, 0), (0, 2, 1), (0, 11, 0), (0, 11, 1)]
    said = [{"said": "wrong"}, {"said": "pass"}, {"said": "pass"}, {"said": "pass"}]
    text = "\n".join(table.detections(trials, {"ours": said}))
    assert "x * x: one entry of 100 | ours: `tg.testing.gradcheck` |  |  | 1 |  |" in text and "|  | 0 |" in text


def test_absent_interpreters_and_processes_are_told():
    found = run.run({"jax": "no/such/python"}, ["ours", "jax"], [0], [], lambda text: None)
    assert found["checkers"]["ours"]["cases"] == [{"said": "pass"}]
    text = table.markdown(found)
    assert "- JAX `check_grads`: left out: no/such/python does not start" in text
    assert "| all | 1 | 0 of 1 |" in text
