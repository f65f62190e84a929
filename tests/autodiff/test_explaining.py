"""explain_grad: why there is no gradient, in words that name the place."""

import re

import numpy as np
import pytest

import tinygrad_cnn as tg


@pytest.fixture
def x():
    return tg.Tensor([1.0, 2.0], requires_grad=True)


def line(text):
    """The line of this file that a message names."""
    with open(__file__) as file:
        return file.readlines()[int(re.search(r"test_explaining\.py:(\d+)", text)[1]) - 1]


def test_not_on_a_path_to_the_loss(x):
    other = tg.Tensor([3.0], requires_grad=True)
    loss = x.sum()
    loss.backward()
    assert tg.explain_grad(other) == "not on a path to the loss"
    assert tg.explain_grad(other, loss) == "not on a path to the loss"


def test_cut_by_stop_gradient(x):
    hidden = x * 2.0
    loss = (tg.stop_gradient(hidden) * x.data).sum() + tg.Tensor([1.0], requires_grad=True).sum()  # the cut
    loss.backward()
    for text in (tg.explain_grad(x), tg.explain_grad(x, loss), tg.explain_grad(hidden, loss)):
        assert text.startswith("cut by stop_gradient at ")
        assert "# the cut" in line(text)
    cut = tg.stop_gradient(hidden)  # here
    assert tg.explain_grad(cut).startswith("cut by stop_gradient at ")
    assert "# here" in line(tg.explain_grad(cut))


def test_detach_is_the_same_cut(x):
    loss = x.detach().sum() + tg.Tensor(1.0, requires_grad=True)  # detached
    assert "# detached" in line(tg.explain_grad(x, loss))


def test_made_under_no_grad(x):
    with tg.no_grad():
        y = x * 2.0  # unrecorded
    text = tg.explain_grad(y)
    assert text.startswith("made under no_grad at ")
    assert "# unrecorded" in line(text)
    loss = (y * tg.Tensor([1.0, 1.0], requires_grad=True)).sum()
    text = tg.explain_grad(x, loss)
    assert "not on a path to the loss" in text
    assert "made under no_grad at" in text
    assert "# unrecorded" in line(text)


def test_integer_dtype():
    assert tg.explain_grad(tg.Tensor([1, 2])) == "integer dtype: int64 values carry no gradient"


def test_requires_no_gradient():
    assert "requires_grad=False" in tg.explain_grad(tg.Tensor([1.0]))


def test_intermediate_result(x):
    middle = x * x
    loss = middle.sum()
    loss.backward()
    text = tg.explain_grad(middle)
    assert "it is a result of mul" in text
    assert "retain_grad()" in text
    assert "tg.grad(loss, t)" in text


def test_loss_without_history(x):
    assert "the loss itself has no history" in tg.explain_grad(x, tg.Tensor(1.0))


def test_backward_still_to_be_called_and_done(x):
    loss = (x * x).sum()
    assert "call loss.backward()" in tg.explain_grad(x, loss)
    loss.backward()
    assert tg.explain_grad(x) == tg.explain_grad(x, loss) == "it has a gradient"


def test_loss_that_is_gone(x):
    (tg.Tensor([1.0], requires_grad=True) * 2.0).backward()
    assert "pass the loss: explain_grad(t, loss)" in tg.explain_grad(x)


def test_no_tensor():
    assert tg.explain_grad(np.ones(2)) == "a ndarray is no Tensor and has no gradient"


def test_a_loss_that_is_no_tensor(x):
    assert tg.explain_grad(x, 0.5).startswith("the loss is a float, no Tensor")
    assert tg.explain_grad(x, x.data).startswith("the loss is a ndarray, no Tensor")


def test_a_loss_that_is_cut_off_as_a_whole(x):
    loss = (x * x).sum()
    for cut in (loss.detach(), loss.detach() * 2.0):  # the whole loss
        text = tg.explain_grad(x, cut)
        assert text.startswith("the loss itself has no history: cut by stop_gradient at ")
        assert "# the whole loss" in line(text)
        assert text.endswith(", and this tensor lies behind that cut")
        assert "behind" not in tg.explain_grad(tg.Tensor([1.0], requires_grad=True), cut)


def test_a_cut_behind_a_cut(x):
    hidden = x * 2.0
    first = hidden.detach()
    middle = first * tg.Tensor([1.0, 1.0], requires_grad=True)  # kept: a cut does not keep alive what it cuts off
    loss = (middle.detach() * tg.Tensor([1.0, 1.0], requires_grad=True)).sum()
    assert tg.explain_grad(x, loss).startswith("cut by stop_gradient at ")


def test_an_integer_result_on_the_way_is_named_with_its_place():
    x = tg.Tensor([0.5, 2.0], requires_grad=True)
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    chosen = tg.take(w, tg.argmax(x))
    told = tg.explain_grad(x, chosen)
    assert told.startswith("cut by an op whose result is of integers or booleans at ") and "tg.argmax(x)" in line(told)
    assert tg.explain_grad(tg.argmax(x)).startswith("integer dtype")
