"""Which ops export: a table beside the registry, filled by the files that say how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import registry

EXPORTERS: dict[str, Callable[..., Any]] = {}  # name of an op -> function(file, *inputs, **parameters) -> its results

READING = {"ctc_loss"}  # fused ops whose compositions read values


def exports(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Say that a function writes these ops; a decorator.

    The function gets the `Writer`, the inputs as `Value` (None where left out) and the parameters by name, and returns
    the `Value` of the result, or a tuple of it and the side results.
    """

    def add(fn: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            EXPORTERS[name] = fn
        return fn

    return add


def how_exported(name: str) -> str:
    """How an op is written: "itself", "composition" (of a fused op, by the ops that it equals) or "no".

    >>> from tinygrad_cnn.onnx.table import how_exported
    >>> [how_exported(name) for name in ("conv2d", "conv2d_relu", "svd")]
    ['itself', 'composition', 'no']
    """
    from . import writers as writers  # the files that fill the table

    if not isinstance(name, str) or name not in registry:
        raise KeyError(f"how_exported: no op is named {name!r}. tg.registry lists them all.")
    if name in EXPORTERS:
        return "itself"
    return "composition" if registry[name].composition is not None and name not in READING else "no"
