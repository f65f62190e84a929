"""A data set held as arrays: inputs and targets of any structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.outside import deprecated
from .array_checks import check_inputs, check_targets
from .batches import converted, is_pixels, length, mapped
from .dataset import Dataset, check_indices


@named
class ArrayDataset(Dataset):
    """Inputs and targets held as arrays.

    Bytes stay bytes (a quarter of the memory) and become float32 in [0, 1], as value / 255, batch by batch.  Other
    floats come out as float32 and whole numbers as int64, without scaling.

    Parameters
    ----------
    inputs : an array with N samples along its first axis, or a tuple or dict of such arrays:

        - images (N,H,W,C), or (N,H,W) for one channel; uint8, or floating.  Films and the like have more axes;
        - vectors (N,F) or numbers (N,), floating;
        - tokens (N,T) or (N,), whole numbers.

        Shared, not copied: leave the arrays as they are.
    targets : None, or one for each sample:

        - class indices (N,) or tags (N,T): whole numbers;
        - masks (N,H,W), a class index for each pixel: whole numbers, bytes among them;
        - numbers (N,), vectors (N,K), maps (N,H,W), images (N,H,W,C): floating;
        - images (N,H,W,C) of bytes, which are scaled as those of the inputs are;
        - boxes: a list of N arrays (n, 4) of x0, y0, x1, y1 in pixels, or of N dicts of such ``"boxes"`` and what
          belongs to them, as in ``{"boxes": (n, 4), "labels": (n,)}``, which makes a dict of lists;
        - other lists of N arrays whose shapes differ;
        - a tuple or dict of these.
    classes : names of the classes, which targets of one array, and ``"labels"`` beside boxes, are checked against.
    name, attribution : as for `Dataset`.
    ignore_index : a class index beside those of `classes` that is allowed: that of pixels without a class.
    channel_axis : False leaves inputs (N,T,F) as they are, which otherwise are images of one channel.

    Raises
    ------
    TypeError, ValueError : naming the shapes, dtype, or the first bad label or pixel.

    Examples
    --------
    >>> pixels, kinds = np.zeros((100, 16, 16, 1), np.uint8), np.arange(100) % 2
    >>> pictures = data.ArrayDataset(pixels, kinds, classes=["cat", "dog"])
    >>> pictures
    <ArrayDataset data set: 100 samples, 2 classes>
    >>> image, label = pictures[1]
    >>> image.shape, pictures.classes[label]
    ((16, 16, 1), 'dog')
    >>> images, labels = pictures[:32]  # as `batch`
    >>> images.shape, labels.shape
    ((32, 16, 16, 1), (32,))
    >>> data.ArrayDataset(pixels, {"mask": np.zeros((100, 16, 16), int), "age": np.ones(100)})
    <ArrayDataset data set: 100 samples, targets {'mask': int64 (16, 16), 'age': float32 ()}>
    """

    def __init__(
        self,
        inputs: Any = None,
        targets: Any = None,
        *,
        classes: Sequence[str] = (),
        name: str = "data set",
        attribution: str = "",
        ignore_index: int | None = None,
        channel_axis: bool = True,
        images: Any = None,
        labels: Any = None,
    ) -> None:
        inputs, targets = _renamed("inputs", inputs, "images", images), _renamed("targets", targets, "labels", labels)
        if inputs is None:
            raise TypeError("ArrayDataset: inputs=None; give an array, or a tuple or dict of arrays.")
        self.name, self.attribution, self.classes = name, attribution, tuple(classes)
        self.pixels = check_inputs(name, inputs, channel_axis)
        self._count = length((self.pixels, None))
        self.targets = check_targets(name, targets, self._count, self.classes, ignore_index)

    @property
    def images(self) -> Any:
        """All inputs: of bytes four times the memory of `pixels`; `batch` gives a part."""
        return mapped(lambda array: converted(array, is_pixels(array, "inputs")), self.pixels)

    @property
    def labels(self) -> np.ndarray:
        """The targets, if these are class indices (N,) int64; an AttributeError says so if they are not."""
        if isinstance(self.targets, np.ndarray) and self.targets.ndim == 1 and self.targets.dtype == np.int64:
            return self.targets
        raise AttributeError(f"{self.name}: has no labels (N,): its targets are {_form(self.targets)}; see .targets.")

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(H, W, C), or the shape of other inputs: that of the first array if there are several."""
        shapes: list[tuple[int, ...]] = []
        mapped(lambda array: shapes.append(array.shape[1:]), self.pixels)
        return shapes[0]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int | slice) -> tuple[Any, Any]:
        if isinstance(index, slice):
            return self.batch(index)
        (number,) = check_indices([index], len(self), self.name)

        def one(array: Any, side: str) -> Any:
            if isinstance(array, list):
                return array[number]
            value = converted(array[number], is_pixels(array, side))
            return value if value.ndim else value.item()

        return mapped(lambda a: one(a, "inputs"), self.pixels), mapped(lambda a: one(a, "targets"), self.targets)

    def batch(self, indices: Any) -> tuple[Any, Any]:
        numbers = check_indices(indices, len(self), self.name)

        def some(array: Any, side: str) -> Any:
            if isinstance(array, list):
                return [array[k].copy() for k in numbers.tolist()]
            return converted(array[numbers], is_pixels(array, side))

        return mapped(lambda a: some(a, "inputs"), self.pixels), mapped(lambda a: some(a, "targets"), self.targets)

    def __repr__(self) -> str:
        if isinstance(self.targets, np.ndarray) and self.targets.ndim == 1 and self.targets.dtype == np.int64:
            return super().__repr__()
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"<{type(self).__name__} {self.name}: {len(self)} samples{classes}, targets {_form(self.targets)}>"


def _form(part: Any) -> str:
    """What the targets are, as batches have them."""
    if isinstance(part, Mapping):
        return "{" + ", ".join(f"{key!r}: {_form(value)}" for key, value in part.items()) + "}"
    if isinstance(part, tuple):
        return f"({', '.join(map(_form, part))})"
    if part is None:
        return "None"
    if isinstance(part, list):
        return "a list"
    kind = np.dtype(np.float32 if part.dtype.kind == "f" or is_pixels(part, "targets") else np.int64)
    return f"{kind} {part.shape[1:]}"


def _renamed(name: str, value: Any, old: str, given: Any) -> Any:
    """An argument under its name or its former one."""
    if given is None:
        return value
    if value is not None:
        raise TypeError(f"ArrayDataset: {old}= is the former name of {name}=; give one of them.")
    deprecated(f"ArrayDataset: {old}=", f"{name}=")
    return given
