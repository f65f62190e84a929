"""Arguments by position: where PyTorch takes them by position and they mean the same here, so do we, in its order."""

import inspect

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn.init import he_uniform

# In PyTorch's order, under our names, up to the first argument that we lack.
LAYERS = {
    **dict.fromkeys(
        ["Conv1d", "Conv2d", "Conv3d"],
        "in_channels out_channels window stride padding dilation groups bias padding_mode",
    ),
    **dict.fromkeys(
        ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"],
        "in_channels out_channels window stride padding output_padding groups bias dilation",
    ),
    **dict.fromkeys(["MaxPool1d", "MaxPool2d", "MaxPool3d"], "window stride padding dilation"),
    **dict.fromkeys(["AvgPool1d", "AvgPool2d", "AvgPool3d"], "window stride padding ceil_mode count_include_pad"),
    "MaxUnpool2d": "window",
    **dict.fromkeys([f"Adaptive{kind}Pool{axes}d" for kind in ("Avg", "Max") for axes in (1, 2, 3)], "size"),
    "LocalResponseNorm": "size alpha beta k",
    "Linear": "in_features out_features bias",
    **dict.fromkeys(
        [f"{kind}Norm{n}d" for kind in ("Batch", "Instance") for n in (1, 2, 3)],
        "channels eps momentum affine track_running_stats",
    ),
    "GroupNorm": "groups channels eps affine",
    "LayerNorm": "channels eps affine bias",
    "RMSNorm": "channels eps affine",
    **dict.fromkeys(["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d"], "rate"),
    "PReLU": "channels slope",
    "LeakyReLU": "slope",
    "ELU": "alpha",
    "Softmax": "axis",
    "LogSoftmax": "axis",
    "CrossEntropyLoss": "weight",
    "NLLLoss": "weight",
    **dict.fromkeys(["ZeroPad2d", "ReflectionPad2d", "ReplicationPad2d", "CircularPad2d"], "padding"),
}
# Ours alone, in the order of Conv2d.
OURS = {
    "DepthwiseConv2d": "channels window stride padding dilation bias padding_mode",
    "SeparableConv2d": "in_channels out_channels window stride padding dilation bias padding_mode",
}
FUNCTIONS = {
    "spectral_norm": "layer name n_power_iterations eps axis",
    "weight_norm": "layer name axis",
    "parametrize": "layer name parametrization",
}
OPS = {
    **dict.fromkeys(["conv1d", "conv2d", "conv3d"], "x w b stride padding dilation groups"),
    **dict.fromkeys(
        ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"],
        "x w b stride padding output_padding groups dilation",
    ),
    **dict.fromkeys(
        ["max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices"],
        "x window stride padding dilation ceil_mode",
    ),
    **dict.fromkeys(["avg_pool1d", "avg_pool2d", "avg_pool3d"], "x window stride padding ceil_mode count_include_pad"),
    **dict.fromkeys([f"adaptive_{kind}_pool{axes}d" for kind in ("avg", "max") for axes in (1, 2, 3)], "x size"),
    "local_response_norm": "x size alpha beta k",
    "group_norm": "x groups gamma beta eps",
    "leaky_relu": "x slope",
    "elu": "x alpha",
    "prelu": "x slope",
    "softmax": "x axis",
    "log_softmax": "x axis",
    "dropout": "x rate training",
    "pad": "x width mode value",
    "flatten": "x start",
    "split": "x sections axis",
    "nll_loss": "log_probabilities labels weight",
    "softmax_cross_entropy": "logits labels weight",
    "depthwise_conv2d": "x w b stride padding dilation",
    "separable_conv2d": "x depthwise pointwise b stride padding dilation",
}


def by_position(fn):
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return " ".join(p.name for p in inspect.signature(fn).parameters.values() if p.kind in kinds)


@pytest.mark.parametrize("name", [*LAYERS, *OURS, *FUNCTIONS])
def test_layers(name):
    assert by_position(getattr(nn, name)) == {**LAYERS, **OURS, **FUNCTIONS}[name]


@pytest.mark.parametrize("name", OPS)
def test_ops(name):
    fn = getattr(tg, name)
    assert by_position(fn) == OPS[name]
    if isinstance(fn, tg.Op):  # an op binds by its own list, which has to be that of its function
        assert [*fn.inputs, *fn.positional] == OPS[name].split()


X = np.random.default_rng(0).standard_normal((2, 8, 8, 4)).astype(np.float32)


def weights(*shape):
    return he_uniform(shape, rng=0)


@pytest.mark.parametrize(("short", "long"), [
    (lambda: nn.Conv2d(4, 6, 3, 2, 1, 1, 2, False, rng=0),
     lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1, dilation=1, groups=2, bias=False, rng=0)),
    (lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, True, 1, rng=0),
     lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, bias=True, rng=0)),
    (lambda: nn.DepthwiseConv2d(4, 3, 2, 1, rng=0), lambda: nn.DepthwiseConv2d(4, 3, stride=2, padding=1, rng=0)),
    (lambda: nn.MaxPool2d(3, 2, 1), lambda: nn.MaxPool2d(3, stride=2, padding=1)),
    (lambda: nn.AvgPool2d(3, 2, 1, True, False),
     lambda: nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)),
    (lambda: nn.Linear(4, 3, False, rng=0), lambda: nn.Linear(4, 3, bias=False, rng=0)),
    (lambda: nn.BatchNorm2d(4, 1e-3, 0.01), lambda: nn.BatchNorm2d(4, eps=1e-3, momentum=0.01)),
    (lambda: nn.PReLU(4, 0.1), lambda: nn.PReLU(4, slope=0.1)),
])  # fmt: skip
def test_a_layer_made_by_position_is_the_one_made_by_keyword(short, long):
    a, b = short(), long()
    assert repr(a) == repr(b)
    np.testing.assert_array_equal(np.asarray(a(X).data), np.asarray(b(X).data))


@pytest.mark.parametrize(("short", "long"), [
    (lambda x: tg.conv2d(x, weights(3, 3, 2, 6), None, 2, 1, 1, 2),
     lambda x: tg.conv2d(x, weights(3, 3, 2, 6), stride=2, padding=1, dilation=1, groups=2)),
    (lambda x: tg.conv_transpose2d(x, weights(3, 3, 3, 4), None, 2, 1, 1, 2, 1),
     lambda x: tg.conv_transpose2d(x, weights(3, 3, 3, 4), stride=2, padding=1, output_padding=1, groups=2)),
    (lambda x: tg.max_pool2d(x, 3, 2, 1), lambda x: tg.max_pool2d(x, 3, stride=2, padding=1)),
    (lambda x: tg.avg_pool2d(x, 3, 2, 1, True, False),
     lambda x: tg.avg_pool2d(x, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)),
    (lambda x: tg.depthwise_conv2d(x, weights(3, 3, 4, 1), None, 2, 1),
     lambda x: tg.depthwise_conv2d(x, weights(3, 3, 4, 1), stride=2, padding=1)),
    (lambda x: tg.leaky_relu(x, 0.3), lambda x: tg.leaky_relu(x, slope=0.3)),
    (lambda x: tg.dropout(x, 0.5, False), lambda x: tg.dropout(x, 0.5, training=False)),
    (lambda x: tg.pad(x, 1, "constant", 2.0), lambda x: tg.pad(x, 1, value=2.0)),
    (lambda x: tg.flatten(x, 1), lambda x: tg.flatten(x, start=1)),
])  # fmt: skip
def test_an_op_called_by_position_does_what_it_does_by_keyword(short, long):
    t, u = tg.Tensor(X, requires_grad=True), tg.Tensor(X, requires_grad=True)
    a, b = short(t), long(u)
    np.testing.assert_array_equal(a.data, b.data)
    (a * a).sum().backward()
    (b * b).sum().backward()
    np.testing.assert_array_equal(t.grad, u.grad)


def test_too_many_say_which_go_by_keyword():
    with pytest.raises(TypeError, match="Conv2d"):
        nn.Conv2d(1, 2, 3, 1, 0, 1, 1, True, "zeros", 0)
    with pytest.raises(ValueError, match=r"By position, the stride comes after it: conv2d\(x, w, None, 2\)"):
        tg.conv2d(X, weights(3, 3, 4, 6), 2)
    with pytest.raises(TypeError, match="max_pool2d: takes 6 positional arguments, got 7"):
        tg.max_pool2d(X, 2, 2, 0, 1, False, True)
