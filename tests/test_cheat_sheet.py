"""The cheat sheet is true: every expression on it has the value beside it."""

import re
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn  # noqa: F401 -- expressions on the page use it

PAGE = Path(__file__).parents[1] / "docs" / "cheat_sheet.md"
ROWS = re.findall(r"^\| (.+?) \| .+? \| `(.+?)` \| `(.+?)` \|$", PAGE.read_text(encoding="utf-8"), re.M)


def zeros(*shape):
    return np.zeros(shape, np.float32)


def side(n, f, **settings):
    """The side of what a convolution makes of an n x n picture."""
    return tg.conv2d(zeros(1, n, n, 1), zeros(f, f, 1, 1), **settings).shape[1]


def row(*pixels):
    """A picture of one row, or for two numbers a filter."""
    values = np.array(pixels, float)
    return values.reshape(1, 1, -1, 1) if len(pixels) > 2 else values.reshape(1, -1, 1, 1)


def d(f, x):
    x = tg.Tensor(np.array(x, float), requires_grad=True)
    return tg.grad(f(x).sum(), [x])[0].tolist()


def seen(*windows):
    """The width of what one result of several convolutions depends on."""
    x = y = tg.Tensor(np.zeros((1, 31, 31, 1)), requires_grad=True)
    for f in windows:
        y = tg.conv2d(y, np.ones((f, f, 1, 1)))
    return int(np.count_nonzero(tg.grad(y[0, 10, 10, 0], [x])[0][0, :, 12, 0]))


def multiply_adds(layer, shape):
    return tg.summary(layer, shape).total_macs


def descend(f, start, lr):
    w = tg.Tensor(np.array(start), requires_grad=True)
    return float(w.data - lr * tg.grad(f(w), [w])[0])


def test_every_row_is_read():
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(ROWS) == len([line for line in lines if not line.startswith("| what")]) >= 25


@pytest.mark.parametrize(("what", "expression", "value"), ROWS, ids=[r[0] for r in ROWS])
def test_row(what, expression, value):
    got, want = eval(expression, globals()), eval(value)
    assert np.allclose(got, want, atol=1e-12), f"{what}: {got}"
