"""Window arithmetic: by hand, by counting, and every message."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import numpy as np
import pytest

from tinygrad_cnn.kernels import shapes


def along(n: int, f: int, **options: Any) -> shapes.Window:
    """A window of f over n pixels in both directions."""
    return shapes.resolve("op", (n, n), f, **options)


# -- output sizes


def test_sizes_of_well_known_layers() -> None:
    assert along(28, 5).out == (24, 24)
    assert along(224, 7, stride=2, padding=3).out == (112, 112)
    assert along(227, 11, stride=4).out == (55, 55)
    assert along(7, 3, dilation=2, padding=2).out == (7, 7)
    win = shapes.resolve("op", (5, 9), (3, 2), stride=(2, 3), padding=(1, 0), dilation=(1, 4))
    assert win == ((5, 9), (3, 2), (2, 3), ((1, 1), (0, 0)), (1, 4), (3, 2), (0, 0))
    assert win.reach == (3, 5)


def test_sizes_by_formula_and_by_counting() -> None:
    for n, f, p, s, d in product(range(1, 10), range(1, 5), range(4), range(1, 5), range(1, 4)):
        reach = d * (f - 1) + 1
        places = sum(1 for start in range(-p, n + p) if (start + p) % s == 0 and start + reach <= n + p)
        if places == 0:
            with pytest.raises(ValueError, match="does not fit"):
                along(n, f, padding=p, stride=s, dilation=d)
            continue
        win = along(n, f, padding=p, stride=s, dilation=d)
        assert win.out == (places, places) == ((n + 2 * p - reach) // s + 1,) * 2
        assert (win.padding, win.extra) == (((p, p), (p, p)), (0, 0))


def test_asymmetric_padding_by_counting() -> None:
    for n, f, s, before, after in product(range(1, 7), range(1, 4), range(1, 4), range(3), range(3)):
        if n + before + after >= f:
            win = along(n, f, stride=s, padding=((before, after), (after, before)))
            places = len(range(-before, n + after - f + 1, s))
            assert win.out == (places, places)
            assert win.padding == ((before, after), (after, before))


def test_same_is_tensorflows_rule() -> None:
    for n, f, s, d in product(range(1, 12), range(1, 6), range(1, 5), range(1, 3)):
        win = along(n, f, stride=s, dilation=d, padding="same")
        before, after = win.padding[0]
        assert win.out == (-(-n // s),) * 2
        assert after - before in (0, 1)  # the odd pixel goes to the bottom and right
        assert before + after == max((win.out[0] - 1) * s + d * (f - 1) + 1 - n, 0)


@pytest.mark.parametrize(
    ("n", "f", "s", "sides", "out"),
    [
        (28, 5, 1, (2, 2), 28),
        (224, 7, 2, (2, 3), 112),  # not (3, 3): the reason why "same" is no number
        (224, 3, 2, (0, 1), 112),
        (5, 3, 2, (1, 1), 3),
        (6, 2, 1, (0, 1), 6),
        (6, 4, 1, (1, 2), 6),
        (4, 1, 2, (0, 0), 2),
        (5, 2, 3, (0, 0), 2),
    ],
)
def test_same_by_hand(n: int, f: int, s: int, sides: tuple[int, int], out: int) -> None:
    win = along(n, f, stride=s, padding="same")
    assert (win.padding, win.out) == ((sides, sides), (out, out))


def test_valid_is_no_padding() -> None:
    assert along(6, 3, stride=2, padding="valid") == along(6, 3, stride=2)


@pytest.mark.parametrize(
    ("n", "f", "s", "p", "out", "extra"),
    [
        (5, 2, 2, 0, 3, 1),
        (4, 2, 2, 0, 2, 0),  # divides: nothing to add
        (6, 3, 2, 0, 3, 1),
        (6, 3, 2, 1, 4, 1),
        (7, 3, 2, 1, 4, 0),
        (5, 3, 3, 1, 2, 0),  # the third window would start in the padding below: dropped
        (3, 2, 3, 1, 2, 0),
        (112, 3, 2, 0, 56, 1),
        (5, 1, 3, 0, 2, 0),
        (3, 2, 4, 0, 1, 0),  # would start below the image
    ],
)
def test_ceil_mode_is_pytorchs_rule(n: int, f: int, s: int, p: int, out: int, extra: int) -> None:
    win = along(n, f, stride=s, padding=p, ceil_mode=True)
    assert (win.out, win.extra) == ((out, out), (extra, extra))
    assert win.padding == ((p, p + extra),) * 2


def test_ceil_mode_by_counting() -> None:
    for n, f, s, p in product(range(1, 10), range(1, 5), range(1, 5), range(3)):
        if n + 2 * p < f:
            continue
        win = along(n, f, stride=s, padding=p, ceil_mode=True)
        exact = along(n, f, stride=s, padding=p).out[0]
        ceiling = -(-(n + 2 * p - f) // s) + 1
        starts = (ceiling - 1) * s - p
        assert win.out[0] == (ceiling if starts < n else exact)
        assert sum(win.padding[0]) + n >= (win.out[0] - 1) * s + f


def test_pooling_strides_by_its_window() -> None:
    win = shapes.pool_window("op", (1, 6, 9, 2), (2, 3))
    assert (win.stride, win.out) == ((2, 3), (3, 3))


# -- counts of averages


def counts(n: int, f: int, include: bool, **options: Any) -> list[int]:
    win = shapes.pool_window("op", (1, n, 1, 1), (f, 1), **options)
    return shapes.tap_counts(win, include)[:, 0].tolist()


def test_counts_by_hand() -> None:
    assert counts(4, 2, True) == counts(4, 2, False) == [2, 2]
    options: dict[str, Any] = {"stride": (2, 1), "padding": (1, 0)}
    assert counts(5, 3, True, **options) == [3, 3, 3]
    assert counts(5, 3, False, **options) == [2, 3, 2]
    options = {"stride": (2, 1), "ceil_mode": True}
    assert counts(5, 2, True, **options) == counts(5, 2, False, **options) == [2, 2, 1]
    options = {"stride": (2, 1), "padding": (1, 0), "ceil_mode": True}
    assert counts(6, 3, True, **options) == [3, 3, 3, 2]  # padding asked for counts, what ceil mode added does not
    assert counts(6, 3, False, **options) == [2, 3, 3, 1]
    assert counts(6, 2, False, stride=1, padding=((1, 0), (0, 0)), dilation=(2, 1)) == [1, 2, 2, 2, 2]


def test_counts_are_products_of_both_axes() -> None:
    win = shapes.pool_window("op", (1, 3, 3, 1), 3, stride=1, padding=1)
    assert shapes.tap_counts(win, False).tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]
    assert shapes.tap_counts(win, True).tolist() == [[9] * 3] * 3


# -- what is accepted


@pytest.mark.parametrize("padding", [1, np.int64(1), (1, 1), [1, 1], ((1, 1), (1, 1)), [[1, 1], (1, 1)]])
def test_forms_of_padding(padding: object) -> None:
    assert along(5, 3, padding=padding) == along(5, 3, padding=1)


def test_forms_of_pairs() -> None:
    assert shapes.pair("op", "stride", np.int32(2)) == shapes.pair("op", "stride", [2, 2]) == (2, 2)


def test_filters_and_images_that_match() -> None:
    win = shapes.conv_window("op", (2, 8, 7, 6), (3, 2, 3, 4), groups=np.int64(2), stride=2, padding=1, dilation=(1, 2))
    assert win.out == (4, 4)
    assert shapes.conv_window("op", (0, 8, 8, 3), (3, 3, 3, 4)).out == (6, 6)  # an empty batch is a batch


# -- every message

CONV, POOL, RESOLVE = shapes.conv_window, shapes.pool_window, shapes.resolve
AT_LEAST_0 = "a whole number of at least 0, or a pair of them."
AT_LEAST_1 = "a whole number of at least 1, or a pair of them."
FORMS = 'an int, a pair, ((top, bottom), (left, right)), "same" or "valid".'


@pytest.mark.parametrize(
    ("error", "message", "call", "arguments", "options"),
    [
        (TypeError, f"op: stride=1.5 must be {AT_LEAST_1}", RESOLVE, ((5, 5), 3), {"stride": 1.5}),
        (TypeError, f"op: stride=True must be {AT_LEAST_1}", RESOLVE, ((5, 5), 3), {"stride": True}),
        (ValueError, f"op: window=(1, 2, 3) must be {AT_LEAST_1}", RESOLVE, ((5, 5), (1, 2, 3)), {}),
        (TypeError, f"op: window='3' must be {AT_LEAST_1}", RESOLVE, ((5, 5), "3"), {}),
        (ValueError, f"op: stride=0 must be {AT_LEAST_1}", RESOLVE, ((5, 5), 3), {"stride": 0}),
        (ValueError, f"op: dilation=(1, 0) must be {AT_LEAST_1}", RESOLVE, ((5, 5), 3), {"dilation": (1, 0)}),
        (ValueError, f"op: padding='full' is not known; it is {FORMS}", RESOLVE, ((5, 5), 3), {"padding": "full"}),
        (TypeError, f"op: padding=1.5 must be {FORMS}", RESOLVE, ((5, 5), 3), {"padding": 1.5}),
        (TypeError, f"op: padding=(1, (1, 1)) must be {FORMS}", RESOLVE, ((5, 5), 3), {"padding": (1, (1, 1))}),
        (ValueError, f"op: padding=((1, 1), (1,)) must be {FORMS}", RESOLVE, ((5, 5), 3), {"padding": ((1, 1), (1,))}),
        (ValueError, f"op: padding=(1, 1, 1) must be {FORMS}", RESOLVE, ((5, 5), 3), {"padding": (1, 1, 1)}),
        (ValueError, f"op: padding=-1 must be {AT_LEAST_0}", RESOLVE, ((5, 5), 3), {"padding": -1}),
        (ValueError, f"op: padding=((1, 1),) must be {FORMS}", RESOLVE, ((5, 5), 3), {"padding": ((1, 1),)}),
        (
            ValueError,
            "op: a 7x7 window does not fit a 5x5 image with padding 0: (5 + 2*0 - 7)/1 + 1 = -1. "
            'Use padding="same" or a smaller window.',
            RESOLVE,
            ((5, 5), 7),
            {},
        ),
        (
            ValueError,
            "op: a 2x3 window (dilation 1x3) does not fit a 9x5 image with padding ((0, 0), (1, 0)): "
            "(5 + 1 + 0 - 7)/2 + 1 = 0.",
            RESOLVE,
            ((9, 5), (2, 3)),
            {"dilation": (1, 3), "stride": 2, "padding": ((0, 0), (1, 0))},
        ),
        (ValueError, "does not fit a 0x5 image", RESOLVE, ((0, 5), 1), {"padding": 1}),
        (ValueError, "op: x must be images (N, H, W, C), but has shape (5, 5): 2 axes.", POOL, ((5, 5), 2), {}),
        (
            ValueError,
            "op: x must be images (N, H, W, C), but has shape (5, 5, 3): 3 axes. Add a batch axis: x[None].",
            CONV,
            ((5, 5, 3), (3, 3, 3, 4)),
            {},
        ),
        (
            ValueError,
            "op: filters must be (I, J, C, O), but w has shape (3, 3, 4): 3 axes.",
            CONV,
            ((1, 5, 5, 3), (3, 3, 4)),
            {},
        ),
        (
            ValueError,
            "op: groups=0 must be a whole number of at least 1.",
            CONV,
            ((1, 5, 5, 3), (3, 3, 3, 4)),
            {"groups": 0},
        ),
        (
            TypeError,
            "op: groups=True must be a whole number of at least 1.",
            CONV,
            ((1, 5, 5, 3), (3, 3, 3, 4)),
            {"groups": True},
        ),
        (
            ValueError,
            "op: filters (5, 5, 16, 32) expect 16 input channels, but x has shape (64, 12, 12, 6): 6 channels.",
            CONV,
            ((64, 12, 12, 6), (5, 5, 16, 32)),
            {},
        ),
        (
            ValueError,
            "op: filters (3, 3, 2, 4) expect 2 input channels in each of 2 groups, 4 in all, "
            "but x has shape (1, 9, 9, 6): 6 channels.",
            CONV,
            ((1, 9, 9, 6), (3, 3, 2, 4)),
            {"groups": 2},
        ),
        (
            ValueError,
            "but x has shape (1, 3, 9, 9): 9 channels. Is x channels first? Images are (N, H, W, C).",
            CONV,
            ((1, 3, 9, 9), (3, 3, 3, 4)),
            {},
        ),
        (
            ValueError,
            "op: 5 output channels (w has shape (3, 3, 2, 5)) do not divide into groups=2.",
            CONV,
            ((1, 9, 9, 4), (3, 3, 2, 5)),
            {"groups": 2},
        ),
        (
            ValueError,
            "op: padding=2 must be smaller than the window's reach of 2 pixels, or a window would see padding only.",
            POOL,
            ((1, 9, 9, 4), 2),
            {"padding": 2},
        ),
    ],
)
def test_messages(
    error: type[Exception], message: str, call: Any, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call("op", *arguments, **options)
