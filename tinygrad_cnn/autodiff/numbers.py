"""Checks of numbers that users pass: the only place that says what counts as one.

A whole number is a Python int, a NumPy integer or an integer array without axes.  A number is one of these, a Python
float, a NumPy float or a floating array without axes; it must be finite.  True and False are not numbers, and neither
is a Tensor: a setting that was read from one would not be part of the graph, although it looks as if it were.

A value of another kind raises TypeError, a value out of range ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from ..core.errors import describe
from ..core.tensor import Tensor
from ..kernels.shapes import is_whole as is_whole


def is_number(value: Any) -> bool:
    """Return whether this is a number; NaN and infinity are."""
    if type(value) is float or isinstance(value, (float, np.floating)):
        return True
    return is_whole(value) or (isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind == "f")


def whole(who: str, name: str, value: Any, low: int | None = 1, high: int | None = None, *, remedy: str = "") -> int:
    """Return a whole number from `low` to `high` as an int.

    `who` is the function that was called and `name` its argument; `remedy` is added to the message of an error.

    >>> from tinygrad_cnn.autodiff.numbers import whole
    >>> whole("fit", "epochs", np.int64(3))
    3
    >>> whole("fit", "epochs", 0)
    Traceback (most recent call last):
        ...
    ValueError: fit: epochs=0 must be a whole number of at least 1.
    """
    if type(value) is int and (low is None or low <= value) and (high is None or value <= high):
        return value
    if is_whole(value):
        plain = index(value)
        if (low is None or low <= plain) and (high is None or plain <= high):
            return plain
    rule = f"a whole number{_within(low, high)}"
    raise _refusal(who, name, value, rule, remedy, is_whole)


def number(
    who: str, name: str, value: Any, low: float = -math.inf, high: float = math.inf, *, above: float = -math.inf,
    below: float = math.inf, remedy: str = "",
) -> float:  # fmt: skip
    """Return a finite number as a float: from `low` to `high`, both included, and `above` and `below` what is excluded.

    `who`, `name` and `remedy` as in `whole`.

    >>> from tinygrad_cnn.autodiff.numbers import number
    >>> number("Dropout", "rate", 1, 0, below=1)
    Traceback (most recent call last):
        ...
    ValueError: Dropout: rate=1 must be a number of at least 0 and below 1.
    """
    if type(value) is float and low <= value <= high and above < value < below:  # which NaN and infinity are not
        return value
    if is_number(value):
        try:
            plain = float(value)
        except OverflowError:  # an int beyond the largest float
            plain = math.inf
        if low <= plain <= high and above < plain < below:
            return plain
    bounds = _within(
        None if low == -math.inf else low, None if high == math.inf else high,
        None if above == -math.inf else above, None if below == math.inf else below,
    )  # fmt: skip
    bounded = (low > -math.inf or above > -math.inf) and (high < math.inf or below < math.inf)
    rule = f"a {'' if bounded else 'finite '}number{bounds}"
    raise _refusal(who, name, value, rule, remedy, is_number)


def wholes(
    who: str, name: str, value: Any, low: int | None = 1, *, count: int | None = None, form: str = "",
    equal: bool = False, remedy: str = "",
) -> tuple[int, ...]:  # fmt: skip
    """Return a tuple or list of `count` whole numbers, of any number of them if None, as a tuple of ints.

    `form` names what they are, as in "(height, width)".  With `equal`, one whole number stands for `count` equal ones.
    The rest as in `whole`; another count raises ValueError.

    >>> from tinygrad_cnn.autodiff.numbers import wholes
    >>> wholes("RandomCrop", "size", 5, count=2, equal=True)
    (5, 5)
    >>> wholes("summary", "input_shape", (28, 0), form="(H, W, C)")
    Traceback (most recent call last):
        ...
    ValueError: summary: input_shape=(28, 0) must be (H, W, C), whole numbers of at least 1.
    """
    listed = isinstance(value, (tuple, list))
    items = value if listed else (value,) * (count or 1) if equal else ()
    known = (listed or equal) and all(map(is_whole, items))
    if known and (count is None or len(items) == count):
        numbers = tuple(map(index, items))
        if low is None or not numbers or min(numbers) >= low:
            return numbers
    many = form or ("a tuple of" if count is None else str(count))
    rule = f"{many}{',' if form else ''} whole numbers{_within(low, None)}"
    if equal:
        rule = f"a whole number{_within(low, None)}, or {form or f'{count} of them'}"
    remedy = remedy or ("Pass plain numbers." if isinstance(value, Tensor) else "")
    raise _refusal(who, name, value, rule, remedy, lambda _: known)


def _within(low: Any, high: Any, above: Any = None, below: Any = None) -> str:
    low, high, above, below = (f"{v:g}" if isinstance(v, float) else v for v in (low, high, above, below))
    if low is not None and high is not None:
        return f" from {low} to {high}"
    lower = f"above {above}" if above is not None else "" if low is None else f"of at least {low}"
    upper = f"below {below}" if below is not None else "" if high is None else f"of at most {high}"
    return "".join(f" {words}" for words in (lower, "and" if lower and upper else "", upper) if words)


def _refusal(who: str, name: str, value: Any, rule: str, remedy: str, kind: Callable[[Any], bool]) -> Exception:
    """The error of a value that breaks a rule: a TypeError unless it is of the right kind."""
    if isinstance(value, Tensor):
        remedy = remedy or f"Pass a plain number, such as {name}.item()."
    shown = repr(value)
    if isinstance(value, (Tensor, np.ndarray)):
        shown = f"<{type(value).__name__} {describe(value)}>"
    elif len(shown) > 100:
        shown = f"<{type(value).__name__}>"
    words = f"{who}: {name}={shown} must be {rule}.{' ' if remedy else ''}{remedy}"
    return ValueError(words) if kind(value) else TypeError(words)
