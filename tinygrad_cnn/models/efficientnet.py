"""EfficientNet-Lite0: EfficientNet-B0 (Tan and Le 2019) with relu6 and without squeeze-and-excitation."""

from __future__ import annotations

from collections.abc import Iterator

from ..autodiff.kinds import Whole
from ..nn import Module, Sequential
from ..nn.init import Rng
from ..ops.random import generator
from . import _published
from ._heads import ImageShape, image_shape
from .mobilenet import InvertedResidual, Stage, inverted_residuals

STAGES: tuple[Stage, ...] = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)  # fmt: skip
IMAGENET = 1000  # classes


def efficientnet_lite0(
    input_shape: ImageShape = (224, 224, 3),
    classes: Whole = IMAGENET,
    rng: Rng = None,
    *,
    weights: _published.Path | None = None,
) -> Sequential:
    """EfficientNet-Lite0: images (N,H,W,C) -> (N, classes); 4,652,008 parameters for 1000 classes.

    It is meant for 224x224x3, with pixels as (value - 127) / 128; padding is TensorFlow's "same" and the batch norms'
    eps 1e-3, as published weights expect.

    Parameters
    ----------
    weights : a PyTorch file with weights trained on ImageNet (``tg.data.fetch("efficientnet-lite0")``); the network
        then comes in `eval` mode, for the 1000 classes of ImageNet in their usual order.

    Raises
    ------
    ValueError : the weights belong to another network, or to other numbers of channels or classes.
    FileFormatError : the file cannot be read.
    """
    input_shape = image_shape("efficientnet_lite0", input_shape)
    model = inverted_residuals(
        STAGES, input_shape, classes, generator(rng, "efficientnet_lite0"), eps=1e-3, small=False
    )  # fmt: skip
    if weights is None:
        return model
    from ..io import load_pth

    arrays = {name: _published.from_pytorch(array) for name, array in load_pth(weights).items()}
    _published.fill(weights, model, arrays, dict(published_names(model)))
    return model.eval()


def published_names(model: Module) -> Iterator[tuple[str, str]]:
    """Each value's name here and in the published file."""
    yield from _unit("stem", "_conv_stem", "_bn0")
    body = model.body  # type: ignore[attr-defined]
    assert isinstance(body, Sequential)
    for k, block in enumerate(body):
        assert isinstance(block, InvertedResidual)
        if block.expand is not None:
            yield from _unit(f"body.{k}.expand", f"_blocks.{k}._expand_conv", f"_blocks.{k}._bn0")
        yield from _unit(f"body.{k}.depthwise", f"_blocks.{k}._depthwise_conv", f"_blocks.{k}._bn1")
        yield from _unit(f"body.{k}.project", f"_blocks.{k}._project_conv", f"_blocks.{k}._bn2")
    yield from _unit("top", "_conv_head", "_bn1")
    yield "head.weight", "_fc.weight"
    yield "head.bias", "_fc.bias"


def _unit(here: str, conv: str, norm: str) -> Iterator[tuple[str, str]]:
    yield f"{here}.0.weight", f"{conv}.weight"
    for value in ("weight", "bias", "running_mean", "running_var"):
        yield f"{here}.1.{value}", f"{norm}.{value}"
