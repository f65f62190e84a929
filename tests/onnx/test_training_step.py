"""A training step in a file trains in onnxruntime as it does here."""

import numpy as np
import onnxruntime
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn, optim
from tinygrad_cnn.onnx import ExportError, TrainingStep


def batches(shape, count=5, size=8):
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((size, *shape)).astype(np.float32), rng.integers(0, 10, size)) for _ in range(count)]


def compare(net, optimizer, path, shape, loss=tg.softmax_cross_entropy):
    """Train here and in onnxruntime; the losses and states of both."""
    data = batches(shape)
    step = TrainingStep(net, loss, optimizer)
    tg.onnx.export(step, path, *data[0])
    session, state = onnxruntime.InferenceSession(path), step.state()
    assert [v.name for v in session.get_inputs()][2:] == list(state)
    assert [v.name for v in session.get_outputs()] == ["loss", *(f"{name}.new" for name in state)]
    ours, theirs = [], []
    for x, y in data:
        out = session.run(None, dict(zip([v.name for v in session.get_inputs()], [x, y, *state.values()], strict=True)))
        theirs.append(float(out[0]))
        state = dict(zip(state, out[1:], strict=True))
        optimizer.zero_grad()
        value = loss(net(x), y)
        value.backward()
        optimizer.step()
        ours.append(value.item())
    return ours, theirs, step, state


OPTIMISERS = [
    lambda p: optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-4), lambda p: optim.Adam(p, lr=1e-3),
    lambda p: optim.AdamW(p, lr=1e-3), lambda p: optim.RMSprop(p, lr=1e-3), lambda p: optim.Lion(p),
    lambda p: optim.Adamax(p),
]  # fmt: skip


@pytest.mark.parametrize(
    "make", OPTIMISERS[:2] + [pytest.param(m, marks=pytest.mark.level("thorough")) for m in OPTIMISERS[2:]]
)
def test_pooling_and_dense_layers(make, tmp_path):
    net = models.build("lenet", (28, 28, 1), 10, rng=0)
    ours, theirs, step, state = compare(net, make(net.parameters()), tmp_path / "step.onnx", (28, 28, 1))
    np.testing.assert_allclose(theirs, ours, atol=1e-3)
    for name, array in step.state().items():
        np.testing.assert_allclose(state[name], array, atol=1e-3, err_msg=name)


def test_groups_strides_and_running_averages(tmp_path):
    net = nn.Sequential(
        nn.Conv2d(4, 8, 3, stride=2, padding="same", groups=2, rng=0), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, rng=1), nn.BatchNorm2d(8), nn.MaxPool2d(3, stride=2, padding=1),
        nn.Conv2d(8, 8, 3, dilation=2, padding=2, rng=2), nn.AvgPool2d(2, ceil_mode=True), nn.GlobalAvgPool2d(),
        nn.Linear(8, 10, rng=3),
    )  # fmt: skip
    ours, theirs, step, state = compare(net, optim.SGD(net.parameters(), lr=0.1), tmp_path / "step.onnx", (13, 12, 4))
    np.testing.assert_allclose(theirs, ours, atol=1e-3)
    for name in ("1.running_mean", "1.running_var", "4.running_mean", "4.running_var"):
        np.testing.assert_allclose(state[name], step.state()[name], atol=1e-3, err_msg=name)
    assert not np.allclose(state["1.running_mean"], 0)


def test_a_trained_state_comes_back(tmp_path):
    net = models.build("lenet", (28, 28, 1), 10, rng=0)
    adam = optim.Adam(net.parameters())
    *_, state = compare(net, adam, tmp_path / "step.onnx", (28, 28, 1))
    other = models.build("lenet", (28, 28, 1), 10, rng=1)
    again = TrainingStep(other, tg.softmax_cross_entropy, optim.Adam(other.parameters()))
    again.load_state(state)
    for name, array in again.state().items():
        np.testing.assert_array_equal(array, state[name])
    assert next(iter(again.optimizer.state.values()))["step"] == 5


def test_steps_that_depend_on_values_are_refused(tmp_path):
    net = nn.Linear(3, 2, rng=0)
    x, y = np.ones((4, 3), np.float32), np.array([0, 1, 1, 0])
    with pytest.raises(ExportError, match="reads a value"):  # it waits until its average can be trusted
        tg.onnx.export(
            TrainingStep(net, tg.softmax_cross_entropy, optim.RAdam(net.parameters())), tmp_path / "s.onnx", x, y
        )
    with pytest.raises(ExportError, match="calls a closure"):
        TrainingStep(net, tg.softmax_cross_entropy, optim.LBFGS(net.parameters()))


def test_calling_a_step_changes_nothing():
    net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4), nn.Linear(4, 2, rng=1))
    step = TrainingStep(net, tg.softmax_cross_entropy, optim.SGD(net.parameters(), lr=0.1))
    before = step.state()
    with tg.enable_grad():
        after = step(tg.randn(4, 3, rng=2).data, np.array([0, 1, 1, 0]), **step.state())
    assert not np.array_equal(after["0.weight.new"].data, before["0.weight"])
    weights = {name: array for name, array in step.state().items() if "running" not in name}
    for name, array in weights.items():
        np.testing.assert_array_equal(array, before[name])
