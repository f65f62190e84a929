"""Several transforms as one, of images alone or together with their masks and boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...autodiff.calls import named
from ...autodiff.kinds import Rng
from ...autodiff.numbers import number, whole
from ...core.errors import nearest
from ...ops.random import generator
from ..batch_checks import apply_transform
from ..dataset import located
from .moves import Move
from .settings import Described, Transform

if TYPE_CHECKING:
    from numpy.random import Generator

KINDS = ("mask", "image", "boxes", "rows")


@named
class Compose(Described):
    """One transform after the other; each is checked, so that the one at fault is named.

    >>> t = data.transforms
    >>> augment = t.Compose([t.RandomCrop(8, padding=1), t.Normalize(0.5, 0.5)])
    >>> augment(images, np.random.default_rng(0)).shape
    (16, 8, 8, 1)
    >>> loader = data.DataLoader(train, 32, shuffle=True, transform=augment)
    """

    __name__ = "Compose"  # in messages, where the parts would be too much

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = tuple(transforms)
        for t in self.transforms:
            if not callable(t):
                raise TypeError(f"Compose: needs callables t(x, rng), got {type(t).__name__}.")

    @property
    def changes_labels(self) -> bool:
        """Whether one of them does; then it is called ``t(x, y, rng) -> (x, y)``, too."""
        return any(getattr(t, "changes_labels", False) for t in self.transforms)

    def __call__(self, x: np.ndarray, *y_and_rng: Any) -> Any:
        *labels, rng = y_and_rng or (None,)
        rng = generator(rng, "Compose")
        y = labels[0] if labels else None
        if self.changes_labels and not labels:
            raise TypeError("Compose: one of its transforms changes labels, so call it as t(x, y, rng).")
        for t in self.transforms:
            x, y = apply_transform(t, x, y, rng)
        return (x, y) if labels else x


@named
class Joint(Described):
    """Transforms of images that move masks, boxes and images among the targets along, with the same draws.

    Crops, flips, rotations and `Resize` move images bilinearly, masks by the nearest pixel, and boxes by their corners.
    Transforms that only change values leave targets alone.  Boxes are cut at the edges of the image after each move;
    one is left out if nothing of it remains, or less than `min_visible` of its area.

    Parameters
    ----------
    transforms : one or several, in order.  Your own move targets along if they have a method
        ``draw(shape, rng) -> Move``; see `Move`.
    targets : what the targets are: "mask" (B,H,W) int64; "image" (B,H,W,C) float32; "boxes", a list of B arrays (n, 4)
        of x0, y0, x1, y1 in pixels.  For a tuple or dict of targets, a tuple or dict of these, with None for what stays
        as it is and "rows" for lists of B arrays (n, ...) with a row for each of the boxes in the same dict.
        Masks and images may be larger than the inputs by a whole factor, as in super-resolution.
    fill : the class of pixels of a mask that come from outside.
    min_visible : the part of a box's area, from 0 to 1, that must remain.

    Examples
    --------
    >>> t = data.transforms
    >>> move = t.Joint([t.RandomCrop(32, padding=4), t.RandomFlip(), t.Normalize(0.5, 0.25)], targets="mask")
    >>> scenes, _ = data.digit_scenes((20, 5))
    >>> x, y = next(iter(data.DataLoader(scenes, 10, transform=move)))
    >>> x.shape, y.shape
    ((10, 32, 32, 1), (10, 32, 32))
    """

    __name__ = "Joint"
    changes_labels = True

    def __init__(
        self, transforms: Transform | Sequence[Transform], targets: Any, *, fill: int = 0, min_visible: float = 0.1
    ) -> None:
        self.transforms = tuple(_flat(transforms))
        self.targets = _checked_kinds(targets)
        self.fill = whole("Joint", "fill", fill, None)
        self.min_visible = number("Joint", "min_visible", min_visible, 0, 1)

    def __call__(self, x: np.ndarray, y: Any, rng: Rng = None) -> tuple[np.ndarray, Any]:
        rng = self.ready(x, rng)
        for t in self.transforms:
            if not hasattr(t, "draw"):
                x, _ = apply_transform(t, x, None, rng)
                continue
            try:
                move = t.draw(x.shape, rng)
            except Exception as error:
                raise located(f"transform {type(t).__name__}", error) from error
            moved, _ = apply_transform(_Of(t, move), x, None, rng)
            y = self._moved(move, self.targets, y, "targets", (x.shape, moved.shape))
            x = moved
        return x, y

    def _moved(self, move: Move, kind: Any, part: Any, where: str, shapes: tuple[Any, Any]) -> Any:
        """The targets, or a part of them, where the move brings them."""
        if isinstance(kind, Mapping):
            if not isinstance(part, Mapping) or kind.keys() - part.keys():
                raise ValueError(f"Joint: {where} must be a dict of {', '.join(map(repr, kind))}, got {_named(part)}.")
            return self._moved_dict(move, kind, part, where, shapes)
        if isinstance(kind, tuple):
            if not isinstance(part, tuple) or len(part) != len(kind):
                raise ValueError(f"Joint: {where} must be a tuple of {len(kind)}, got {_named(part)}.")
            pairs = enumerate(zip(kind, part, strict=True))
            return tuple(self._moved(move, one, value, f"{where}[{k}]", shapes) for k, (one, value) in pairs)
        if kind is None:
            return part
        if kind == "boxes":
            return self._boxes(move, part, where, shapes)[0]
        _check_pixels(kind, part, where, shapes[0])
        if kind == "image":
            return move.image(part)
        return (move.mask or move.image)(part - self.fill) + self.fill

    def _moved_dict(self, move: Move, kind: Any, part: Any, where: str, shapes: Any) -> dict[Any, Any]:
        made = dict(part)
        kept: list[np.ndarray] | None = None
        for key, one in kind.items():
            if one == "boxes":
                made[key], kept = self._boxes(move, part[key], f"{where}[{key!r}]", shapes)
            elif one != "rows":
                made[key] = self._moved(move, one, part[key], f"{where}[{key!r}]", shapes)
        for key in (key for key, one in kind.items() if one == "rows"):
            assert kept is not None  # as `_checked_kinds` saw to
            made[key] = [rows[keep] for rows, keep in zip(part[key], kept, strict=True)]
        return made

    def _boxes(self, move: Move, part: Any, where: str, shapes: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The boxes that remain, cut at the edges, and which of those before they are."""
        if move.boxes is None:
            raise TypeError(
                "Joint: this transform does not say how boxes move; return Move(image, boxes=...) from its draw."
            )
        if not isinstance(part, list) or len(part) != shapes[0][0]:
            raise ValueError(f"Joint: {where} must be a list of {shapes[0][0]} arrays (n, 4), got {_named(part)}.")
        for k, boxes in enumerate(part):
            if np.size(boxes) and (np.ndim(boxes) != 2 or np.shape(boxes)[1] != 4):
                raise ValueError(f"Joint: {where}[{k}] must be boxes (n, 4), got {_named(boxes)}.")
        part = [np.asarray(boxes, np.float32).reshape(-1, 4) for boxes in part]
        height, width = shapes[1][1:3]
        limits = np.array([width, height, width, height], np.float32)
        kept, remaining = [], []
        for moved in move.boxes(part):
            cut = np.clip(moved, 0, limits).astype(np.float32)
            before, after = _areas(moved), _areas(cut)
            keep = (after > 0) & (after >= self.min_visible * before)
            kept.append(keep)
            remaining.append(cut[keep])
        return remaining, kept


class _Of:
    """A move of images as a transform, under the name of the one that drew it."""

    def __init__(self, transform: Any, move: Move) -> None:
        self.__name__, self.move = type(transform).__name__, move

    def __call__(self, x: np.ndarray, rng: Generator) -> np.ndarray:
        return self.move.image(x)


def _flat(transforms: Any) -> Iterator[Transform]:
    """The transforms one by one, those of a `Compose` among them."""
    if isinstance(transforms, Compose):
        transforms = transforms.transforms
    if not isinstance(transforms, (list, tuple)):
        if not callable(transforms) or getattr(transforms, "changes_labels", False):
            raise TypeError(
                f"Joint: needs transforms t(x, rng) of images, got {_named(transforms)}. "
                "Put one that changes labels beside it: Compose([Joint(...), ...])."
            )
        yield transforms
        return
    for t in transforms:
        yield from _flat(t)


def _checked_kinds(kinds: Any) -> Any:
    if isinstance(kinds, Mapping):
        if "rows" in kinds.values() and "boxes" not in kinds.values():
            raise ValueError('Joint: targets has "rows" without "boxes" in the same dict; rows belong to boxes.')
        return {key: kind if kind == "rows" else _checked_kinds(kind) for key, kind in kinds.items()}
    if isinstance(kinds, (tuple, list)):
        return tuple(map(_checked_kinds, kinds))
    if kinds is not None and (kinds == "rows" or kinds not in KINDS):
        hint = nearest(str(kinds), KINDS)
        raise ValueError(
            f'Joint: targets={kinds!r} must be "mask", "image" or "boxes", or a tuple or dict of them.{hint}'
        )
    return kinds


def _check_pixels(kind: str, part: Any, where: str, shape: Any) -> None:
    """Refuse what is not a mask or an image of the size of the inputs, or a multiple of it."""
    letter, form = ("f", "(B,H,W,C)") if kind == "image" else ("i", "(B,H,W)")
    if not isinstance(part, np.ndarray) or part.ndim < 3 or part.dtype.kind != letter or len(part) != shape[0]:
        raise TypeError(f"Joint: {where} must be {kind}s {form} for inputs {shape}, got {_named(part)}.")
    scale = part.shape[1] // shape[1] if shape[1] else 1
    if scale < 1 or part.shape[1:3] != (scale * shape[1], scale * shape[2]):
        raise ValueError(
            f"Joint: {where} {part.shape} must be of the size of the inputs {shape}, or larger by a whole factor."
        )


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _named(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
