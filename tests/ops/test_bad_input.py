"""Wrong arguments of ops: each gets a message that names the op, what was given, the rule, and a way out."""

import numpy as np
import pytest

import tinygrad_cnn as tg

X = np.ones((2, 5, 5, 3), np.float32)
W = np.ones((3, 3, 3, 4), np.float32)


def leaf(a):
    return tg.Tensor(a, requires_grad=True)


CASES = {
    "stride of 0": (lambda: tg.conv2d(X, W, stride=0), r"conv2d: stride=0 must be a whole number of at least 1"),
    "stride that is not an int": (lambda: tg.conv2d(X, W, stride=1.5), r"conv2d: stride=1.5 must be a whole number"),
    "negative padding": (lambda: tg.conv2d(X, W, padding=-1), r"conv2d: padding=-1 must be a whole number"),
    "misspelt padding": (lambda: tg.conv2d(X, W, padding="smae"), r"conv2d: padding='smae' is not known; it is an int"),
    "window too large": (
        lambda: tg.conv2d(X, np.ones((7, 7, 3, 4), np.float32)),
        r"conv2d: a 7x7 window does not fit a 5x5 image with padding 0: \(5 \+ 2\*0 - 7\)/1 \+ 1 = -1. Use padding=",
    ),
    "channels": (
        lambda: tg.conv2d(X, np.ones((5, 5, 16, 32), np.float32)),
        r"filters \(5, 5, 16, 32\) expect 16 input channels, but x has shape \(2, 5, 5, 3\): 3 channels",
    ),
    "no batch axis": (lambda: tg.conv2d(X[0], W), r"conv2d: x must be images \(N, H, W, C\).*Add a batch axis"),
    "bias": (lambda: tg.conv2d(X, W, np.ones(3, np.float32)), r"conv2d: the bias has shape \(3,\), expected \(4,\)"),
    "parameter by position": (lambda: tg.unfold(X, 3, 2), r"takes 2 positional arguments, got 3.*by keyword"),
    "pooling padding": (lambda: tg.max_pool2d(X, 2, padding=2), r"padding=2 must be smaller than the window's reach"),
    "axis out of range": (lambda: tg.sum(X, axis=7), r"sum: axis=7 is out of range for 4 axes \(from -4 to 3\)"),
    "axis twice": (lambda: leaf(X).sum(axis=(0, 0)), r"sum: axis=\(0, 0\) names an axis twice"),
    "axis that is not an int": (lambda: tg.mean(X, axis="a"), r"mean: axis='a' must be None, a whole number or a"),
    "reshape": (lambda: leaf(X).reshape(7, 7), r"reshape: .*150.*\(7,7\). Given: x \(2, 5, 5, 3\) float32"),
    "matmul": (lambda: leaf(np.ones((2, 3))) @ leaf(np.ones((4, 5))), r"matmul: a \(2, 3\) and b \(4, 5\) do not"),
    "broadcast": (lambda: leaf(np.ones((2, 3))) + np.ones(4), r"add: .*Given: a \(2, 3\) float64, b \(4,\) float64"),
    "label out of range": (
        lambda: tg.softmax_cross_entropy(np.zeros((4, 3)), np.array([0, 1, 2, 3])),
        r"labels\[3\] = 3 is not a valid class: logits \(4, 3\) have 3, numbered 0 to 2. Mark labels",
    ),
    "labels of the wrong dtype": (
        lambda: tg.softmax_cross_entropy(np.zeros((2, 3)), np.array([0.0, 1.0])),
        r"need labels of shape \(2,\) \(whole numbers.*got \(2,\) float64",
    ),
    "mean of nothing": (lambda: tg.mean(np.zeros((0, 3))), r"mean: axis=None of shape \(0, 3\) holds no elements"),
    "text": (lambda: tg.exp("abc"), r"exp: input x needs numbers or booleans, but got dtype <U3 from str"),
    "index out of range": (lambda: leaf(X)[5], r"getitem: index 5 is out of bounds"),
    "floating indices": (lambda: tg.take(X, np.array([0.5]), axis=0), r"take: indices have dtype float64"),
    "item assignment": (lambda: leaf(X).__setitem__(0, 1.0), r"requires a gradient.*write under tg.no_grad"),
    "gradient of integers": (lambda: tg.Tensor([1, 2], requires_grad=True), r"int64, which carries no gradient"),
    "backward of a constant": (lambda: tg.Tensor([1.0]).backward(), r"backward: .* does not require gradients"),
    "backward of many": (lambda: leaf(X).backward(), r"backward: the output has shape \(2, 5, 5, 3\); only one number"),
    "nothing to join": (lambda: tg.concatenate([]), r"concatenate: need at least one array"),
    "einsum sizes": (lambda: tg.einsum("ij,jk", np.ones((2, 3)), np.ones((4, 5))), r"axis j has length 3 and 4"),
    "clip the wrong way": (lambda: tg.clip(X, 1, 0), r"clip: low=1 is above high=0; swap them"),
    "dropout of everything": (lambda: tg.dropout(X, 1.0), r"dropout: rate=1.0 must be a number of at least 0"),
    "unknown parameter": (lambda: tg.conv2d(X, W, strid=2), r"unknown parameter 'strid'. Did you mean stride"),
    "missing input": (lambda: tg.conv2d(X), r"conv2d: input w is missing. It is called as <op conv2d\(x, w, b=None"),
    "missing parameter": (lambda: tg.getitem(X), r"getitem: parameter key is missing"),
    "unknown op": (lambda: tg.registry["rleu"], r"no op is named 'rleu'. Did you mean relu"),
    "unknown name": (lambda: tg.rleu, r"has no attribute 'rleu'. Did you mean relu"),
    "split": (lambda: tg.split(X, 2, axis=1), r"split: 5 along axis 1 does not divide into 2 equal parts"),
    "pad": (lambda: tg.pad(X, (-1, 1)), r"pad: width=\(-1, 1\) must be whole numbers of at least 0"),
    "huber": (lambda: tg.huber_loss(X, X, delta=0.0), r"huber_loss: delta=0.0 must be a finite number above 0"),
    "loss shapes": (lambda: tg.mse_loss(X, X[0]), r"mse_loss: predictions \(2, 5, 5, 3\) and targets \(5, 5, 3\)"),
    "reduction": (lambda: tg.mse_loss(X, X, reduction="avg"), r"mse_loss: reduction='avg' must be"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_is_refused_in_words(name):
    call, message = CASES[name]
    with pytest.raises((ValueError, TypeError, IndexError, KeyError, AttributeError, RuntimeError), match=message):
        call()


def test_the_layer_is_named():
    net = tg.nn.Sequential({"features": tg.nn.Sequential(tg.nn.Conv2d(3, 4, 3), tg.nn.Conv2d(6, 4, 3))})
    with pytest.raises(ValueError, match=r"^conv2d \(features.1\): filters \(3, 3, 6, 4\) expect 6 input channels"):
        net(X)


def test_what_the_mathematics_allows_is_allowed():
    assert tg.conv2d(X[:0], W).shape == (0, 3, 3, 4)
    assert tg.softmax_cross_entropy(np.zeros((0, 3)), np.zeros(0, int)) == 0
    y = tg.relu(tg.conv2d(leaf(X[:0]), leaf(W))).sum()
    y.backward()
    assert y.item() == 0


def test_two_floating_dtypes_meet_in_the_wider_one():
    x = leaf(X)
    y = tg.conv2d(x, W.astype(np.float64))
    assert y.dtype == np.float64
    y.sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_allclose(y.data, tg.conv2d(X, W), rtol=1e-6)
