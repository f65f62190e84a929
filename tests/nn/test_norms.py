"""Norms and dropout of every rank: which inputs they take, what their options leave out, and when averages move."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn

RNG = np.random.default_rng(0)


def x(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("layer", "wrong", "message"), [
    (nn.BatchNorm1d(3), (2, 3, 3, 3), r"BatchNorm1d: expects rows \(N, 3\) or sequences \(N, L, 3\), but x has"),
    (nn.BatchNorm2d(3), (2, 3), r"BatchNorm2d: expects images \(N, H, W, 3\)"),
    (nn.BatchNorm3d(3), (2, 2, 2, 3), r"BatchNorm3d: expects volumes \(N, D, H, W, 3\)"),
    (nn.BatchNorm1d(3), (1, 3), r"BatchNorm1d: expects at least 2 values per channel in training.*That is 1"),
    (nn.InstanceNorm1d(3), (2, 3), r"InstanceNorm1d: expects sequences \(N, L, 3\)"),
    (nn.Dropout2d(0.5), (2, 3), r"Dropout2d: expects images \(N, H, W, C\), but x has shape \(2, 3\)"),
    (nn.Dropout1d(0.5), (2, 3), r"Dropout1d: expects sequences \(N, L, C\)"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(layer, wrong, message):
    with pytest.raises(ValueError, match=message):
        layer(x(*wrong))


@pytest.mark.parametrize(("layer", "text", "names"), [
    (nn.BatchNorm1d(2, affine=False), "BatchNorm1d(2, affine=False)", ["running_mean", "running_var"]),
    (nn.BatchNorm2d(2, bias=False), "BatchNorm2d(2, bias=False)", ["weight", "running_mean", "running_var"]),
    (nn.BatchNorm3d(2, momentum=None), "BatchNorm3d(2, momentum=None)",
     ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]),
    (nn.BatchNorm1d(2, 1e-5, 0.1, True, False), "BatchNorm1d(2, track_running_stats=False)", ["weight", "bias"]),
    (nn.InstanceNorm2d(2), "InstanceNorm2d(2)", ["weight", "bias"]),
    (nn.InstanceNorm2d(2, track_running_stats=True), "InstanceNorm2d(2, track_running_stats=True)",
     ["weight", "bias", "running_mean", "running_var"]),
    (nn.LayerNorm(2, 1e-3, True, False), "LayerNorm(2, eps=0.001, bias=False)", ["weight"]),
    (nn.LayerNorm(2, affine=False), "LayerNorm(2, affine=False)", []),
    (nn.RMSNorm(2), "RMSNorm(2)", ["weight"]), (nn.RMSNorm(2, affine=False), "RMSNorm(2, affine=False)", []),
    (nn.GroupNorm(1, 2, affine=False), "GroupNorm(1, 2, affine=False)", []),
])  # fmt: skip
def test_what_options_leave_out(layer, text, names):
    assert repr(layer) == text and list(layer.state_dict()) == names


def test_averages_of_all_batches_are_their_plain_mean():
    norm, batches = nn.BatchNorm1d(2, momentum=None), [x(5, 2) for _ in range(4)]
    for batch in batches:
        norm(batch)
    np.testing.assert_allclose(norm.running_mean.data, np.mean([b.mean(0) for b in batches], axis=0), rtol=1e-5)
    np.testing.assert_allclose(norm.running_var.data, np.mean([b.var(0, ddof=1) for b in batches], axis=0), rtol=1e-5)
    assert norm.num_batches_tracked.data == 4


@pytest.mark.parametrize("layer", [
    nn.BatchNorm1d(2), nn.BatchNorm1d(2, affine=False), nn.BatchNorm1d(2, bias=False, momentum=None),
])  # fmt: skip
def test_a_relu_is_taken_in_and_a_checkpoint_moves_averages_once(layer):
    rows = x(6, 2)
    got = nn.Sequential(layer, nn.ReLU())(rows).data
    np.testing.assert_allclose(got, np.maximum((rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5), 0), atol=1e-5)
    before = layer.running_mean.data.copy()
    t = tg.Tensor(2 * rows + 1, requires_grad=True)
    y = tg.checkpoint(layer, t)
    moved = layer.running_mean.data.copy()
    assert (moved != before).any()
    y.sum().backward()
    np.testing.assert_array_equal(layer.running_mean.data, moved)


def test_a_frozen_norm_without_averages_goes_on_as_before():
    norm, rows = nn.BatchNorm1d(2, track_running_stats=False), x(6, 2)
    want = norm(rows).data
    np.testing.assert_array_equal(norm.freeze()(rows).data, want)
    np.testing.assert_array_equal(norm.unfreeze().eval()(rows).data, want)


@pytest.mark.parametrize(("layer", "shape"), [
    (nn.Dropout1d(0.5, rng=0), (40, 5, 3)), (nn.Dropout2d(0.5, rng=0), (40, 5, 2, 3)),
    (nn.Dropout3d(0.5, rng=0), (40, 2, 2, 3, 3)),
])  # fmt: skip
def test_whole_channels_are_dropped_and_get_no_gradient(layer, shape):
    ones = tg.Tensor(np.ones(shape, np.float32), requires_grad=True)
    y = layer(ones)
    channels = y.data.reshape(shape[0], -1, 3)
    assert (channels == channels[:, :1]).all() and set(np.unique(channels)) == {0.0, 2.0}
    assert 0.3 < (channels[:, 0] == 0).mean() < 0.7
    y.sum().backward()
    np.testing.assert_array_equal(ones.grad, y.data)
    np.testing.assert_array_equal(layer.eval()(ones).data, ones.data)


# -- scale and shift by running averages, which are kept ------------------------------------------------------------


def _set_eps(norm):
    norm.eps = 0.5


def _new_weight(norm):
    norm.weight = nn.Parameter(np.array([3.0, -1.0], np.float32))


def _move(norm):
    norm.train()
    norm(np.array([[1.0, 5.0], [2.0, 9.0]], np.float32))
    norm.eval()


CHANGES = {
    "eps": _set_eps,
    "a new weight": _new_weight,
    "weight": lambda norm: norm.weight.assign([2.0, 0.5]),
    "bias": lambda norm: norm.bias.assign([1.0, -1.0]),
    "running_mean": lambda norm: norm.running_mean.assign([1.0, -1.0]),
    "running_var": lambda norm: norm.running_var.assign([4.0, 9.0]),
    "a step in training": _move,
    "load_state_dict": lambda norm: norm.load_state_dict(
        {name: np.full(2, k, np.float32) for k, name in enumerate(norm.state_dict(), 3)}
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_eval_mode_keeps_follows_the_values(change):
    norm, x = nn.BatchNorm1d(2).eval(), np.array([[1.0, 2.0], [3.0, -4.0]], np.float32)
    with tg.no_grad():
        before = norm(x).data.copy()
        change(norm)
        after = norm(x).data
    recorded = norm(x)  # computed anew, as ops
    assert recorded.requires_grad and not np.array_equal(before, after)
    np.testing.assert_array_equal(after, recorded.data)


def test_what_eval_mode_keeps_is_computed_once_and_only_without_a_record(monkeypatch):
    norm, x = nn.BatchNorm1d(2).eval(), np.ones((2, 2), np.float32)
    calls, sqrt = [], tg.sqrt
    monkeypatch.setattr("tinygrad_cnn.nn.running_norms.ops.sqrt", lambda v: calls.append(None) or sqrt(v))
    counts = []
    for recording in (False, False, True, True):
        calls.clear()
        with tg.enable_grad() if recording else tg.no_grad():
            norm(x)
        counts.append(len(calls))
    assert counts == [1, 0, 1, 1]


def test_frozen_norms_pass_gradients_on():
    norm, x = nn.BatchNorm1d(2).eval(), tg.Tensor(np.ones((2, 2), np.float32), requires_grad=True)
    norm.running_var.assign([4.0, 9.0])
    with tg.no_grad():
        norm(x)
    norm(x).sum().backward()
    assert norm.weight.grad is not None
    norm.freeze()
    x.grad = None
    norm(x).sum().backward()
    np.testing.assert_allclose(x.grad, [[0.5, 1 / 3]] * 2, rtol=1e-4)


def test_why_there_is_no_gradient_is_still_said():
    norm, x = nn.BatchNorm1d(2).eval(), np.ones((2, 2), np.float32)
    for _ in range(2):
        with tg.no_grad():
            y = norm(x)
        assert y.node.why == "no_grad"
