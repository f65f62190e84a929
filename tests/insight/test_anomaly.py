"""The first NaN or Inf, and who is told to have made it."""

import threading

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autodiff.observing import observers

HERE = __file__


def line_with(text):
    with open(HERE, encoding="utf-8") as file:
        return next(k for k, line in enumerate(file, 1) if text in line)


def test_the_op_that_makes_it_is_named_with_its_module_line_and_inputs():
    class Net(nn.Module):
        def __init__(self):
            self.deep = nn.Lambda(lambda x: tg.log(x))  # the culprit

        def forward(self, x):
            return self.deep(tg.relu(x)) * 2.0

    with pytest.raises(tg.AnomalyError) as caught, tg.anomaly():
        Net()(np.array([[1.0, -2.0], [3.0, 4.0]], np.float32))
    error = caught.value
    assert (error.op, error.path, error.phase, error.input) == ("log", "deep", "forward", None)
    assert error.site == f"{HERE}:{line_with('# the culprit')}"
    assert error.statistics["x"] == {
        "shape": (2, 2), "dtype": "float32", "min": 0.0, "max": 4.0, "mean": 2.0, "nan": 0.0, "inf": 0.0,
    }  # fmt: skip
    message = str(error)
    assert "log (deep)" in message and error.site in message and "made 1 Inf of 4 values" in message
    assert "min 0, max 4, mean 2" in message


def test_the_gradient_of_which_input():
    x = tg.Tensor([4.0, 0.0], requires_grad=True)
    with tg.scope("block"):
        y = tg.pow(x, tg.Tensor([0.5, 0.5], requires_grad=True))  # the power
    with pytest.raises(tg.AnomalyError) as caught, tg.anomaly():
        y.sum().backward()
    error = caught.value
    assert (error.phase, error.op, error.path) == ("backward", "pow", "block") and error.input in ("a", "x", "b")
    assert error.site == f"{HERE}:{line_with('# the power')}"
    assert "cotangent g" in error.statistics and error.statistics["cotangent g"]["max"] == 1.0
    (wrong,) = [s for name, s in error.statistics.items() if name.startswith("gradient of")]
    assert wrong["inf"] + wrong["nan"] > 0
    assert x.grad is None


@pytest.mark.parametrize("made", ["array", "tensor", "parameter"])
def test_what_came_in_is_not_the_ops_fault(made):
    value = np.array([1.0, np.nan, np.inf, 2.0], np.float32)
    x = {"array": value, "tensor": tg.Tensor(value, name="pixels"), "parameter": nn.Parameter(value, name="w")}[made]
    with pytest.raises(tg.AnomalyError) as caught, tg.anomaly():
        tg.relu(x)
    message = str(caught.value)
    assert caught.value.input == "x" and "the op is not to blame" in message
    assert "1 NaN and 1 Inf of 4 values" in message
    assert {"array": "a value from outside", "tensor": "'pixels'", "parameter": "'w'"}[made] in message
    assert caught.value.statistics["x"]["nan"] == 0.25 and caught.value.statistics["x"]["inf"] == 0.25


def test_a_nan_that_an_op_would_swallow_is_found():
    with pytest.raises(tg.AnomalyError, match="input b of where"), tg.anomaly():
        tg.where(np.array([True, True]), np.ones(2), np.array([1.0, np.nan]))


def test_values_made_before_the_block_came_in_from_outside():
    x = tg.Tensor([0.0, 1.0], requires_grad=True)
    with np.errstate(divide="ignore"):
        y = tg.log(x)
    with pytest.raises(tg.AnomalyError, match="input a of mul"), tg.anomaly():
        y * 2.0


def test_a_cotangent_of_the_user():
    y = tg.tanh(tg.Tensor([1.0, 2.0], requires_grad=True))
    with pytest.raises(tg.AnomalyError, match="cotangent that reached tanh.*passed to backward"), tg.anomaly():
        y.backward(np.array([np.nan, 1.0], np.float32))


def test_gradients_that_overflow_when_they_are_added_up():
    big = np.float32(2e38)
    x = tg.Tensor(np.array([1.0], np.float32), requires_grad=True)
    y = tg.tanh(x)
    z = y * big + y * big
    with pytest.raises(tg.AnomalyError, match="overflowed when they were added up"), tg.anomaly():
        z.backward(np.ones(1, np.float32))


def test_infinity_may_be_meant():
    scores, mask = tg.Tensor([1.0, 2.0], requires_grad=True), np.array([True, False])
    with tg.anomaly(inf=False):
        y = tg.softmax(tg.where(mask, scores, np.float32(-np.inf)))
        y.sum().backward()
    assert y.data.tolist() == [1.0, 0.0]
    with pytest.raises(tg.AnomalyError, match="made 1 NaN of 2 values of inputs without NaN"), tg.anomaly(inf=False):
        v = tg.Tensor([np.inf, 1.0])
        v - v
    with pytest.raises(tg.AnomalyError, match="where"), tg.anomaly():
        tg.where(mask, scores, np.float32(-np.inf))


def test_finite_work_passes_and_gives_the_same():
    net = tg.models.build("lenet", (8, 8, 1), 10, rng=0)
    x = np.random.default_rng(0).standard_normal((4, 8, 8, 1)).astype(np.float32)
    net.eval()
    plain = net(x).numpy()
    with tg.anomaly():
        y = net(x)
        tg.softmax_cross_entropy(y, [0, 1, 2, 3]).backward()
        assert np.isneginf(np.log(np.zeros(1))[0])  # NumPy's own warnings are off
        assert tg.argmax(np.ones(3)) == 0 and tg.exp(np.ones((0, 2))).size == 0
    assert np.array_equal(y.data, plain)


@pytest.mark.parametrize("create_graph", [False, True])
def test_the_op_as_written_is_named_not_what_its_rule_calls(create_graph):
    x = tg.Tensor(np.array([0.0, 1.0]), requires_grad=True)
    with tg.anomaly():
        y = tg.pow(x, 0.5).sum()
    with pytest.raises(tg.AnomalyError) as caught, tg.anomaly():
        tg.grad(y, x, create_graph=create_graph)
    assert (caught.value.op, caught.value.phase) == ("pow", "backward")


def test_inside_a_checkpoint_the_step_itself_is_named():
    x = tg.Tensor(np.array([0.0, 1.0]), requires_grad=True)
    y = tg.checkpoint(lambda v: tg.pow(v, 0.5), x).sum()
    with pytest.raises(tg.AnomalyError) as caught, tg.anomaly():
        y.backward()
    assert (caught.value.op, caught.value.phase) == ("pow", "backward")


def test_it_ends_with_its_block_and_thread():
    bad = np.array([np.nan])
    with pytest.raises(KeyError), tg.anomaly():
        raise KeyError
    assert observers == [] and np.geterr()["divide"] == "warn"
    failed = []

    def other():
        try:
            tg.relu(bad)
        except tg.AnomalyError as error:
            failed.append(error)

    with tg.anomaly(), tg.anomaly():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    tg.relu(bad)
    assert not failed and observers == []


def test_it_is_a_floating_point_error_so_that_training_can_catch_it():
    assert issubclass(tg.AnomalyError, FloatingPointError)
