"""How exactly matrix products and convolutions of float32 arrays are worked out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import native

PRECISIONS = ("highest", "medium")
_WORDS = {"amx": "AMX tiles", "dot": "AVX-512 bf16 instructions", "": ""}  # names in native/bf16_tiles.c
_now = "highest"


def bf16_instructions() -> str:
    """What the precision "medium" computes with on this machine, in words; "" if it changes nothing."""
    return _WORDS[native.bf16_set()]


def why_absent() -> str:
    """Why "medium" changes nothing here."""
    if not native.available:
        return f"no compiled kernels: {native.reason}"
    if native.isas()[0] == "v4" != native.use_isa():
        return "the instruction set in use is older than AVX-512"
    return "the processor or the compiler that built the kernels has neither AMX nor AVX-512 bf16 instructions"


def precision_in_words() -> str:
    """What is set, and what it means on this machine."""
    if _now == "highest":
        return "highest: float32"
    found = bf16_instructions()
    return f"medium: {found}" if found else f"medium, but float32: {why_absent()}"


def _use(precision: str) -> None:
    global _now
    _now = precision
    native.use_bf16(precision == "medium")


class set_float32_precision:
    """Set how matrix products and convolutions of float32 arrays are worked out; for this process, as in PyTorch.

    - ``"highest"``, the default: in float32.
    - ``"medium"``: their operands are rounded to bf16 (8 bits of mantissa instead of 24, the range of float32), their
      sums are float32.  Arrays, parameters and gradients stay float32.  The relative error of a product is about 2.4e-3
      (root mean square; below 4e-3).  It is used where the processor has AMX or AVX-512 bf16 instructions and where it
      is faster; elsewhere nothing changes.  ``tinygrad-cnn info`` says what there is.

    float64 is never rounded, and neither is anything inside `tg.testing.gradcheck` and contracts.  Results have the
    same bits with any number of threads.

    The setting holds until it is set again.  As a context, the one from before is restored at the end of the block.

    Parameters
    ----------
    precision : "highest" or "medium".

    Examples
    --------
    >>> with tg.set_float32_precision("medium"):
    ...     y = tg.matmul(np.ones((128, 64), np.float32), np.ones((64, 64), np.float32))
    >>> tg.get_float32_precision()
    'highest'
    """

    def __init__(self, precision: str) -> None:
        if not isinstance(precision, str) or precision not in PRECISIONS:
            raise ValueError(f"set_float32_precision: precision={precision!r} must be 'highest' or 'medium'.")
        self.before = _now
        _use(precision)

    def __enter__(self) -> None:
        """Nothing is left to do: the precision is set already."""

    def __exit__(self, *_: Any) -> None:
        _use(self.before)


def get_float32_precision() -> str:
    """How matrix products and convolutions of float32 arrays are worked out: "highest" or "medium".

    >>> tg.get_float32_precision()
    'highest'
    """
    return _now


@contextmanager
def exactly() -> Iterator[None]:
    """Work out all products of this thread in the precision "highest" inside the block."""
    native.exactly(True)
    try:
        yield
    finally:
        native.exactly(False)
