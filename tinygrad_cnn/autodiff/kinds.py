"""What may be passed for a setting, as type checkers and editors show it: one name for each kind of argument.

Ops, layers and methods annotate their arguments with these names, and `docs/make_stubs.py` passes them on to users.
What is really accepted is checked where it is used; `autodiff/numbers.py` says what counts as a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

Array: TypeAlias = np.ndarray | np.generic | float | list[Any] | tuple[Any, ...]  # what becomes an array
Whole: TypeAlias = int | np.integer[Any]
Number: TypeAlias = float | np.floating[Any] | np.integer[Any]
Wholes: TypeAlias = Sequence[Whole]
Axis: TypeAlias = Whole | Wholes | None
Shape: TypeAlias = Whole | Wholes
Size2d: TypeAlias = Whole | Wholes  # along the height and the width; one number for both
Size3d: TypeAlias = Whole | Wholes  # along depth, height and width; one number for all three
Sizes: TypeAlias = Whole | Wholes  # along each axis of a window; one number for all of them
Sides: TypeAlias = Size2d | Sequence[Wholes]  # along the height and the width, or ((top, bottom), (left, right))
Padding: TypeAlias = Sides | Literal["same", "valid"]
Places: TypeAlias = Whole | Sequence[Whole | Wholes]  # of np.tensordot: how many axes, or two lists of axes
Width: TypeAlias = Whole | Sequence[Whole | Wholes] | np.ndarray  # of a border, as np.pad has it
Counts: TypeAlias = Whole | Wholes | np.ndarray
PadMode: TypeAlias = Literal["constant", "edge", "reflect", "symmetric", "wrap"]
ResizeMode: TypeAlias = Literal["nearest", "bilinear", "bicubic", "area"]
SampleMode: TypeAlias = Literal["bilinear", "nearest", "bicubic"]
ConvPadMode: TypeAlias = Literal["zeros", "reflect", "replicate", "circular"]
Beyond: TypeAlias = Literal["zeros", "border", "reflection"]  # what is read outside of an image
Reduction: TypeAlias = Literal["mean", "sum", "none"]
GridOrder: TypeAlias = Literal["xy", "ij"]
Side: TypeAlias = Literal["left", "right"]
QuantileMethod: TypeAlias = Literal["linear", "lower", "higher", "midpoint", "nearest"]
Divergence: TypeAlias = Literal["mean", "batchmean", "sum", "none"]  # how divergences are reduced
Outputs: TypeAlias = Literal["softmax", "sigmoid"] | None  # what makes probabilities of logits
Approximation: TypeAlias = Literal["none", "tanh"]
Key: TypeAlias = Any  # of x[key]: whole numbers, slices, ..., None, arrays, Tensors, and tuples of these
Dtype: TypeAlias = "DTypeLike | None"
Rng: TypeAlias = np.random.Generator | Whole | None  # a generator, its seed, or None for the default one
