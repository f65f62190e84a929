"""Switches for finding mistakes, at a price."""

from __future__ import annotations

from ..core.graph import checks


def debug(*, check_arrays: bool) -> None:
    """Compare whole arrays, or some of their elements, before a gradient uses them; for this process.

    A plain array that an op saved for its gradient must not change before backward.  Small ones are copied.  Of those
    above 4 KB, 64 elements are compared, which notices that a buffer was filled anew, but not every single write;
    ``check_arrays=True`` compares all, which costs a copy and a comparison of each.

    >>> x, w = np.ones(10_000, np.float32), tg.Tensor(2.0, requires_grad=True)
    >>> tg.debug(check_arrays=True)
    >>> y = (w * x).sum()
    >>> x[7] = 3
    >>> y.backward()
    Traceback (most recent call last):
        ...
    tinygrad_cnn.core.errors.GraphError: backward: mul at ... which was written to afterwards. ...
    >>> tg.debug(check_arrays=False)
    """
    checks["arrays"] = bool(check_arrays)
