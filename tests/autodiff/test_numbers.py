"""Numbers that users pass are checked in one place, by one rule and in one form of words."""

import math
import re
from functools import partial

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.autodiff.numbers import is_number, is_whole, number, whole, wholes

WHOLE = [3, np.int64(3), np.uint8(3), np.array(3), np.array(3, ">i4")]
FLOATING = [0.5, np.float32(0.5), np.float64(0.5), np.float16(0.5), np.array(0.5)]
NEITHER = [True, np.True_, np.array(True), "3", None, 3j, [3], np.array([3]), np.timedelta64(3, "s"), tg.Tensor(3)]


@pytest.mark.parametrize("value", WHOLE, ids=repr)
def test_a_whole_number_becomes_an_int(value):
    got = whole("f", "n", value)
    assert got == 3 and type(got) is int
    assert type(number("f", "n", value)) is float and is_whole(value) and is_number(value)


@pytest.mark.parametrize("value", FLOATING, ids=repr)
def test_a_number_becomes_a_float(value):
    got = number("f", "n", value)
    assert got == 0.5 and type(got) is float
    assert is_number(value) and not is_whole(value)
    with pytest.raises(TypeError, match=r"^f: n=.* must be a whole number of at least 1\.$"):
        whole("f", "n", value)


@pytest.mark.parametrize("value", NEITHER, ids=repr)
def test_what_is_not_a_number_is_a_type_error(value):
    assert not is_whole(value) and not is_number(value)
    for check in (whole, number, wholes):
        if check is wholes and isinstance(value, list):
            continue
        with pytest.raises(TypeError, match="^f: n="):
            check("f", "n", value)


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (whole, 0, "n=0 must be a whole number of at least 1."),
        (whole, np.int64(0), "n=np.int64(0) must be a whole number of at least 1."),
        (partial(whole, low=0, high=9), 10, "n=10 must be a whole number from 0 to 9."),
        (partial(whole, low=None, high=9), 10, "n=10 must be a whole number of at most 9."),
        (partial(whole, remedy="Leave it out."), -1, "n=-1 must be a whole number of at least 1. Leave it out."),
        (number, math.nan, "n=nan must be a finite number."),
        (number, -math.inf, "n=-inf must be a finite number."),
        (partial(number, low=0), -0.5, "n=-0.5 must be a finite number of at least 0."),
        (partial(number, low=0.0, high=1.0), 2, "n=2 must be a number from 0 to 1."),
        (partial(number, low=0, below=1), 1, "n=1 must be a number of at least 0 and below 1."),
        (partial(number, above=0, high=1), 0.0, "n=0.0 must be a number above 0 and of at most 1."),
        (partial(number, above=0), 0, "n=0 must be a finite number above 0."),
        (partial(number, low=-1e-3), -1, "n=-1 must be a finite number of at least -0.001."),
        (wholes, (1, 0), "n=(1, 0) must be a tuple of whole numbers of at least 1."),
        (partial(wholes, count=2), (1, 2, 3), "n=(1, 2, 3) must be 2 whole numbers of at least 1."),
        (partial(wholes, form="(H, W)"), [0], "n=[0] must be (H, W), whole numbers of at least 1."),
        (partial(wholes, count=2, equal=True), 0, "n=0 must be a whole number of at least 1, or 2 of them."),
    ],
)
def test_what_is_out_of_range_is_a_value_error(check, value, words):
    with pytest.raises(ValueError, match=f"^{re.escape('f: ' + words)}$"):
        check("f", "n", value)


def test_an_int_beyond_the_floats_is_out_of_range():
    with pytest.raises(ValueError, match=r"^f: n=<int> must be a finite number\.$"):
        number("f", "n", 10**400)
    assert whole("f", "n", 10**400) == 10**400


def test_messages_stay_short_and_say_how_to_read_a_tensor():
    with pytest.raises(TypeError, match=r"n=<ndarray \(9, 9\) float64> must be"):
        whole("f", "n", np.zeros((9, 9)))
    with pytest.raises(TypeError, match=r"n=<Tensor \(\) float32> must be .* such as n.item\(\)\.$"):
        number("f", "n", tg.Tensor(0.5))
    with pytest.raises(TypeError, match=r"n=<str> must be"):
        whole("f", "n", "3" * 101)


def test_several_whole_numbers():
    for given in ((2, 3), [2, np.int64(3)], (np.array(2), 3)):
        got = wholes("f", "n", given)
        assert got == (2, 3) and all(type(n) is int for n in got)
    assert wholes("f", "n", ()) == () and wholes("f", "n", 5, count=2, equal=True) == (5, 5)
