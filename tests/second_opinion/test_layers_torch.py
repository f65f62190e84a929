"""Ops and layers beside PyTorch's: values and gradients in float64, an optional group, which needs torch."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed here; .ci/run installs it")
from .beside import agree, filters, first, last, same  # noqa: E402  (needs torch)

F = torch.nn.functional

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 7, 6, 4))
ROWS, LABELS = RNG.standard_normal((5, 3)), np.array([0, 2, 1, 1, 0])


@pytest.mark.parametrize(("window", "options"), [
    ((3, 3), {}), ((3, 2), {"stride": 2, "padding": 1}), ((2, 3), {"stride": (1, 2), "padding": (2, 1), "dilation": 2}),
    ((3, 3), {"groups": 2, "padding": 1}), ((3, 3), {"groups": 4, "stride": 2}), ((1, 1), {"stride": 3}),
])  # fmt: skip
def test_conv2d(window, options):
    w, b = RNG.standard_normal((*window, 4 // options.get("groups", 1), 8)), RNG.standard_normal(8)
    agree(lambda x, w, b: tg.conv2d(x, w, b, **options), lambda x, w, b: F.conv2d(x, w, b, **options), X,
          (w, filters), (b, same))  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("dilation", [1, 2])
def test_conv2d_same_at_stride_1(dilation):
    w = RNG.standard_normal((3, 2, 4, 5))
    agree(lambda x, w: tg.conv2d(x, w, padding="same", dilation=dilation),
          lambda x, w: F.conv2d(x, w, padding="same", dilation=dilation), X, (w, filters))  # fmt: skip


@pytest.mark.parametrize(("window", "options"), [
    ((3, 3), {}), ((2, 2), {"stride": 2}), ((3, 2), {"stride": (2, 3), "padding": 1, "output_padding": (1, 2)}),
    ((3, 3), {"dilation": (2, 1), "padding": (0, 1)}), ((4, 3), {"groups": 2, "stride": 2, "padding": (1, 0)}),
])  # fmt: skip
def test_conv_transpose2d(window, options):
    groups = options.get("groups", 1)
    w, b = RNG.standard_normal((*window, 6 // groups, 4)), RNG.standard_normal(6)
    agree(lambda x, w, b: tg.conv_transpose2d(x, w, b, **options),
          lambda x, w, b: F.conv_transpose2d(x, w, b, **options), X, (w, filters), (b, same))  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 2}, {"dilation": 2, "groups": 2}])
def test_conv1d(options):
    w, b = RNG.standard_normal((3, 4 // options.get("groups", 1), 6)), RNG.standard_normal(6)
    agree(lambda x, w, b: tg.conv1d(x, w, b, **options), lambda x, w, b: F.conv1d(x, w, b, **options), X[:, :, 0],
          (w, lambda w: w.transpose(2, 1, 0)), (b, same))  # fmt: skip


def test_depthwise_conv2d():
    w = RNG.standard_normal((3, 3, 4, 2))
    agree(lambda x, w: tg.depthwise_conv2d(x, w, stride=2), lambda x, w: F.conv2d(x, w, stride=2, groups=4), X,
          (w, lambda w: w.reshape(3, 3, 8)[:, :, None].transpose(3, 2, 0, 1)))  # fmt: skip


@pytest.mark.parametrize("options", [
    {"window": 2}, {"window": 3, "stride": 2, "padding": 1}, {"window": (3, 2), "stride": 1, "dilation": (2, 1)},
    {"window": 3, "stride": 2, "ceil_mode": True}, {"window": 2, "stride": 3, "padding": 1, "ceil_mode": True},
])  # fmt: skip
def test_max_pool2d_and_unpooling(options):
    torchs = {**{k: v for k, v in options.items() if k != "window"}, "kernel_size": options["window"]}
    agree(lambda x: tg.max_pool2d(x, **options), lambda x: F.max_pool2d(x, **torchs), X)
    _, indices = tg.max_pool2d_with_indices(X, **options)
    _, theirs = F.max_pool2d(torch.tensor(first(X)), **torchs, return_indices=True)
    np.testing.assert_array_equal(indices, last(theirs))


def test_max_unpool2d():
    y, indices = tg.max_pool2d_with_indices(X, 2)
    agree(lambda y: tg.max_unpool2d(y, indices, (7, 6)),
          lambda y: F.max_unpool2d(y, torch.tensor(first(indices)), 2, output_size=(7, 6)), y)  # fmt: skip


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("options", [
    {"window": 2}, {"window": 3, "stride": 2, "padding": 1}, {"window": 3, "stride": 2, "ceil_mode": True},
    {"window": (2, 3), "stride": (3, 2), "padding": (1, 1), "ceil_mode": True},
])  # fmt: skip
def test_avg_pool2d(options, include):
    torchs = {**{k: v for k, v in options.items() if k != "window"}, "kernel_size": options["window"]}
    agree(lambda x: tg.avg_pool2d(x, count_include_pad=include, **options),
          lambda x: F.avg_pool2d(x, count_include_pad=include, **torchs), X)  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, (2, 5), (7, 6), (9, 8)])
def test_adaptive_avg_pool2d(size):
    agree(lambda x: tg.adaptive_avg_pool2d(x, size), lambda x: F.adaptive_avg_pool2d(x, size), X)


@pytest.mark.parametrize("size", [(14, 12), (5, 9), (7, 6), (1, 1), (3, 20)])
@pytest.mark.parametrize(("ours", "theirs"), [
    ({}, {"mode": "nearest-exact"}), ({"mode": "bilinear"}, {"mode": "bilinear"}),
    ({"mode": "bilinear", "align_corners": True}, {"mode": "bilinear", "align_corners": True}),
    ({"mode": "bicubic"}, {"mode": "bicubic"}), ({"mode": "area"}, {"mode": "area"}),
    ({"mode": "bicubic", "align_corners": True}, {"mode": "bicubic", "align_corners": True}),
])  # fmt: skip
def test_resize(size, ours, theirs):
    agree(lambda x: tg.resize(x, size, **ours), lambda x: F.interpolate(x, size, **theirs), X)


@pytest.mark.parametrize("factor", [2, 3])
def test_upsample_is_pytorchs_nearest_at_whole_factors(factor):
    agree(lambda x: nn.Upsample(factor)(x), lambda x: F.interpolate(x, scale_factor=factor, mode="nearest"), X)


@pytest.mark.parametrize(("ours", "theirs"), [
    (nn.ReflectionPad2d, "reflect"), (nn.ReplicationPad2d, "replicate"), (nn.CircularPad2d, "circular"),
    (nn.ZeroPad2d, "constant"),
])  # fmt: skip
def test_borders(ours, theirs):
    agree(ours(((2, 1), (0, 3))), lambda x: F.pad(x, (0, 3, 2, 1), mode=theirs), X)


def test_unfold_and_fold():
    options = {"stride": 2, "padding": 1, "dilation": (1, 2)}
    cols = tg.unfold(X, (3, 2), **options)
    theirs = F.unfold(torch.tensor(first(X)), (3, 2), **options)
    n, h, w, i, j, c = cols.shape
    np.testing.assert_array_equal(cols.transpose(0, 5, 3, 4, 1, 2).reshape(n, c * i * j, h * w), theirs)
    back = F.fold(theirs, (7, 6), (3, 2), **options)
    np.testing.assert_allclose(tg.fold(cols, size=(7, 6), window=(3, 2), **options), last(back), rtol=1e-12)


SCALE, SHIFT = RNG.uniform(0.5, 2, 4), RNG.standard_normal(4)
NORMS = {
    "batch_norm": (tg.batch_norm, lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True)),
    "group_norm": (lambda x, w, b: tg.group_norm(x, 2, w, b), lambda x, w, b: F.group_norm(x, 2, w, b)),
    "instance_norm": (tg.instance_norm, lambda x, w, b: F.instance_norm(x, weight=w, bias=b)),
    "layer_norm": (
        tg.layer_norm, lambda x, w, b: F.layer_norm(x.permute(0, 2, 3, 1), (4,), w, b).permute(0, 3, 1, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NORMS)
def test_norms(name):
    agree(*NORMS[name], X, (SCALE, same), (SHIFT, same))


def test_rms_norm():
    def theirs(x, w):
        return F.rms_norm(x.permute(0, 2, 3, 1), (4,), w, 1e-6).permute(0, 3, 1, 2)

    agree(lambda x, w: tg.rms_norm(x, w, eps=1e-6), theirs, X, (SCALE, same))


def test_batch_norm_over_steps_and_in_eval():
    ours, theirs = nn.BatchNorm2d(4, momentum=0.3, eps=1e-3).to(np.float64), torch.nn.BatchNorm2d(4, 1e-3, 0.3).double()
    for k in range(3):
        batch = X * (k + 1) + k
        np.testing.assert_allclose(ours(batch).data, last(theirs(torch.tensor(first(batch)))), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ours.running_mean.data, theirs.running_mean, rtol=1e-10)
    np.testing.assert_allclose(ours.running_var.data, theirs.running_var, rtol=1e-10)
    ours.eval()
    theirs.eval()
    np.testing.assert_allclose(ours(X).data, last(theirs(torch.tensor(first(X)))), rtol=1e-8, atol=1e-10)


ACTIVATIONS = {
    "relu": F.relu, "relu6": F.relu6, "elu": F.elu, "selu": F.selu, "silu": F.silu, "softplus": F.softplus,
    "hard_swish": F.hardswish, "hard_sigmoid": F.hardsigmoid, "sigmoid": torch.sigmoid, "tanh": torch.tanh,
    "leaky_relu": F.leaky_relu, "gelu": F.gelu, "erf": torch.erf, "mish": F.mish, "log_sigmoid": F.logsigmoid,
    "softsign": F.softsign,
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    # torch's gradient of hardsigmoid multiplies by a float32 of 1/6, whatever the dtype
    order, rtol = (1, 1e-7) if name == "hard_sigmoid" else (2, 1e-10)
    agree(getattr(tg, name), ACTIVATIONS[name], X * 4, order=order, rtol=rtol)


def test_activations_with_options():
    agree(lambda x: tg.gelu(x, approximate="tanh"), lambda x: F.gelu(x, approximate="tanh"), X * 3)
    agree(lambda x: tg.elu(x, alpha=0.3), lambda x: F.elu(x, 0.3), X)
    agree(lambda x: tg.celu(x, alpha=0.5), lambda x: F.celu(x, 0.5), X)
    agree(tg.glu, lambda x: F.glu(x, 1), X)
    agree(nn.Hardtanh(-0.3, 0.5), lambda x: F.hardtanh(x, -0.3, 0.5), X)
    agree(tg.prelu, F.prelu, X, (SCALE, same))
    agree(tg.softmax, lambda x: F.softmax(x, 1), X)
    agree(tg.log_softmax, lambda x: F.log_softmax(x, 1), X)


WEIGHT = np.array([0.5, 2.0, 1.0])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", [
    {}, {"weight": WEIGHT}, {"ignore_index": 1}, {"label_smoothing": 0.2},
    {"weight": WEIGHT, "ignore_index": 0, "label_smoothing": 0.1},
])  # fmt: skip
def test_cross_entropy(options, reduction):
    torchs = {k: torch.tensor(v) if k == "weight" else v for k, v in options.items()}
    t = torch.tensor(LABELS)
    agree(lambda x: tg.softmax_cross_entropy(x, LABELS, reduction=reduction, **options),
          lambda x: F.cross_entropy(x, t, reduction=reduction, **torchs), ROWS)  # fmt: skip
    if "label_smoothing" not in options:
        agree(lambda x: tg.nll_loss(tg.log_softmax(x), LABELS, reduction=reduction, **options),
              lambda x: F.nll_loss(F.log_softmax(x, 1), t, reduction=reduction, **torchs), ROWS)  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.3}, {"weight": WEIGHT}])
def test_cross_entropy_of_probabilities(options):
    p = np.exp(ROWS[::-1]) / np.exp(ROWS[::-1]).sum(1, keepdims=True)
    torchs = {k: torch.tensor(v) if k == "weight" else v for k, v in options.items()}
    agree(lambda x: tg.softmax_cross_entropy(x, p, **options), lambda x: F.cross_entropy(x, torch.tensor(p), **torchs),
          ROWS)  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("ours", "theirs"), [
    (tg.mse_loss, F.mse_loss), (tg.l1_loss, F.l1_loss), (lambda x, t, **o: tg.huber_loss(x, t, delta=0.4, **o),
     lambda x, t, **o: F.huber_loss(x, t, delta=0.4, **o)),
    (tg.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits),
    (lambda x, t, **o: tg.binary_cross_entropy_with_logits(x, t, pos_weight=WEIGHT, **o),
     lambda x, t, **o: F.binary_cross_entropy_with_logits(x, t, pos_weight=torch.tensor(WEIGHT), **o)),
])  # fmt: skip
def test_losses_of_pairs(ours, theirs, reduction):
    t = np.random.default_rng(2).random(ROWS.shape)
    agree(lambda x: ours(x, t, reduction=reduction), lambda x: theirs(x, torch.tensor(t), reduction=reduction), ROWS)


def test_a_network_of_layers_with_pytorchs_weights():
    ours = nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=1, rng=0), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.ConvTranspose2d(8, 6, 2, stride=2, rng=1), nn.GroupNorm(2, 6), nn.GELU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(6, 3, rng=2),
    ).to(np.float64)  # fmt: skip
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(4, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.ConvTranspose2d(8, 6, 2, stride=2), torch.nn.GroupNorm(2, 6), torch.nn.GELU(),
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(6, 3),
    ).double()  # fmt: skip
    parameters = dict(ours.named_parameters())
    turned = {k: filters(v) if v.ndim == 4 else v.T for k, v in ours.state_dict().items() if k in parameters}
    theirs.load_state_dict({k: torch.tensor(np.ascontiguousarray(v)) for k, v in turned.items()}, strict=False)
    agree(ours, theirs, X)
    ours(X).sum().backward()
    theirs(torch.tensor(first(X))).sum().backward()
    for name, p in theirs.named_parameters():
        g = parameters[name].grad
        np.testing.assert_allclose(filters(g) if g.ndim == 4 else g.T, p.grad, rtol=1e-7, atol=1e-9)
