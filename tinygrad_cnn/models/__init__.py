"""Whole networks by name: ``build("lenet", (8, 8, 1), 10, rng=0)``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..autodiff.calls import named
from ..autodiff.foreign import about
from ..autodiff.foreign import answers as _answers
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ..nn import Sequential
from ..nn.init import Rng
from ._heads import ImageShape
from ._heads import image_shape as _image_shape
from .digit_networks import lenet as lenet
from .digit_networks import mnistnet as mnistnet
from .efficientnet import efficientnet_lite0 as efficientnet_lite0
from .hed import HED as HED
from .hed import hed_edges as hed_edges
from .mobilenet import InvertedResidual as InvertedResidual
from .mobilenet import mobilenet_v2 as mobilenet_v2
from .residual import BasicBlock as BasicBlock
from .residual import resnet as resnet
from .segmentation import UNet as UNet
from .segmentation import unet as unet
from .tiny_face import TinyFaceDetector as TinyFaceDetector
from .tiny_face import tiny_face_detector as tiny_face_detector
from .vgg16 import VGG16Features as VGG16Features
from .vgg16 import vgg16_features as vgg16_features
from .vgg_networks import vgg as vgg
from .vgg_networks import vgg_small as vgg_small

_BUILDERS: dict[str, Callable[..., Sequential | UNet]] = {
    "lenet": lenet,
    "mnistnet": mnistnet,
    "vgg_small": vgg_small,
    **{f"resnet{depth}": partial(resnet, depth) for depth in (8, 20, 32, 44, 56)},
    **{f"vgg{depth}": partial(vgg, depth) for depth in (11, 13, 16, 19)},
    "mobilenet_v2": mobilenet_v2,
    "efficientnet_lite0": efficientnet_lite0,
    "unet": unet,
    "unet_small": partial(unet, width=16, depth=3),
}
names: tuple[str, ...] = tuple(_BUILDERS)


@named
def build(name: str, input_shape: ImageShape, classes: Whole, rng: Rng = None) -> Sequential | UNet:
    """A network for images of `input_shape` (H, W, C) and this many classes; `rng` fixes its starting weights.

    Raises
    ------
    ValueError : no network has this name (the message lists all), or the images are too small for it.

    Examples
    --------
    >>> net = tg.models.build("lenet", (28, 28, 1), 10, rng=0)
    >>> net(np.zeros((2, 28, 28, 1), np.float32)).shape
    (2, 10)
    >>> sum(p.size for p in net.parameters())
    61706
    """
    if name not in _BUILDERS:
        advice = about("models", str(name), names)
        raise ValueError(f"build: no network is named {name!r}.{advice} There are {', '.join(names)}.")
    h, w, c = _image_shape("build", input_shape)
    classes = whole("build", "classes", classes)
    try:
        return _BUILDERS[name]((h, w, c), classes, rng)
    except ValueError as error:
        raise ValueError(f"build: {name} cannot take images of {h}x{w}x{c}: {error}") from error

_answers(globals())
