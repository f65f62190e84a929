"""Features after a flatten: PyTorch numbers them channel by channel, we pixel by pixel.

A dense layer behind a flatten has a row of weights for each feature, and the rows have to change places.  Which layers
these are is read off the graph of the model at images of a given shape, or said by the user.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autodiff.numbers import whole, wholes
from ..autodiff.reader import graph_of
from ..core.errors import describe, nearest
from ..nn import Linear, Module
from ..nn.layouts import join

FLATTENS = ("flatten", "reshape")
READS = ("linear", "linear_relu", "matmul", "einsum")  # what reads features by rows of weights, and makes others


def order_of(channels: int, features: int) -> np.ndarray:
    """Where each of our features (pixel by pixel) is in PyTorch's order (channel by channel).

    >>> from tinygrad_cnn.io.flattened import order_of
    >>> order_of(2, 6)  # two channels, three pixels
    array([0, 3, 1, 4, 2, 5])
    """
    return np.arange(features).reshape(channels, -1).T.ravel()


def orders(who: str, model: Module, input_shape: Any, flatten: Mapping[str, Any] | None) -> dict[str, np.ndarray]:
    """For the path of each array whose first axis numbers flattened features, their order in PyTorch."""
    if flatten is not None:
        return _given(who, model, flatten)
    if input_shape is not None:
        return _traced(who, model, input_shape)
    if path := _doubtful(model):
        raise ValueError(
            f"{who}: {path!r} reads features after convolutions, and PyTorch numbers those in another order "
            "(channels first). Say input_shape=(H, W, C), for which the model is read, or "
            f"flatten={{{path!r}: channels}}; flatten={{}} if nothing is flattened."
        )
    return {}


def _doubtful(model: Module) -> str | None:
    """A dense layer that may read flattened images: its inputs are not the channels of the convolution before it.

    Before it in the order of definition, or, since that need not be the order of use, of any layer.
    """
    layers = [*model.named_modules()]
    images = {layer.out_channels for _, layer in layers if hasattr(layer, "out_channels")} - {1}
    channels = 1
    for path, layer in layers:
        channels = getattr(layer, "out_channels", channels)
        if isinstance(layer, Linear):
            others = {other.out_features for _, other in layers if isinstance(other, Linear) and other is not layer}
            nowhere = images and layer.in_features not in images | others
            if nowhere or (channels > 1 and layer.in_features != channels):
                return path
            channels = 1
    return None


def _given(who: str, model: Module, flatten: Mapping[str, Any]) -> dict[str, np.ndarray]:
    if not isinstance(flatten, Mapping):
        raise TypeError(f'{who}: flatten must be a dict, as in {{"fc1": (C, H, W)}}, got {describe(flatten)}.')
    layers = dict(model.named_modules())
    found: dict[str, np.ndarray] = {}
    for path, shape in flatten.items():
        layer = layers.get(path)
        if not isinstance(layer, Linear):
            dense = [name for name, each in layers.items() if isinstance(each, Linear)]
            raise ValueError(f"{who}: flatten names {path!r}, which is not a Linear.{nearest(path, dense)}")
        form, n = f"(C, H, W) before the flatten that {path!r} reads, or C alone:", layer.in_features
        sizes = wholes(who, f"flatten[{path!r}]", shape, form=form) if isinstance(shape, (tuple, list)) else ()
        channels = sizes[0] if sizes else whole(who, f"flatten[{path!r}]", shape)
        if n % channels or (len(sizes) > 1 and math.prod(sizes) != n):
            raise ValueError(f"{who}: flatten[{path!r}]={shape!r} must fit the {n} features that {path!r} reads.")
        found |= dict.fromkeys(_rows(path, layer, n), order_of(channels, n))
    return found


def _traced(who: str, model: Module, input_shape: Any) -> dict[str, np.ndarray]:
    """The same, read off the graph of the model in eval mode."""
    shape = wholes(who, "input_shape", input_shape, form="(H, W, C), or (L, C) of sequences:")
    modes = [(module, module.training) for module in model.modules()]
    try:
        graph = graph_of(model.eval(), np.zeros((2, *shape), np.float32), caller=who)
    finally:
        for module, mode in modes:
            object.__setattr__(module, "training", mode)
    features: dict[Any, np.ndarray] = {}  # nodes of flattened features, with their order
    found: dict[str, np.ndarray] = {}
    node: Any
    for node in graph.order:
        if node.op is None:
            continue
        name, before = node.op.name, [features.get(edge) for edge in node.inputs]
        known = next((order for order in before if order is not None), None)
        if name in FLATTENS and _is_flatten(node):
            image = node.inputs[0].shape
            features[node] = order_of(image[-1], math.prod(image[1:]))
        elif name == "concatenate" and known is not None and len(node.shape) == 2:
            features[node] = _joined(node.inputs, before)
        elif known is not None:
            n = len(known)
            if name not in READS and node.shape == (2, n):
                features[node] = known
            found |= dict.fromkeys(_numbered(graph, node, n), known)
    return found


def _is_flatten(node: Any) -> bool:
    """Whether a node makes rows of images that stand channels last, of more than a pixel and a channel."""
    edge = node.inputs[0]
    before: tuple[int, ...] = getattr(edge, "shape", ())
    if len(node.shape) != 2 or len(before) < 3 or node.shape[0] != before[0]:
        return False
    op = getattr(edge, "op", None)
    if op is not None and op.name == "transpose":  # by hand, to channels first
        return False
    sequence = len(before) == 3 and not _behind_convolution(edge)  # (N, T, E), which stands so in PyTorch too
    return not sequence and before[-1] > 1 and math.prod(before[1:-1]) > 1


def _behind_convolution(edge: Any) -> bool:
    stack: list[Any] = [edge]
    seen: set[Any] = set()
    while stack:
        node = stack.pop()
        if node is None or node in seen or node.op is None:
            continue
        seen.add(node)
        if node.op.name.startswith("conv"):
            return True
        stack += node.inputs
    return False


def _joined(edges: Any, orders: list[np.ndarray | None]) -> np.ndarray:
    parts, start = [], 0
    for edge, order in zip(edges, orders, strict=True):
        n = edge.shape[1]
        parts.append(start + (np.arange(n) if order is None else order))
        start += n
    return np.concatenate(parts)


def _numbered(graph: Any, node: Any, n: int) -> list[str]:
    """The paths of arrays that number n features and that a node reads, itself or as its layer."""

    def fits(shape: Any) -> bool:
        return len(shape) == 2 and shape[0] == n if node.op.name in READS else shape == (n,)

    paths = [graph.paths[edge] for edge in node.inputs if edge in graph.paths and fits(edge.shape)]
    layer = graph.modules.get(node.path) if node.path else None
    if layer is not None and "parametrizations" in vars(layer) and node.op.name in READS:
        paths += _rows(node.path, layer, n)
    elif layer is not None and not any(True for _ in layer.children()):
        own = [*layer.named_parameters(node.path), *layer.named_buffers(node.path)]
        paths += [name for name, value in own if fits(value.shape) and name not in paths]
    return paths


def _rows(path: str, layer: Any, n: int) -> list[str]:
    """The paths of arrays with a row of a dense layer's weights for each of n features: one, or those it is made of."""
    computed = vars(layer).get("parametrizations")
    if computed is None or "weight" not in vars(computed):
        return [join(path, "weight")]
    top = f"{path}.parametrizations.weight".lstrip(".")
    found = [name for name, p in computed.weight.named_parameters(top) if p.shape[0] == n]
    for name, step in computed.weight.named_children():
        found += [f"{top}.{name}.{buffer}" for buffer in getattr(step, "of_inputs", ())]
    return found
