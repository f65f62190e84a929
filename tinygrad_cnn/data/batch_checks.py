"""What the loader asks of batches: of those that a data set makes itself, and of what transforms return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from .batches import inputs_and_targets, length
from .dataset import located

KINDS = (np.dtype(np.float32), np.dtype(np.int64))


def apply_transform(transform: Callable[..., Any], x: Any, y: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """The transformed batch, checked: still B images, as many axes, and float32; targets still one per image."""
    name = getattr(transform, "__name__", None) or repr(transform)
    both = bool(getattr(transform, "changes_labels", False))
    try:
        result = transform(x, y, rng) if both else transform(x, rng)
    except Exception as error:
        of = "" if isinstance(x, np.ndarray) else f" (of inputs that are a {type(x).__name__})"
        raise located(f"transform {name}{of}", error) from error
    targets = y
    if both:
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"transform {name}: must return a pair (x, y), got {type(result).__name__}.")
        result, targets = result
    if isinstance(x, np.ndarray):
        _check_images(name, x, result)
    if both:
        _check_targets(name, targets, length(x))
    return result, targets


def _check_images(name: str, x: np.ndarray, result: Any) -> None:
    if not isinstance(result, np.ndarray):
        raise TypeError(f"transform {name}: must return an array, got {type(result).__name__}.")
    if result.ndim != x.ndim or len(result) != len(x):
        raise ValueError(
            f"transform {name}: must keep the number of images ({len(x)}) and of axes ({x.ndim}); "
            f"given {x.shape}, it returned {result.shape}."
        )
    if result.dtype != x.dtype:
        raise TypeError(f"transform {name}: must keep dtype {x.dtype}, it returned {result.dtype}.")


def _check_targets(name: str, targets: Any, count: int) -> None:
    for where, part in _leaves(targets, "labels"):
        if not _fits(part, count):
            raise TypeError(
                f"transform {name}: {where} must be an int64 or float32 array of {count}, such as class indices "
                f"({count},) or rows of probabilities ({count}, classes), or a list of {count} arrays; "
                f"it returned {_shown(part)}."
            )


def check_batch(dataset: Any, count: int, batch: Any) -> None:
    """Refuse a batch of a data set's own making that is not what the loader promises."""
    inputs, targets = inputs_and_targets(batch)
    if _fits(inputs, count) and _fits(targets, count):  # most often; the rest finds what is wrong
        return
    nouns = ("images" if isinstance(inputs, np.ndarray) and inputs.ndim == 4 else "inputs", "targets")
    for noun, part in zip(nouns, (inputs, targets), strict=True):
        for where, leaf in _leaves(part, noun):
            if not _fits(leaf, count):
                raise TypeError(
                    f"{type(dataset).__name__}.batch: {where} must be a float32 or int64 array of {count}, or a list "
                    f"of {count} arrays, got {_shown(leaf)}."
                )


def _fits(part: Any, count: int) -> bool:
    if isinstance(part, np.ndarray):
        return part.ndim > 0 and len(part) == count and part.dtype in KINDS
    return isinstance(part, list) and len(part) == count and all(isinstance(p, (np.ndarray, Mapping)) for p in part)


def _shown(part: Any) -> str:
    return f"{part.dtype} {part.shape}" if isinstance(part, np.ndarray) else type(part).__name__


def _leaves(part: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Each array or list in a structure, and where it stands."""
    if isinstance(part, Mapping):
        for key, value in part.items():
            yield from _leaves(value, f"{where}[{key!r}]")
    elif isinstance(part, tuple):
        for k, value in enumerate(part):
            yield from _leaves(value, f"{where}[{k}]")
    elif part is not None:
        yield where, part
