"""Schedules: their values, their state, what they are refused for."""

import math

import numpy as np
import pytest

from tinygrad_cnn import Tensor, optim


def sgd(*lrs):
    return optim.SGD([{"params": [Tensor(np.ones(1), requires_grad=True)], "lr": lr} for lr in lrs], lr=1.0)


def rates(schedule, steps, metrics=None):
    found = []
    for k in range(steps):
        found.append(schedule.lrs[0])
        schedule.step(*([metrics[k]] if metrics else []))
    return found


def cosine(t, steps, top=1.0, low=0.0):
    return low + (top - low) * (1 + math.cos(math.pi * t / steps)) / 2


VALUES = [
    (lambda o: optim.ConstantLR(o), [1, 1, 1]),
    (lambda o: optim.StepLR(o, 2, 0.5), [1, 1, 0.5, 0.5, 0.25]),
    (lambda o: optim.ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125]),
    (lambda o: optim.CosineLR(o, 4, eta_min=0.2), [cosine(t, 4, low=0.2) for t in range(5)] + [0.2, 0.2]),
    (
        lambda o: optim.CosineRestarts(o, 2, stretch=2),
        [1, cosine(1, 2), *(cosine(t, 4) for t in range(4)), *(cosine(t, 8) for t in range(8))],
    ),
    (lambda o: optim.CosineRestarts(o, 2, eta_min=0.2), [cosine(t % 2, 2, low=0.2) for t in range(6)]),
    (lambda o: optim.MultiStepLR(o, [1, 3], 0.5), [1, 0.5, 0.5, 0.25, 0.25]),
    (lambda o: optim.LambdaLR(o, lambda t: t / 2), [0, 0.5, 1, 1.5]),
    (lambda o: optim.PolynomialLR(o, 2, 2.0, eta_min=0.2), [1, 0.2 + 0.8 / 4, 0.2, 0.2]),
    (
        lambda o: optim.SequentialLR(
            o, [lambda o: optim.WarmupLR(o, 2), optim.ConstantLR, lambda o: optim.ExponentialLR(o, 0.5)], [2, 3]
        ),
        [0, 0.5, 1, 1, 0.5, 0.25],
    ),
    (
        lambda o: optim.WarmupLR(optim.SequentialLR(o, [optim.ConstantLR(o), optim.StepLR(o, 1)], [1]), 1),
        [0, 1, 1, 0.1],
    ),
    (lambda o: optim.WarmupLR(o, 4), [0, 0.25, 0.5, 0.75, 1, 1]),
    (lambda o: optim.WarmupLR(optim.StepLR(o, 2, 0.5), 2, start=0.5), [0.5, 0.75, 1, 1, 0.5, 0.5]),
    (lambda o: optim.WarmupLR(optim.CosineLR(o, 2), 1), [0, 1, cosine(1, 2), 0]),
    (
        lambda o: optim.OneCycleLR(o, 2.0, 11, pct_start=5 / 11, div_factor=4, final_div_factor=10),
        [cosine(t, 4, 0.5, 2.0) for t in range(5)] + [cosine(t, 6, 2.0, 0.05) for t in range(1, 7)] + [0.05],
    ),
]


@pytest.mark.parametrize(("make", "expected"), VALUES)
def test_values(make, expected):
    assert rates(make(sgd(1.0)), len(expected)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("make", [make for make, _ in VALUES])
def test_a_resumed_schedule_goes_on_exactly(make):
    whole = make(sgd(1.0))
    rates(whole, 3)
    again = make(sgd(1.0))
    again.load_state_dict(whole.state_dict())
    assert rates(again, 5) == rates(whole, 5)


def test_every_group_keeps_its_own_rate():
    optimiser = sgd(1.0, 0.1)
    schedule = optim.StepLR(optimiser, 1, 0.5)
    schedule.step()
    assert schedule.lrs == [0.5, 0.05]
    assert optimiser.param_groups[1]["lr"] == 0.05


class TestPlateau:
    def test_it_waits_reduces_and_cools_down(self):
        schedule = optim.ReduceLROnPlateau(sgd(1.0), factor=0.5, patience=1, cooldown=1, min_lr=0.2)
        metrics = [3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]
        assert rates(schedule, len(metrics), metrics) == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2]

    def test_larger_may_be_better(self):
        schedule = optim.ReduceLROnPlateau(sgd(1.0), "max", factor=0.1, patience=0, threshold=0.1)
        assert rates(schedule, 4, [1.0, 1.2, 1.25, 2.0]) == pytest.approx([1, 1, 1, 0.1])

    def test_it_resumes(self):
        first, second = sgd(1.0), sgd(1.0)
        a, b = (optim.ReduceLROnPlateau(o, factor=0.5, patience=2) for o in (first, second))
        rates(a, 3, [1, 1, 1])
        second.load_state_dict(first.state_dict())
        b.load_state_dict(a.state_dict())
        assert rates(a, 3, [1, 1, 1]) == rates(b, 3, [1, 1, 1])
        with pytest.raises(ValueError, match="needs t, bad, cooling; got t"):
            b.load_state_dict({"t": 1})

    @pytest.mark.parametrize(("metric", "message"), [(float("nan"), "not finite"), (None, "needs the metric")])
    def test_metrics_that_are_none(self, metric, message):
        with pytest.raises((ValueError, TypeError), match=message):
            optim.ReduceLROnPlateau(sgd(1.0)).step(metric)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: optim.StepLR(o, 0), "StepLR: step_size=0 must be a whole number of at least 1"),
        (lambda o: optim.StepLR(o, 2.5), "StepLR: step_size=2.5"),
        (lambda o: optim.ExponentialLR(o, float("nan")), "ExponentialLR: gamma=nan must be a finite number"),
        (lambda o: optim.CosineLR(o, 5, eta_min=-1), "CosineLR: eta_min=-1 must be"),
        (lambda o: optim.WarmupLR(o, 3, start=2), "WarmupLR: start=2 must be a number from 0 to 1"),
        (lambda o: optim.OneCycleLR(o, 1.0, 1), "OneCycleLR: total_steps=1"),
        (lambda o: optim.ReduceLROnPlateau(o, "best"), "mode='best' must be"),
        (lambda o: optim.StepLR(0.1, 3), "StepLR: needs an optimiser, got float"),
        (lambda o: optim.WarmupLR(optim.ReduceLROnPlateau(o), 3), "cannot be composed with ReduceLROnPlateau"),
        (lambda o: optim.Schedule(o), "Schedule: has no formula"),
        (lambda o: optim.ConstantLR(o).load_state_dict({"t": 3}), "needs t, base_lrs.0; got t"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=message):
        make(sgd(1.0))


def test_a_list_of_functions_has_one_for_each_group():
    schedule = optim.LambdaLR(sgd(1.0, 2.0), [lambda t: 1 + t, lambda t: 0.5**t])
    schedule.step()
    assert schedule.lrs == [2.0, 1.0]
    with pytest.raises(ValueError, match="1 functions for 2 groups"):
        optim.LambdaLR(sgd(1.0, 2.0), [lambda t: 1.0])


def test_a_sequence_keeps_the_rates_of_all_groups_and_of_those_added_later():
    o = sgd(1.0, 0.5)
    schedule = optim.SequentialLR(o, [lambda o: optim.WarmupLR(o, 2), lambda o: optim.StepLR(o, 1, 0.5)], [2])
    assert schedule.lrs == [0.0, 0.0]
    schedule.step()
    assert schedule.lrs == [0.5, 0.25]
    o.add_param_group({"params": [Tensor(np.ones(1), requires_grad=True)], "lr": 4.0})
    schedule.step()
    schedule.step()
    assert schedule.lrs == [0.5, 0.25, 2.0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda o: optim.MultiStepLR(o, [3, 2]), "milestones=.3, 2. must rise"),
        (lambda o: optim.MultiStepLR(o, 3), "milestones must be a list"),
        (lambda o: optim.LambdaLR(o, 0.5), "lr_lambda must be a function"),
        (lambda o: optim.LambdaLR(o, lambda t: -1.0), "lr_lambda"),
        (lambda o: optim.SequentialLR(o, [], []), "schedules must be a list"),
        (lambda o: optim.SequentialLR(o, [optim.ConstantLR, optim.ConstantLR], []), "2 schedules need 1 milestones"),
        (lambda o: optim.SequentialLR(o, [3], []), "must be a schedule, got 3"),
        (lambda o: optim.SequentialLR(o, [optim.ConstantLR(sgd(1.0))], []), "of this optimiser"),
        (lambda o: optim.SequentialLR(o, [optim.ReduceLROnPlateau(o)], []), "follows a metric"),
        (
            lambda o: optim.SequentialLR(o, [optim.WarmupLR(o, 2), optim.CosineLR(o, 2)], [2]),
            "Give functions that make them",
        ),
    ],
)
def test_wrong_new_schedules_are_refused(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make(sgd(1.0))


def test_restarts_of_a_cosine_have_a_class_of_their_own():
    with pytest.warns(DeprecationWarning, match="optim.CosineRestarts"):
        old = optim.CosineLR(sgd(1.0), 2, restarts=True, stretch=2)
    assert rates(old, 9) == rates(optim.CosineRestarts(sgd(1.0), 2, 2), 9)
