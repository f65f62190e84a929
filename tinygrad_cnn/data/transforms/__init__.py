"""Changes of whole batches of images, for augmentation and scaling.

A transform is any callable ``t(x, rng) -> x``: x (B,H,W,C) float32, `rng` a `numpy.random.Generator` to draw from.
It does not write to its input.  Those here treat every image of a batch on its own, except `Mixup`.

One that says ``changes_labels = True`` is called ``t(x, y, rng) -> (x, y)``, with targets y as the data set has them,
such as labels (B,) int64; it may return these as rows of probabilities (B, classes) float32, which
`tg.softmax_cross_entropy` takes as well.  `Joint` is one: it moves masks, boxes and images among the targets along.
"""

from ...autodiff.foreign import answers as _answers
from .composition import Compose, Joint
from .geometry import CenterCrop, RandomCrop, RandomFlip, RandomRotate, Resize
from .mixing import Mixup
from .moves import Move
from .photometry import ColorJitter, Cutout, Normalize

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "Cutout",
    "Joint",
    "Mixup",
    "Move",
    "Normalize",
    "RandomCrop",
    "RandomFlip",
    "RandomRotate",
    "Resize",
]

_answers(globals())
