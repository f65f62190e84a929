"""Every optimiser and schedule keeps the contracts, and for each contract a wrong one is rejected."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import optim
from tinygrad_cnn.testing import ContractError, check_optimizer, check_schedule


def exported(base):
    found = {c for c in vars(optim).values() if isinstance(c, type) and issubclass(c, base) and c is not base}
    return sorted(found, key=lambda c: c.__name__)


@pytest.mark.parametrize("cls", exported(optim.Optimizer))
def test_an_exported_optimiser_keeps_the_contracts(cls):
    assert check_optimizer(cls).counts["resumes"]


@pytest.mark.parametrize("cls", exported(optim.Schedule))
def test_an_exported_schedule_keeps_the_contracts(cls):
    assert check_schedule(cls).counts["resumes"]


class Good(optim.Optimizer):
    """Momentum, and a count."""

    samples = ({},)

    def __init__(self, params, lr=0.1):
        super().__init__(params, lr=lr)

    def start(self, parameter, settings):
        return {"mean": np.zeros(parameter.shape, parameter.dtype), "step": 0, "note": None}

    def change(self, parameter, gradient, state, settings):
        mean = state["mean"] * 0.5 + gradient
        return mean * (-settings["lr"] / (state["step"] + 1)), {**state, "mean": mean, "step": state["step"] + 1}


class Forgetful(Good):
    """Counts in an attribute that no state_dict has."""

    count = 0

    def change(self, parameter, gradient, state, settings):
        self.count += 1
        return gradient * (-settings["lr"] / self.count), state


class Writes(Good):
    """Changes the state that it is given."""

    def change(self, parameter, gradient, state, settings):
        state["mean"] *= 0.5
        state["mean"] += gradient
        return state["mean"] * -settings["lr"], state


class Scales(Good):
    """Writes to the gradient."""

    def change(self, parameter, gradient, state, settings):
        gradient *= -settings["lr"]
        return gradient, state


class ArraysOnly(Good):
    """Takes the values out of Tensors."""

    def change(self, parameter, gradient, state, settings):
        values = gradient.data if isinstance(gradient, tg.Tensor) else gradient
        return values * np.array(-settings["lr"], gradient.dtype), state


class OtherPlan(Good):
    """Its faster form forgets the momentum."""

    def plan(self, parameter, gradient, state, settings):
        parameter -= settings["lr"] * gradient
        return True


class HalfPlan(Good):
    """Declines after it has written."""

    def plan(self, parameter, gradient, state, settings):
        parameter -= gradient
        return False


class Single(Good):
    """Rounds to float32."""

    def change(self, parameter, gradient, state, settings):
        single = np.asarray(gradient, np.float32) if isinstance(gradient, np.ndarray) else gradient
        return (single * -settings["lr"]).round(3), state


class Lazy(Good):
    """Does nothing."""

    def change(self, parameter, gradient, state, settings):
        return gradient * 0, state


class Remembers(Good):
    """Keeps a function."""

    def __init__(self, params, lr=0.1):
        super().__init__(params, lr)
        self.rate = lambda: lr


class Lists(Good):
    """Keeps what no file can hold."""

    def start(self, parameter, settings):
        return {"past": {1, 2}}

    def change(self, parameter, gradient, state, settings):
        return gradient * -settings["lr"], state


class FirstRate(Good):
    """Takes the settings of the first group for all."""

    def change(self, parameter, gradient, state, settings):
        return gradient * -self.param_groups[0]["lr"], state


def test_a_good_optimiser_passes():
    counts = check_optimizer(Good).counts
    assert counts["resumes"] == 6
    assert counts["change is pure"]
    assert not counts["plan is change"]


@pytest.mark.parametrize(
    ("cls", "contract", "words"),
    [
        (Lazy, "steps move", "matrix did not move in 5 steps"), (Scales, "steps move", "changed the gradient"),
        (Forgetful, "resumes", "resumed after 0 steps"), (Lists, "state_dict round trip", "set"),
        (Remembers, "copies", "pickle"), (FirstRate, "groups", "moves otherwise beside another group"),
        (Writes, "change is pure", "change wrote to the state"),
        (ArraysOnly, "change is pure", "of Tensors, change made delta"),
        (OtherPlan, "plan is change", "plan and change differ"),
    ],
)  # fmt: skip
def test_a_wrong_optimiser_is_rejected(cls, contract, words):
    with pytest.raises(ContractError, match=f"{cls.__name__}: the contract '{contract}' is broken on {{}}") as caught:
        check_optimizer(cls)
    assert words in str(caught.value)


@pytest.mark.parametrize("cls", [HalfPlan, Single])
def test_another_wrong_optimiser_is_rejected(cls):
    with pytest.raises(ContractError, match=cls.__name__):
        check_optimizer(cls)


def test_an_optimiser_without_settings_is_told_what_to_add():
    class Bare(optim.Optimizer):
        pass

    with pytest.raises(ContractError, match=r'Bare: there are no settings.*samples = \[\{"lr": 0.1\}\]'):
        check_optimizer(Bare)
    with pytest.raises(ContractError, match="Bare: does not say how parameters change. Define change"):
        check_optimizer(Bare, [{"lr": 0.1}])
    with pytest.raises(TypeError, match="expected a class of optimisers"):
        check_optimizer(tg.nn.Linear)


class Halves(optim.Schedule):
    """Halves the rate every second step."""

    samples = ({},)

    def factor(self, t):
        return 0.5 ** (t // 2)


class ForgetsCount(Halves):
    """Saves all but its count."""

    def state_dict(self):
        return {"base_lrs": self.base_lrs}

    def load_state_dict(self, values):
        self._base_lrs = values["base_lrs"]


class Negative(Halves):
    """Falls below zero."""

    def factor(self, t):
        return 1.0 - t


class Drifts(Halves):
    """Multiplies the rate that it finds."""

    def _set(self):
        for group in self.optimizer.param_groups:
            group["lr"] *= self.hidden()

    def hidden(self):
        self.turn = getattr(self, "turn", 0) + 1
        return 1.0 if self.turn % 2 else 0.5


class KeepsFunction(Halves):
    """Keeps a function that no pickle can hold."""

    def __init__(self, optimizer):
        self.fn = lambda t: 0.5**t
        super().__init__(optimizer)

    def factor(self, t):
        return self.fn(t)


class FirstGroup(Halves):
    """Sets the rate of the first group only."""

    def _set(self):
        self.optimizer.param_groups[0]["lr"] = self.rate(self.base_lrs[0], self.t)


@pytest.mark.parametrize(
    ("cls", "contract", "words"),
    [
        (Negative, "gives rates", "lr=-1.0 must be"), (ForgetsCount, "resumes", "resumed after 1 steps"),
        (Drifts, "resumes", "the rates are"), (KeepsFunction, "copies", "pickle"),
        (FirstGroup, "groups", "other rates"),
    ],
)  # fmt: skip
def test_a_wrong_schedule_is_rejected(cls, contract, words):
    with pytest.raises(ContractError, match=f"{cls.__name__}: the contract '{contract}' is broken on {{}}") as caught:
        check_schedule(cls)
    assert words in str(caught.value)


def test_a_schedule_without_settings_is_told_what_to_add():
    class Bare(optim.Schedule):
        pass

    assert check_schedule(Halves).counts["resumes"] == 12
    with pytest.raises(ContractError, match=r'Bare: there are no settings.*samples = \[\{"steps": 3\}\]'):
        check_schedule(Bare)
    with pytest.raises(TypeError, match="expected a class of schedules"):
        check_schedule(optim.SGD)
