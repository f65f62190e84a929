"""The tables of docs/conventions.md are true: every expression has the value beside it."""

import re
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg

PAGE = Path(__file__).parents[1] / "docs" / "conventions.md"
ROWS = re.findall(r"^\|\s(.+?)\s\|\s`(.+?)`\s\|\s`(.+?)`\s\|$", PAGE.read_text(encoding="utf-8"), re.M)


def ones(*shape):
    return np.ones(shape)


def row(*pixels):
    """An image (or filter) of one row and one channel."""
    values = np.array(pixels, float)
    return values.reshape(1, 1, -1, 1) if len(pixels) == 3 else values.reshape(1, -1, 1, 1)


def d(f, x):
    x = tg.Tensor(np.array(x), requires_grad=True)
    f(x).sum().backward()
    return x.grad.tolist()


def test_the_page_has_rows():
    assert len(ROWS) >= 30


@pytest.mark.parametrize(("what", "expression", "value"), ROWS, ids=[r[0] for r in ROWS])
def test_row(what, expression, value):
    names = {"tg": tg, "np": np, "ones": ones, "row": row, "d": d}
    got = eval(expression, names)
    want = eval(value, names)
    assert (got == pytest.approx(want)) if isinstance(want, (float, list)) else got == want, what
