"""Numbers as people read them."""

import math

import pytest

from tinygrad_cnn.insight.numbers import amount, brief, duration, memory, number, percent, time_unit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (-0.0, "0"), (0.12345678, "0.1235"), (-3.14159, "-3.142"), (12.0, "12"), (9999.4, "9999"),
        (9999.6, "10000"), (12345.6, "12346"), (-123456, "-123456"), (1e6, "1e6"), (1.23456e7, "1.235e7"),
        (0.000123456, "0.0001235"), (0.0000123456, "1.235e-5"), (-1.7e-30, "-1.7e-30"), (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)  # fmt: skip
def test_a_number_has_four_digits(value, text):
    assert number(value) == text


def test_or_as_many_as_are_asked_for():
    assert [number(v, 3) for v in (0.12345, 99.96, 999.6, 1234.5, 1e-7)] == ["0.123", "100", "1000", "1234", "1e-7"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.1234, "0.123"), (-3.14159, "-3.14"), (12.0, "12"), (1234.6, "1235"), (0.001, "0.001"),
        (-0.0, "0"), (0.001234, "0.0012"), (0.00012345, "1.2e-4"), (-1.7e30, "-1.7e30"), (999.6, "1000"),
        (1e4, "1.0e4"), (math.inf, "inf"), (math.nan, "nan"),
    ],
)  # fmt: skip
def test_brief_numbers(value, text):
    assert brief(value) == text


def test_shares_are_never_rounded_to_none_or_all():
    assert [percent(s) for s in (0, 1e-9, 0.004, 0.126, 0.996, 1)] == ["0%", "<1%", "<1%", "13%", ">99%", "100%"]


def test_amounts_have_a_unit():
    found = [amount(n) for n in (0, 999, 1000, 416_520, 15_470_264_320, 2e12)]
    assert found == ["0", "999", "1 k", "416.5 k", "15.47 G", "2 T"]


def test_little_memory_is_told_in_bytes():
    assert [memory(n) for n in (0, 1, 1023, 1024, 2**20)] == ["0 bytes", "1 byte", "1023 bytes", "1.0 KiB", "1.0 MiB"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (3.4e-6, "3.4 µs"), (0.0342, "34.2 ms"), (0.9999, "1000 ms"), (1, "1 s"), (12.345, "12.3 s"),
        (99.9, "99.9 s"), (100, "1 min 40 s"), (187.4, "3 min 07 s"), (3599.6, "1 h 00 min"), (7500, "2 h 05 min"),
    ],
)  # fmt: skip
def test_times_in_the_unit_that_is_read_best(seconds, text):
    assert duration(seconds) == text


def test_several_times_can_share_a_unit():
    assert [time_unit(t) for t in (0.0, 2e-7, 0.5, 3.0)] == [("s", 1.0), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)]
