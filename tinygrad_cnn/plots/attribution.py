"""Where a network looks: the gradient of a class's logit in the input, and Grad-CAM."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import ops
from ..autodiff.calls import named
from ..autodiff.numbers import number, whole
from ..core import Tensor, enable_grad, grad
from ..core.errors import describe
from ..insight.evaluation import evaluating
from ..nn import Conv2d, ConvTranspose2d, DepthwiseConv2d, Module
from ..ops.random import draw_from, generator
from . import figures
from .examples import images, network, picture
from .probe import check_model, class_index, find_layer, logits_of, one_image, outputs_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["grad_cam", "grad_cam_map", "saliency", "saliency_map"]

CONVOLUTIONS = (Conv2d, ConvTranspose2d, DepthwiseConv2d)
SHOWN = 0.995  # of a photograph's pixels, those that have colours of their own in a map of saliency


@named
def saliency_map(
    model: Any, x: Any, label: int | None = None, *, smooth: int = 0, noise: float = 0.15, seed: int = 0
) -> np.ndarray:
    """How strongly each pixel moves the logit of a class: ``|d logit / d x|``, the largest over channels -> (H,W).

    Parameters
    ----------
    model : a classifier, images (N,H,W,C) -> logits (N, classes); run in evaluation mode and left as it was.
    x : the image, (H,W,C) or (1,H,W,C), floating.
    label : the class; by default the one that is predicted.
    smooth : number of noisy copies of the image to average the gradient's size over (SmoothGrad, Smilkov et al. 2017);
        0 for the image itself.
    noise : their standard deviation, as a share of the image's range.
    seed : of the noise.
    """
    who = "saliency"
    model, image = check_model(who, model), one_image(who, x)
    smooth = whole(who, "smooth", smooth, 0)
    noise = number(who, "noise", noise, above=0, remedy="For no noise leave smooth at 0.")
    with evaluating(model), enable_grad():
        label = class_index(who, logits_of(who, model(image)), label)
        if not smooth:
            return _steepness(model, image, label)
        rng, (low, high) = generator(seed, who), figures.extremes(image)
        spread = noise * ((high - low) or 1.0)
        total = np.zeros(image.shape[1:3])
        for _ in range(smooth):
            noisy = image + spread * draw_from(rng, "standard_normal", image.shape)
            total += _steepness(model, noisy.astype(image.dtype), label)
        return total / smooth


def _steepness(model: Any, image: np.ndarray, label: int) -> np.ndarray:
    given = Tensor(image, requires_grad=True)
    logits = model(given)
    if not logits.requires_grad:
        raise ValueError("saliency: the logits do not depend on the image; .data, .numpy() or no_grad in forward cut "
                         "the graph. Keep Tensors inside forward.")  # fmt: skip
    found: np.ndarray = np.abs(grad(logits[0, label], given)[0]).max(axis=-1)
    return found


@picture(lambda: (network(), images()))
def saliency(
    model: Any, x: Any, label: int | None = None, *, smooth: int = 0, noise: float = 0.15, seed: int = 0,
    ax: Axes | None = None,
) -> Figure:  # fmt: skip
    """The pixels that move a class's logit most, beside the image; with `ax`, the map alone in these axes.

    In images of a thousand pixels and more the highest half a percent share the last colour, or a few would leave
    nothing of the others; the colour bar has a point at its end then.  Arguments and errors as of
    `saliency_map`, which gives the numbers.
    """
    image = one_image("saliency", x)[0]
    heat = saliency_map(model, x, label, smooth=smooth, noise=noise, seed=seed)
    title = f"Saliency for {_chosen_class(model, x, label)}"
    fig, place = _beside(ax, image, title)
    shown = figures.scale_of(heat)
    whole, shown["vmax"] = shown["vmax"], _most(heat) or shown["vmax"]
    figures.show(place, figures.painted(heat, **shown))
    words = f"gradient, mean of {smooth} noisy copies" if smooth else "gradient"
    _dress(place, ax, words if ax is None else title)
    ends = "max" if shown["vmax"] < whole else "neither"
    figures.bar_for(fig, place, shown, "|d logit / d pixel|", extend=ends)
    return fig


def _most(heat: np.ndarray) -> float:
    """Where the colours of a map end."""
    known = figures.finite(heat).compressed()
    return float(np.quantile(known, SHOWN)) if known.size >= 1000 else 0.0


def _chosen_class(model: Any, x: Any, label: int | None) -> str:
    """The class meant, in words."""
    with evaluating(model), enable_grad():
        logits = logits_of("saliency", model(one_image("saliency", x)))
    return _class_words(logits, class_index("saliency", logits, label), label)


def _class_words(logits: Any, chosen: int, label: int | None) -> str:
    """A class with its probability, and whether the network chose it since no `label` was asked for."""
    p = float(ops.softmax(logits.data)[0, chosen])
    return f"class {chosen} (p = {p:.3g}{', predicted' if label is None else ''})"


def _beside(ax: Axes | None, image: np.ndarray, title: str) -> tuple[Figure, Axes]:
    """Axes for a map: those given, or a new figure's second, the image in the first."""
    if ax is not None:
        return figures.one_axis(ax, 6, 3)
    tall = image.shape[0] / image.shape[1]
    fig = figures.figure(6, max(2.0, min(7.0, 2.5 * tall + 0.8)))
    left, right = fig.subplots(1, 2)
    left.imshow(**figures.photograph(image), interpolation="nearest")
    left.set_title("input", fontsize=10)
    figures.bare(left)
    fig.suptitle(title, fontsize=12, fontweight="bold")
    return fig, right


def _dress(place: Axes, ax: Axes | None, title: str) -> None:
    figures.bare(place)
    place.set_title(title, fontsize=10 if ax is None else 11, fontweight="normal" if ax is None else "bold")


@named
def grad_cam_map(model: Any, x: Any, layer: Any = None, label: int | None = None) -> np.ndarray:
    """Grad-CAM of a layer (Selvaraju et al. 2017): relu(sum over channels of a_c * A_c) -> (H',W'), as the layer's.

    A are the layer's feature maps and a_c is the mean over places of the gradient of the class's logit in channel c.

    Parameters
    ----------
    model : a classifier, images (N,H,W,C) -> logits (N, classes); run in evaluation mode and left as it was.
    x : the image, (H,W,C) or (1,H,W,C), floating.
    layer : path or Module, which makes images; by default what the network makes of its last convolution, with norm,
        shortcut and activation, as long as the size stays.
    label : the class; by default the one that is predicted.

    Raises
    ------
    ValueError : no such layer or class, the layer makes no images, or the logit does not depend on it.
    """
    return _grad_cam(model, x, layer, label)[0]


def _grad_cam(model: Any, x: Any, layer: Any, label: int | None) -> tuple[np.ndarray, str, str]:
    """The map, the layer's path, and the class in words."""
    who = "grad_cam"
    model, image = check_model(who, model), one_image(who, x)
    if layer is None:
        paths: dict[Module, str] = {}
        paths |= {m: path for path, m in model.named_modules() if m is not model or isinstance(m, CONVOLUTIONS)}
        if not any(isinstance(m, CONVOLUTIONS) for m in paths):
            raise ValueError(f"{who}: the model has no convolution. Name a layer that makes images: layer=...")
    else:
        paths = {m: path for path, m in [find_layer(who, model, layer)]}
    with outputs_of(model, list(paths)) as seen:
        logits = logits_of(who, model(Tensor(image, requires_grad=True)))
        chosen = class_index(who, logits, label)
        if not seen:
            raise ValueError(f"{who}: layer {', '.join(paths.values())!r} was not called by this model.")
        module, _, maps = seen[-1] if layer is not None else _last_maps(seen)
        path = paths[module]
        if not isinstance(maps, Tensor) or maps.ndim != 4:
            raise ValueError(f"{who}: layer {path!r} must make images (1, H', W', C), it gave {describe(maps)}.")
        slope = grad(logits[0, chosen], maps, allow_unused=True) if logits.requires_grad else None
    if slope is None:
        raise ValueError(f"{who}: the logit of class {chosen} does not depend on layer {path!r}. Name another.")
    weights = slope[0].mean(axis=(0, 1))
    return np.maximum((maps.data[0] * weights).sum(axis=-1), 0), path, _class_words(logits, chosen, label)


def _last_maps(seen: list[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    """The call that made what becomes of the last convolution: a norm takes offsets out that would lie on every place.

    A dense layer that is written as a convolution of one place is passed over.  Where the shortcut of a block is the
    last of the layers, it is the widest window of its size that counts, since a shortcut's 1x1 sees no places.
    """
    images = [entry for entry in seen if isinstance(entry[2], Tensor) and entry[2].ndim == 4]
    convolutions = [entry for entry in images if isinstance(entry[0], CONVOLUTIONS)]
    if not convolutions:
        raise ValueError("grad_cam: no convolution was called by this model. Name a layer that makes images: layer=...")
    size = next((y.shape[1:3] for _, _, y in reversed(convolutions) if y.shape[1] * y.shape[2] > 1), (1, 1))
    alike = [entry for entry in images if entry[2].shape[1:3] == size]
    if not isinstance(alike[-1][0], CONVOLUTIONS):
        return next(entry for entry in alike if entry[2] is alike[-1][2])  # the innermost that gave it
    last = [entry for entry in alike if entry[2].shape == alike[-1][2].shape and isinstance(entry[0], CONVOLUTIONS)]
    return max(reversed(last), key=lambda entry: math.prod(entry[0].weight.shape[:2]))


@picture(lambda: (network(), images()))
def grad_cam(
    model: Any, x: Any, layer: Any = None, label: int | None = None, *, ax: Axes | None = None
) -> Figure:
    """Grad-CAM laid over the photograph, beside the photograph; with `ax`, the overlay alone in these axes.

    The map is brought to the image's size (bilinear); the brighter, the more it speaks for the class.  Arguments and
    errors as of `grad_cam_map`, which gives the numbers.
    """
    image = one_image("grad_cam", x)[0]
    coarse, path, words = _grad_cam(model, x, layer, label)
    times = max(1, 160 // max(image.shape[:2]))  # a small image is enlarged, so that the heat lies smoothly on it
    height, width = image.shape[0] * times, image.shape[1] * times
    heat = ops.resize(coarse[None, :, :, None], (height, width), mode="bilinear")[0, :, :, 0]
    fig, place = _beside(ax, image, f"Grad-CAM for {words}")
    shown = figures.scale_of(heat)
    tones = figures.photograph(image)["X"]
    grey = np.kron(tones if tones.ndim == 2 else tones.mean(axis=-1), np.ones((times, times)))[..., None]
    figures.show(place, 0.4 * grey + 0.6 * figures.painted(heat, **shown))
    _dress(place, ax, f"at {path or 'the model'}, {coarse.shape[0]}×{coarse.shape[1]}" if ax is None
           else f"Grad-CAM for {words}")  # fmt: skip
    figures.bar_for(fig, place, shown, "evidence for the class (logit units)")
    return fig
