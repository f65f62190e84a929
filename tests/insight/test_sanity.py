"""The sanity kit passes what is right, and says of each kind of wrong model what is wrong."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import insight, nn
from tinygrad_cnn.insight import SanityError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 8, 8, 1)).astype(np.float32)
LABELS = np.arange(6) % 3


def good():
    return nn.Sequential(nn.Conv2d(1, 8, 3, rng=0), nn.BatchNorm2d(8), nn.ReLU(), nn.GlobalAvgPool2d(),
                         nn.Dropout(0.3, rng=3), nn.Linear(8, 3, rng=1))  # fmt: skip


class Wrong(nn.Module):
    """Flatten and a dense layer, wrong in a way that is given."""

    def __init__(self, how):
        self.how = how
        self.hidden = nn.Linear(64, 16, rng=0)
        self.out = nn.Linear(16, 3, rng=1)

    def forward(self, x):
        h = tg.tanh(self.hidden(tg.reshape(x, (len(x), -1))))
        return self.how(self, h)


def test_a_right_model_passes_every_test():
    net = good()
    for finding in (
        insight.check_forward(net, X, 3), insight.check_start_loss(net, X, LABELS),
        insight.check_gradients(net, X, LABELS), insight.check_independence(net, X),
        insight.check_overfit(net, X, LABELS, lrs=(1e-2,), steps=300),
    ):  # fmt: skip
        assert finding.ok and not finding.remedy


@pytest.mark.parametrize("name", ["lenet", "mnistnet", "vgg_small", "resnet20"])
def test_the_networks_of_tg_models_are_healthy(name):
    size = (32, 32, 3) if name not in ("lenet", "mnistnet") else (28, 28, 1)
    net = tg.models.build(name, size, 10, rng=0)
    x = np.random.default_rng(0).standard_normal((3, *size)).astype(np.float32)
    labels = [1, 2, 3]
    assert insight.check_forward(net, x, 10).ok and insight.check_gradients(net, x, labels).ok
    assert insight.check_independence(net, x[:2]).ok


def test_the_model_is_left_as_it_was():
    net = good()
    net[1].eval()
    net[0].bias.grad = np.ones(8, np.float32)
    before, draws = net.state_dict(), net[4].rng.bit_generator.state
    report = tg.doctor(net, (8, 8, 1), 3, steps=5)
    assert len(report.findings) == 5
    assert all(np.array_equal(v, before[k]) for k, v in net.state_dict().items())
    assert net[0].bias.grad.tolist() == [1.0] * 8 and net[0].weight.grad is None
    assert [m.training for m in net] == [True, False, True, True, True, True]
    assert net[4].rng.bit_generator.state == draws


def test_forward_wants_the_batch_and_the_classes():
    with pytest.raises(SanityError, match=r"6 samples went in and shape \(18,\) came out.*Flatten"):
        insight.check_forward(Wrong(lambda m, h: tg.reshape(m.out(h), (-1,))), X)
    with pytest.raises(SanityError, match=r"shape \(6, 3\), expected \(6, 10\).*10 outputs"):
        insight.check_forward(good(), X, 10)
    with pytest.raises(SanityError, match="a tuple came out"):
        insight.check_forward(Wrong(lambda m, h: (m.out(h),)), X)
    with pytest.raises(tg.AnomalyError, match="log"):
        insight.check_forward(Wrong(lambda m, h: tg.log(m.out(h) * 0.0)), X)


def test_a_start_that_is_too_sure_and_one_that_knows():
    with pytest.raises(SanityError, match=r"loss at start: .* where log\(3\) = 1.099.* smaller weights"):
        insight.check_start_loss(Wrong(lambda m, h: m.out(h) * 100.0), X, LABELS)
    knows = np.eye(3, dtype=np.float32)[LABELS] * 20
    with pytest.raises(SanityError, match="knows too much"):
        insight.check_start_loss(Wrong(lambda m, h: m.out(h) * 0.0 + knows), X, LABELS)
    assert insight.check_start_loss(Wrong(lambda m, h: m.out(h) * 0.01), X, LABELS, tolerance=0.01).ok
    with pytest.raises(SanityError, match="nan"):
        insight.check_start_loss(Wrong(lambda m, h: m.out(h) * np.float32("nan")), X, LABELS)


def test_parameters_without_a_gradient_are_named_with_the_reason():
    def cut(m, h):
        return m.out(tg.stop_gradient(h))

    with pytest.raises(SanityError) as caught:
        insight.check_gradients(Wrong(cut), X, LABELS)
    text = str(caught.value)
    assert "2 of 4 parameters get none" in text and "hidden.weight: not on a path to the loss" in text
    assert f"cut by stop_gradient at {__file__}" in text and "out.weight" not in text
    with pytest.raises(SanityError, match="has no history"):
        insight.check_gradients(Wrong(lambda m, h: tg.Tensor(m.out(h).data)), X, LABELS)
    with pytest.raises(SanityError, match=r"none of 4 parameters is trained.*requires_grad_"):
        insight.check_gradients(Wrong(lambda m, h: m.out(h)).requires_grad_(False), X, LABELS)


def test_frozen_and_dead_parameters_are_told_apart():
    net = Wrong(lambda m, h: m.out(h))
    net.hidden.requires_grad_(False)
    finding = insight.check_gradients(net, X, LABELS)
    assert finding.ok and not finding.remedy and "2 more are frozen" in finding.text
    dead = Wrong(lambda m, h: m.out(tg.relu(h - 5.0)))
    finding = insight.check_gradients(dead, X, LABELS)
    assert finding.ok and "All zero: hidden.weight, hidden.bias, out.weight." in finding.text
    assert "dead relus" in finding.remedy


@pytest.mark.parametrize("leak", [
    lambda m, h: m.out(h - tg.mean(h, axis=0)),
    lambda m, h: tg.softmax(m.out(h), axis=0),
    lambda m, h: m.out(tg.flip(h, 0)),
])  # fmt: skip
def test_leaks_across_the_batch_are_found(leak):
    with pytest.raises(SanityError, match=r"independence: changing sample \d moves the output of sample \d"):
        insight.check_independence(Wrong(leak), X)


def test_a_leak_that_shows_in_the_gradient_only():
    def sly(m, h):  # adds zero, but not a constant: its slope across the batch is one
        s = tg.mean(h, axis=0, keepdims=True)
        return m.out(h + (s - s.data))

    with pytest.raises(SanityError, match="has a gradient in sample"):
        insight.check_independence(Wrong(sly), X)


def test_batch_norm_leaks_in_training_only():
    net = good().train()
    assert insight.check_independence(net, X).ok and net.training


def test_independence_of_whole_numbers_and_of_too_few():
    class Embed(nn.Module):
        def __init__(self):
            self.table = nn.Parameter(RNG.standard_normal((10, 4)))

        def forward(self, ids):
            return tg.take(self.table, ids, axis=0)

    assert insight.check_independence(Embed(), np.array([1, 5, 7])).ok
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        insight.check_independence(good(), X[:1])


def test_what_cannot_learn_is_found():
    with pytest.raises(SanityError) as caught:
        insight.check_overfit(Wrong(lambda m, h: m.out(h * 0.0)), X, LABELS, steps=5)
    text = str(caught.value)
    assert "one batch of 6 was not learnt: loss 1.099" in text and "lr 0.001, 0.01, 0.0001" in text
    assert "softmax before a loss" in text
    with pytest.raises(SanityError, match="at best"):
        insight.check_overfit(Wrong(lambda m, h: tg.softmax(m.out(h))), X, LABELS, steps=20)


def test_another_loss_can_be_given():
    target = RNG.standard_normal((6, 3)).astype(np.float32)
    net = Wrong(lambda m, h: m.out(h))
    assert insight.check_overfit(net, X, target, loss=tg.mse_loss, lrs=(1e-2,)).ok
    assert insight.check_gradients(net, X, target, loss=tg.mse_loss).ok


@pytest.mark.parametrize("check", [insight.check_forward, insight.check_independence])
def test_what_is_no_model_is_refused(check):
    with pytest.raises(TypeError, match=r"must be a Module, got function.*nn\.Lambda"):
        check(lambda x: x, X)


def test_the_doctor_reports_all_and_has_a_verdict():
    report = tg.doctor(tg.models.build("lenet", (8, 8, 1), 10, rng=0), (8, 8, 1), 10)
    assert report.ok and [f.name for f in report.findings] == [
        "forward", "loss at start", "gradients", "independence", "overfit"
    ]  # fmt: skip
    assert str(report).splitlines()[-1] == "verdict: healthy: it can be trained."
    sick = tg.doctor(Wrong(lambda m, h: tg.softmax(m.out(tg.stop_gradient(h)), axis=0)), (8, 8, 1), 3, steps=3)
    text = str(sick)
    assert not sick.ok and "-> Call every layer in forward" in text and "verdict: 3 of 5 tests failed." in text


def test_the_doctor_takes_a_model_that_classifies_places():
    net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, rng=0), nn.Tanh(), nn.Conv2d(16, 3, 3, padding=1, rng=1))
    report = tg.doctor(net, (6, 6, 1), 3, steps=2)
    assert [f.ok for f in report.findings] == [True, True, True, True, False], str(report)
    assert "(8, 6, 6, 1) -> (8, 6, 6, 3)" in report.findings[0].text


def test_the_doctor_stops_after_a_forward_that_fails():
    report = tg.doctor(nn.Linear(5, 3, rng=0), (4,), 3)
    assert not report.ok and len(report.findings) == 1 and len(report.left_out) == 4
    assert "ValueError" in str(report) and "not tried" in str(report)


@pytest.mark.parametrize("shape, classes, words", [
    ((8, 0, 1), 3, "input_shape"), ((8.5, 8, 1), 3, "input_shape"), ((8, 8, 1), 1, "at least 2"),
    ((8, 8, 1), 2.5, "classes"),
])  # fmt: skip
def test_the_doctor_refuses_what_makes_no_sense(shape, classes, words):
    with pytest.raises((ValueError, TypeError), match=words):
        tg.doctor(good(), shape, classes)
