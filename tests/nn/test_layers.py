"""Layers: each equals its formula or op; arguments and inputs that do not fit are refused in words."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, testing

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 6, 6, 4)).astype(np.float32)


def test_conv2d_is_the_op_with_its_weights():
    layer = nn.Conv2d(4, 6, (3, 2), stride=2, padding=((1, 0), (0, 1)), dilation=1, groups=2, rng=0)
    assert layer.weight.shape == (3, 2, 2, 6)
    expected = tg.conv2d(X, layer.weight, layer.bias, stride=2, padding=((1, 0), (0, 1)), groups=2)
    np.testing.assert_array_equal(layer(X).data, expected.data)
    assert repr(layer) == "Conv2d(4, 6, window=(3, 2), stride=2, padding=((1, 0), (0, 1)), groups=2)"
    bare = nn.Conv2d(4, 6, 3, bias=False)
    assert bare.bias is None
    assert list(bare.state_dict()) == ["weight"]
    assert bare(X).shape == (2, 4, 4, 6)


CONVOLUTIONS = [
    (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, rng=0), {"weight": (3, 3, 3, 4)},
     lambda x, w, b: tg.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1, groups=2), (2, 12, 12, 6),
     "ConvTranspose2d(4, 6, window=(3, 3), stride=2, padding=1, groups=2, output_padding=1)"),
    (nn.ConvTranspose2d(4, 2, 2, stride=2, rng=0), {"weight": (2, 2, 2, 4)},
     lambda x, w, b: tg.conv_transpose2d(x, w, b, stride=2), (2, 12, 12, 2),
     "ConvTranspose2d(4, 2, window=(2, 2), stride=2)"),
    (nn.DepthwiseConv2d(4, 3, multiplier=2, padding="same", rng=0), {"weight": (3, 3, 4, 2)},
     lambda x, w, b: tg.depthwise_conv2d(x, w, b, padding="same"), (2, 6, 6, 8),
     "DepthwiseConv2d(4, 8, window=(3, 3), padding='same', multiplier=2)"),
    (nn.SeparableConv2d(4, 5, (3, 1), stride=2, rng=0), {"depthwise": (3, 1, 4, 1), "pointwise": (4, 5)},
     lambda x, d, p, b: tg.separable_conv2d(x, d, p, b, stride=2), (2, 2, 3, 5),
     "SeparableConv2d(4, 5, window=(3, 1), stride=2)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "weights", "op", "shape", "text"), CONVOLUTIONS, ids=lambda v: getattr(v, "text", "")
)
def test_other_convolutions_are_their_ops_with_their_weights(layer, weights, op, shape, text):
    parameters = dict(layer.named_parameters())
    assert {k: p.shape for k, p in parameters.items() if k != "bias"} == weights
    layer.bias.assign(np.arange(shape[3], dtype=np.float32))
    y = layer(X)
    np.testing.assert_array_equal(y.data, op(X, *(parameters[k] for k in weights), layer.bias).data)
    assert y.shape == shape
    assert repr(layer) == text
    y.sum().backward()
    assert all(p.grad.any() for p in parameters.values())


def test_conv1d_is_the_op_with_its_weights():
    layer = nn.Conv1d(4, 6, 3, stride=2, padding=(1, 0), groups=2, rng=0)
    assert layer.weight.shape == (3, 2, 6)
    expected = tg.conv1d(X[:, 0], layer.weight, layer.bias, stride=2, padding=(1, 0), groups=2)
    np.testing.assert_array_equal(layer(X[:, 0]).data, expected.data)
    assert repr(nn.Conv1d(4, 6, 3, bias=False)) == "Conv1d(4, 6, window=3, bias=False)"


def test_starting_weights_of_grouped_filters_count_the_channels_that_one_sees():
    for layer, fan in ((nn.ConvTranspose2d(64, 32, 3, groups=2, rng=0), 9 * 32), (nn.DepthwiseConv2d(256, 3, rng=0), 9),
                       (nn.Conv1d(64, 64, 3, rng=0), 3 * 64)):  # fmt: skip
        np.testing.assert_allclose(layer.weight.data.var(), 2 / fan, rtol=0.1)
    separable = nn.SeparableConv2d(3, 12, 2, multiplier=1, rng=0)
    assert not np.isin(separable.depthwise.data.ravel(), separable.pointwise.data.ravel()).any()


def test_unpooling_undoes_pooling():
    y, indices = tg.max_pool2d_with_indices(X, 2)
    layer = nn.MaxUnpool2d(2)
    np.testing.assert_array_equal(layer(y, indices), tg.max_unpool2d(y, indices, (6, 6)))
    assert layer(y, indices, (7, 6)).shape == (2, 7, 6, 4)
    assert repr(layer) == "MaxUnpool2d((2, 2))"


LABELS = np.array([2, 0])
LOSSES = [
    (nn.CrossEntropyLoss(), LABELS, tg.softmax_cross_entropy),
    (nn.CrossEntropyLoss(weight=[1, 2, 3], ignore_index=0, label_smoothing=0.1, reduction="sum"), LABELS,
     lambda x, t: tg.softmax_cross_entropy(
         x, t, weight=np.array([1, 2, 3]), ignore_index=0, label_smoothing=0.1, reduction="sum")),
    (nn.NLLLoss(reduction="none"), LABELS, lambda x, t: tg.nll_loss(x, t, reduction="none")),
    (nn.MSELoss(reduction="sum"), X[0, :2, 0, 1:], lambda x, t: tg.mse_loss(x, t, reduction="sum")),
    (nn.L1Loss(), X[0, :2, 0, 1:], tg.l1_loss),
    (nn.HuberLoss(delta=0.5), X[0, :2, 0, 1:], lambda x, t: tg.huber_loss(x, t, delta=0.5)),
    (nn.BCEWithLogitsLoss(pos_weight=2.0), X[0, :2, 0, 1:] > 0,
     lambda x, t: tg.binary_cross_entropy_with_logits(x, t, pos_weight=2.0)),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "targets", "op"), LOSSES, ids=lambda v: type(v).__name__)
def test_losses_are_their_functions(layer, targets, op):
    x, t = X[0, 3:5, 0, :3], targets.astype(np.float32) if targets.dtype == bool else targets
    np.testing.assert_array_equal(layer(x, t), op(x, t))
    loss = layer(tg.Tensor(x, requires_grad=True), t)
    assert loss.dtype == np.float32
    loss.sum().backward()


def test_losses_show_what_is_not_usual():
    assert repr(nn.CrossEntropyLoss()) == "CrossEntropyLoss()"
    assert repr(nn.CrossEntropyLoss(weight=[1, 2], reduction="sum")) == (
        "CrossEntropyLoss(reduction='sum', weight=array([1, 2]))"
    )


def test_linear_is_x_at_w_plus_b():
    layer = nn.Linear(4, 3, rng=0)
    layer.bias.assign(np.arange(3, dtype=np.float32))
    np.testing.assert_allclose(layer(X).data, X @ layer.weight.data + [0, 1, 2], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(nn.Linear(4, 3, bias=False, rng=0)(X).data, X @ layer.weight.data, rtol=1e-6, atol=1e-6)


ACTIVATIONS = [
    (nn.ReLU(), tg.relu), (nn.ReLU6(), tg.relu6), (nn.LeakyReLU(0.2), lambda x: tg.leaky_relu(x, slope=0.2)),
    (nn.ELU(0.5), lambda x: tg.elu(x, alpha=0.5)), (nn.SELU(), tg.selu), (nn.GELU(), tg.gelu),
    (nn.GELU("tanh"), lambda x: tg.gelu(x, approximate="tanh")), (nn.SiLU(), tg.silu), (nn.HardSwish(), tg.hard_swish),
    (nn.HardSigmoid(), tg.hard_sigmoid), (nn.Sigmoid(), tg.sigmoid), (nn.Tanh(), tg.tanh),
    (nn.Softplus(), tg.softplus), (nn.Softmax(), tg.softmax), (nn.Softmax(1), lambda x: tg.softmax(x, axis=1)),
    (nn.LogSoftmax(), tg.log_softmax), (nn.Identity(), lambda x: x), (nn.Lambda(tg.abs), tg.abs),
    (nn.MaxPool2d(2), lambda x: tg.max_pool2d(x, 2)),
    (nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
     lambda x: tg.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=True)),
    (nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
     lambda x: tg.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)),
    (nn.AdaptiveAvgPool2d((2, 4)), lambda x: tg.adaptive_avg_pool2d(x, (2, 4))),
    (nn.Resize((3, 8)), lambda x: tg.resize(x, (3, 8))),
    (nn.Upsample(2, mode="bilinear"), lambda x: tg.resize(x, (12, 12), mode="bilinear")),
    (nn.Upsample((1, 3), mode="bilinear", align_corners=True),
     lambda x: tg.resize(x, (6, 18), mode="bilinear", align_corners=True)),
    (nn.ZeroPad2d(1), lambda x: tg.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))),
    (nn.ReflectionPad2d((2, 1)), lambda x: tg.pad(x, ((0, 0), (2, 2), (1, 1), (0, 0)), mode="reflect")),
    (nn.ReplicationPad2d(((0, 3), (1, 0))), lambda x: tg.pad(x, ((0, 0), (0, 3), (1, 0), (0, 0)), mode="edge")),
    (nn.CircularPad2d(1), lambda x: tg.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="wrap")),
    (nn.GlobalAvgPool2d(), tg.global_avg_pool2d), (nn.Flatten(), lambda x: tg.reshape(x, (len(x), -1))),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "op"), ACTIVATIONS, ids=lambda v: repr(v) if isinstance(v, nn.Module) else "")
def test_a_layer_is_its_op_on_arrays_and_tensors(layer, op):
    expected = op(X)
    assert isinstance(layer(X), np.ndarray)
    np.testing.assert_array_equal(layer(X), expected)
    y = layer(tg.Tensor(X, requires_grad=True))
    np.testing.assert_array_equal(y.data, expected)
    assert y.requires_grad


def test_prelu_learns_its_slopes():
    layer = nn.PReLU(4, slope=0.5)
    np.testing.assert_array_equal(layer(X).data, np.where(X > 0, X, X / 2))
    layer(X).sum().backward()
    np.testing.assert_allclose(layer.weight.grad, np.minimum(X, 0).sum((0, 1, 2)), rtol=1e-5)
    assert nn.PReLU()(X).shape == X.shape


class TestDropout:
    def test_it_drops_the_share_and_keeps_the_mean(self):
        layer = nn.Dropout(0.25, rng=0)
        y = layer(np.ones((100, 1000), np.float32))
        assert abs((y == 0).mean() - 0.25) < 0.01
        np.testing.assert_allclose(y[y != 0], 1 / 0.75, rtol=1e-6)

    def test_it_does_nothing_in_eval(self):
        np.testing.assert_array_equal(nn.Dropout(0.9).eval()(X), X)

    def test_it_is_repeated_by_its_seed_and_listed_for_resuming(self):
        a, b = nn.Sequential(nn.Dropout(rng=3)), nn.Sequential(nn.Dropout(rng=3))
        np.testing.assert_array_equal(a(X), b(X))
        (generator,) = a.generators()
        before = generator.bit_generator.state
        first = a(X)
        generator.bit_generator.state = before
        np.testing.assert_array_equal(a(X), first)

    def test_one_generator_for_a_whole_network_is_listed_once(self):
        rng = np.random.default_rng(0)
        assert list(nn.Sequential(nn.Dropout(rng=rng), nn.Dropout(rng=rng)).generators()) == [rng]


class TestBatchNorm:
    def test_training_uses_the_batch_and_moves_the_averages(self):
        layer = nn.BatchNorm2d(4, momentum=0.25, eps=1e-3)
        layer.weight.assign(np.arange(1, 5, dtype=np.float32))
        layer.bias.assign(np.arange(4, dtype=np.float32))
        y = layer(X)
        mean, var = X.mean((0, 1, 2)), X.var((0, 1, 2))
        expected = (X - mean) / np.sqrt(var + 1e-3) * np.arange(1, 5) + np.arange(4)
        np.testing.assert_allclose(y.data, expected, atol=1e-5)
        np.testing.assert_allclose(layer.running_mean.data, 0.25 * mean, rtol=1e-5)
        np.testing.assert_allclose(layer.running_var.data, 0.75 + 0.25 * var * 72 / 71, rtol=1e-5)

    def test_eval_uses_the_averages_and_leaves_them(self):
        layer = nn.BatchNorm2d(4)
        for _ in range(3):
            layer(X)
        before = layer.eval().state_dict()
        y = layer(X[:1, :1, :1])  # a single pixel is fine here
        expected = (X[:1, :1, :1] - before["running_mean"]) / np.sqrt(before["running_var"] + 1e-5)
        np.testing.assert_allclose(y.data, expected, atol=1e-6)
        assert all(np.array_equal(v, before[k]) for k, v in layer.state_dict().items())

    def test_running_averages_are_no_part_of_the_graph(self):
        layer = nn.BatchNorm2d(4)
        layer(tg.Tensor(X, requires_grad=True))
        assert not layer.running_mean.requires_grad
        assert layer.running_mean.dtype == np.float32

    @pytest.mark.parametrize("mode", [True, False])
    def test_gradients_of_order_one_and_two(self, mode):
        layer = nn.BatchNorm2d(2).to(np.float64).train(mode)

        def f(x, weight, bias):
            vars(layer).update(weight=weight, bias=bias)  # Tensors in place of the parameters
            return layer(x)

        testing.gradcheck(f, [RNG.normal(size=(3, 2, 2, 2)), RNG.normal(size=2), RNG.normal(size=2)], order=2)

    def test_a_single_value_per_channel_has_no_variance(self):
        with pytest.raises(ValueError, match="BatchNorm2d: expects at least 2 values per channel in training"):
            nn.BatchNorm2d(4)(X[:1, :1, :1])
        with pytest.raises(ValueError, match=r"BatchNorm2d: expects at least 2 .* That is 0"):
            nn.BatchNorm2d(4)(X[:0])


def test_the_other_normalisations_are_their_ops():
    np.testing.assert_array_equal(nn.LayerNorm(4)(X).data, tg.layer_norm(X))
    np.testing.assert_array_equal(nn.RMSNorm(4)(X).data, tg.rms_norm(X))
    assert [name for name, _ in nn.RMSNorm(4).named_parameters()] == ["weight"]
    np.testing.assert_array_equal(nn.GroupNorm(2, 4)(X).data, tg.group_norm(X, 2))
    np.testing.assert_array_equal(nn.InstanceNorm2d(4)(X).data, tg.instance_norm(X))
    assert repr(nn.GroupNorm(2, 4, eps=0.1)) == "GroupNorm(2, 4, eps=0.1)"


def test_layers_train_in_float64_too():
    net = nn.Sequential(
        nn.Conv2d(4, 3, 3, rng=0), nn.BatchNorm2d(3), nn.PReLU(3), nn.MaxPool2d(2), nn.Dropout(0.5, rng=0),
        nn.LayerNorm(3), nn.Flatten(), nn.Linear(12, 2, rng=0),
    ).to(np.float64)  # fmt: skip
    y = net(X.astype(np.float64))
    assert y.dtype == np.float64
    y.sum().backward()
    assert all(p.grad.dtype == np.float64 for p in net.parameters())


WRONG = [
    (lambda: nn.Conv2d(0, 1, 3), ValueError, "Conv2d: in_channels=0 must be a whole number of at least 1"),
    (lambda: nn.Conv2d(1, 2.0, 3), TypeError, "Conv2d: out_channels=2.0 must be a whole number"),
    (lambda: nn.Conv2d(1, 1, 0), ValueError, "Conv2d: window=0 must be a whole number of at least 1, or a pair"),
    (lambda: nn.Conv2d(1, 1, (3, 3, 3)), ValueError, r"Conv2d: window=\(3, 3, 3\) must be a whole number"),
    (lambda: nn.Conv2d(1, 1, 3, stride=0), ValueError, "Conv2d: stride=0 must be a whole number"),
    (lambda: nn.Conv2d(1, 1, 3, padding=-1), ValueError, "Conv2d: padding=-1 must be"),
    (lambda: nn.Conv2d(1, 1, 3, padding="full"), ValueError, "Conv2d: padding='full'"),
    (lambda: nn.Conv2d(1, 1, 3, dilation=0), ValueError, "Conv2d: dilation=0"),
    (lambda: nn.Conv2d(4, 3, 3, groups=2), ValueError, "Conv2d: out_channels=3 must be divisible by groups=2"),
    (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "Conv2d: in_channels=3 must be divisible by groups=2"),
    (lambda: nn.Conv2d(1, 1, 3, init="he"), ValueError, "Conv2d: init='he' is not known; there are zeros"),
    (lambda: nn.Conv2d(1, 1, 3, init=3), TypeError, "Conv2d: init=3 must be a name or a function"),
    (lambda: nn.Linear(2, 2, init=lambda s, rng: np.ones(3)), ValueError, r"init returned shape \(3,\)"),
    (lambda: nn.Linear(2, 2, rng="a"), TypeError, "Linear: rng='a' must be"),
    (lambda: nn.Linear(True, 2), TypeError, "Linear: in_features=True must be a whole number"),
    (lambda: nn.MaxPool2d(2, stride=0), ValueError, "MaxPool2d: stride=0"),
    (lambda: nn.MaxPool2d(2, padding=2), ValueError, "MaxPool2d: padding=2 must be smaller"),
    (lambda: nn.AvgPool2d(-1), ValueError, "AvgPool2d: window=-1"),
    (lambda: nn.Dropout(1), ValueError, "Dropout: rate=1 must be a number of at least 0 and below 1"),
    (lambda: nn.Dropout(-0.1), ValueError, "Dropout: rate=-0.1 must be a number of at least 0"),
    (lambda: nn.Dropout("half"), TypeError, "Dropout: rate='half' must be a number"),
    (lambda: nn.BatchNorm2d(3, momentum=2), ValueError, "BatchNorm2d: momentum=2 must be a number from 0 to 1"),
    (lambda: nn.BatchNorm2d(3, eps=float("nan")), ValueError, "BatchNorm2d: eps=nan"),
    (lambda: nn.GroupNorm(2, 3), ValueError, "GroupNorm: channels=3 must be divisible by groups=2"),
    (lambda: nn.GELU("fast"), ValueError, "GELU: approximate='fast'"),
    (lambda: nn.Softmax(0.5), TypeError, "Softmax: axis=0.5"),
    (lambda: nn.LeakyReLU(None), TypeError, "LeakyReLU: slope=None"),
    (lambda: nn.Lambda(nn.ReLU), TypeError, "Lambda: needs a function"),
    (lambda: nn.ConvTranspose2d(3, 4, 3, groups=2), ValueError, "ConvTranspose2d: in_channels=3 must be divisible"),
    (lambda: nn.ConvTranspose2d(2, 2, 3, stride=2, output_padding=2), ValueError, "output_padding=2 must be smaller"),
    (lambda: nn.ConvTranspose2d(2, 2, 3, stride=2, padding="same", output_padding=1), ValueError, "be 0 with padding="),
    (lambda: nn.DepthwiseConv2d(2, 3, multiplier=0), ValueError, "DepthwiseConv2d: multiplier=0"),
    (lambda: nn.SeparableConv2d(2, 3, 3, stride=0), ValueError, "SeparableConv2d: stride=0"),
    (lambda: nn.Conv1d(2, 2, (3, 3)), TypeError, r"Conv1d: window=\(3, 3\) must be a whole number"),
    (lambda: nn.Conv1d(2, 2, 3, padding=(1, -1)), ValueError, r"Conv1d: padding=\(1, -1\)"),
    (lambda: nn.Resize(0), ValueError, "Resize: size=0 must be a whole number of at least 1"),
    (lambda: nn.Resize(2, mode="cubic"), ValueError, "Resize: mode='cubic'"),
    (lambda: nn.Upsample(1.5), TypeError, "Upsample: scale=1.5 must be a whole number of at least 1, or a pair"),
    (lambda: nn.Upsample(2, align_corners=True), ValueError, "Upsample: align_corners=True has no meaning"),
    (lambda: nn.ZeroPad2d("same"), ValueError, "ZeroPad2d: padding='same' must be an int"),
    (lambda: nn.ReflectionPad2d((1, 1, 1, 1)), ValueError, r"ReflectionPad2d: padding=\(1, 1, 1, 1\) must be"),
    (lambda: nn.AdaptiveAvgPool2d(0), ValueError, "AdaptiveAvgPool2d: size=0"),
    (lambda: nn.MaxUnpool2d(0), ValueError, "MaxUnpool2d: window=0"),
    (lambda: nn.MSELoss(reduction="avg"), ValueError, "MSELoss: reduction='avg'"),
    (lambda: nn.CrossEntropyLoss(label_smoothing=2), ValueError, "CrossEntropyLoss: label_smoothing=2"),
    (lambda: nn.CrossEntropyLoss(weight=[1, -1]), ValueError, r"CrossEntropyLoss: weight=\[1, -1\] must be one number"),
    (lambda: nn.HuberLoss(delta=0), ValueError, "HuberLoss: delta=0 must be a finite number above 0"),
]


@pytest.mark.parametrize(("make", "error", "message"), WRONG)
def test_wrong_arguments_are_refused_when_the_layer_is_made(make, error, message):
    with pytest.raises(error, match=message):
        make()


MISFITS = [
    (nn.Conv2d(3, 2, 3), r"conv2d \(0\): filters .* expect 3 input channels"),
    (nn.Conv2d(4, 2, 7), r"conv2d \(0\): a 7x7 window does not fit"),
    (nn.Linear(144, 2), r"Linear \(0\): expects rows \(..., 144\), .* Put nn.Flatten\(\) before"),
    (nn.MaxPool2d(9), r"max_pool2d \(0\): a 9x9 window does not fit"),
    (nn.BatchNorm2d(3), r"BatchNorm2d \(0\): expects images \(N, H, W, 3\), but x has shape \(2, 6, 6, 4\)"),
    (nn.LayerNorm(3), r"LayerNorm \(0\): expects samples \(N, ..., 3\)"),
    (nn.ConvTranspose2d(3, 2, 3), r"conv_transpose2d \(0\): filters .* expect 3 input channels"),
    (nn.DepthwiseConv2d(3, 3), r"depthwise_conv2d \(0\): filters"),
    (nn.ReflectionPad2d(6), r"pad \(0\): mode='reflect' adds at most 5"),
    (nn.Conv1d(4, 4, 3), r"conv1d \(0\): x must be sequences"),
    (nn.PReLU(3), r"PReLU \(0\): expects values \(..., 3\)"),
]


@pytest.mark.parametrize(("layer", "message"), MISFITS)
def test_inputs_that_do_not_fit_are_refused_with_the_path(layer, message):
    with pytest.raises(ValueError, match=message):
        nn.Sequential(layer)(X)


@pytest.mark.parametrize("layer", [nn.Linear(2, 2), nn.BatchNorm2d(2)])
def test_what_is_no_array(layer):
    with pytest.raises(TypeError, match=r"x must be an array or a Tensor, got \[\["):
        layer([[1.0, 2.0]])
