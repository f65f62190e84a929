"""Each contract of layers can be broken: for each, a layer that breaks it."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.testing import ContractError, LayerSample, check_layer

X = LayerSample(x=(2, 3))


class Good(nn.Module):
    """x times a weight."""

    samples = [X]

    def __init__(self):
        self.weight = nn.Parameter(np.full(3, 2.0, np.float32))

    def forward(self, x):
        return x * self.weight


class CutsHistory(Good):
    """The gradient is lost."""

    def forward(self, x):
        return tg.stop_gradient(super().forward(x)) + x


class Noisy(Good):
    """Draws in eval mode too."""

    def forward(self, x):
        return super().forward(x) + np.random.default_rng().standard_normal(3).astype("f")


class Counts(Good):
    """Counts its calls in a buffer, in eval mode too."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", np.zeros((), np.int64))

    def forward(self, x):
        self.calls = self.calls + 1
        return super().forward(x)


class Forgets(Good):
    """Keeps what belongs into state_dict in a plain attribute."""

    def __init__(self, rng=None):
        super().__init__()
        self.shift = float(rng)

    def forward(self, x):
        return super().forward(x) + self.shift


class Unpicklable(Good):
    """Keeps a function that only it knows."""

    def __init__(self):
        super().__init__()
        self.fn = lambda x: x

    def forward(self, x):
        return self.fn(super().forward(x))


class Idle(Good):
    """Has a parameter that nothing uses."""

    def __init__(self):
        super().__init__()
        self.other = nn.Parameter(np.zeros(2, np.float32))


class Widens(Good):
    """Gives float64 for float32."""

    def forward(self, x):
        return super().forward(x) * np.ones(3)


class Gullible(Good):
    """Takes a word for an array."""

    def forward(self, x):
        return super().forward(np.ones((2, 3), np.float32) if isinstance(x, str) else x)


class Address(Good):
    """Shows where it lies in memory."""

    def extra_repr(self):
        return object.__repr__(self)


class Thaws(Good):
    """Trains on while frozen."""

    def freeze(self):
        return self


class Drifts(Good):
    """Moves a statistic whenever it was put into train mode, frozen or not."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", np.zeros((), np.int64))

    def forward(self, x):
        if vars(self).get("training", True):
            self.calls = self.calls + 1
        return super().forward(x)


class Silent(Good):
    __doc__ = ""


def test_a_good_layer_passes():
    report = check_layer(Good)
    assert report.counts["gradients arrive"] > 1 and "Good: " in str(report)


@pytest.mark.parametrize(
    ("layer", "contract", "words"),
    [
        (Noisy, "arrays equal Tensors", "differ"), (Counts, "train and eval", "changed calls"),
        (Forgets, "state_dict round trip", "after load_state_dict"), (Unpicklable, "copies", "pickle"),
        (Idle, "gradients arrive", "other gets no gradient"),
        (CutsHistory, "gradients arrive", "weight gets no gradient"),
        (Widens, "dtypes stay", "float32 in, float64 out"), (Gullible, "words are refused", "a string was taken"),
        (Thaws, "freezing", "freeze did not reach weight"),
        (Drifts, "freezing", "changed calls of a frozen layer"),
        (Address, "readable", "0x"), (Silent, "readable", "no docstring"),
    ],
)  # fmt: skip
def test_a_wrong_layer_is_rejected(layer, contract, words):
    with pytest.raises(ContractError, match=rf"{layer.__name__}: the contract '{contract}' is broken on layer\("):
        check_layer(layer)
    with pytest.raises(ContractError, match=words):
        check_layer(layer)


def test_a_layer_without_samples_is_told_what_to_add():
    class Bare(nn.Module):
        """Nothing."""

    with pytest.raises(ContractError, match=r"Bare: there are no samples.*samples = \[LayerSample\(\(3, 2\), x="):
        check_layer(Bare)
    with pytest.raises(TypeError, match="expected a class of layers"):
        check_layer(nn.ReLU())
