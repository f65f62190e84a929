"""What a geometric transform has drawn for a batch, to be done to all that belongs to its images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...autodiff.kinds import Rng
from .settings import Described

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass(frozen=True)
class Move:
    """One draw of a geometric transform: what happens to the images of a batch, and to their masks and boxes.

    Attributes
    ----------
    image : of (B,H,W,C) makes (B,H',W',C).
    mask : the same for class indices (B,H,W), without values between them; None: `image` does.
    boxes : of B arrays (n, 4), x0, y0, x1, y1 in pixels of the image, makes those in the new image; it need not cut
        them at the edges.  None: `Joint` refuses boxes.

    Examples
    --------
    A transform of your own that `Joint` moves masks along with:

    >>> t = data.transforms
    >>> class Roll:
    ...     def draw(self, shape, rng):
    ...         by = int(rng.integers(shape[2]))
    ...         return t.Move(lambda x: np.roll(x, by, axis=2))
    ...
    ...     def __call__(self, x, rng):
    ...         return self.draw(x.shape, rng).image(x)
    >>> x, mask = np.random.rand(2, 4, 4, 1), np.zeros((2, 4, 4), int)
    >>> x, mask = t.Joint(Roll(), targets="mask")(x, mask, np.random.default_rng(0))
    """

    image: Callable[[np.ndarray], np.ndarray]
    mask: Callable[[np.ndarray], np.ndarray] | None = None
    boxes: Callable[[list[np.ndarray]], list[np.ndarray]] | None = None


class Geometric(Described):
    """Base of the transforms here that move pixels: `draw` says where to, for images of a shape."""

    def draw(self, shape: tuple[int, ...], rng: Generator) -> Move:
        """Draw for a batch of images (B,H,W,C)."""
        raise NotImplementedError

    def __call__(self, x: np.ndarray, rng: Rng = None) -> np.ndarray:
        return self.draw(x.shape, self.ready(x, rng)).image(x)


def scale_of(x: np.ndarray, height: int) -> int:
    """By what factor images are larger than those that a move was drawn for."""
    return x.shape[1] // height if height else 1


def shifted(boxes: list[np.ndarray], left: Any, top: Any) -> list[np.ndarray]:
    """Boxes seen from a window whose corner lies at (left, top), one number or one for each image."""
    corner = np.broadcast_to(np.stack([left, top, left, top], axis=-1), (len(boxes), 4))
    return [b - c for b, c in zip(boxes, corner.astype(np.float32), strict=True)]
