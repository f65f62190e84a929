"""The function under test, whatever it takes and returns: a flat list of Tensors in, a flat list of Tensors out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..autodiff.checkpointing import Unseeded, set_generators
from ..autodiff.randomness import forked
from ..core.errors import describe
from ..core.modes import current, switched
from ..core.tensor import Tensor, plain
from ..nn import Module, functional_call
from .gradient_report import GradcheckError

Place = tuple[Any, ...]  # where something is in nested lists, tuples and dicts: its keys, from the outside in


class Subject:
    """A function or module, with the arrays that its gradients are taken in.

    Attributes
    ----------
    points : these arrays, in float64; parameters of a module come last.
    results : how many floating Tensors f returns, once it was checked.
    names : what messages call each of them, as "input 0", "input 'w'" or "parameter '0.bias'".
    narrow : whether one of them was given with fewer bits than float64.
    """

    def __init__(self, f: Callable[..., Any], inputs: Any) -> None:
        self.f: Any = f
        if isinstance(inputs, Mapping):
            self.args, self.kwargs = [], {**inputs}
        else:
            self.args, self.kwargs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs], {}
        self.points: list[np.ndarray] = []
        self.names: list[str] = []
        self.places: list[Place] = []
        self.given: list[Any] = []  # where the points were copied from
        self.narrow = False
        self.fixed: list[str] = []  # why the other inputs were left alone
        for key, value in [*enumerate(self.args), *self.kwargs.items()]:
            for place, leaf in _leaves(value, (key,)):
                self._add(leaf, place, f"input {place[0]!r}" + "".join(f"[{k!r}]" for k in place[1:]))
        if isinstance(f, Module):
            for name, value in f.named_parameters():
                if value.requires_grad:
                    self._add(value, ("", name), f"parameter {name!r}")
        if not self.points:
            if self.fixed:
                raise TypeError(f"gradcheck: {self.fixed[0]}")
            raise ValueError("gradcheck: there are no inputs, so no gradient. Pass inputs=[array, ...].")
        self.before = [np.array(plain(a)) for a in self.given]
        self.results = 1  # how many Tensors f returns
        self._unseeded: list[tuple[Any, Any]] = []  # generators that f drew from unseeded, with their first states

    def _add(self, leaf: Any, place: Place, name: str) -> None:
        """Take a leaf for a point if it is floating; else leave it as it is."""
        if not isinstance(leaf, (Tensor, np.ndarray, np.generic, float, int)):
            return
        array = plain(leaf)
        if array.dtype.kind in "biu":
            self.fixed.append(
                f"{name} has dtype {array.dtype}, and integers cannot be moved by a small step. "
                "Pass array.astype(np.float64)."
            )
            return
        if array.dtype.kind != "f":
            raise TypeError(f"gradcheck: {name} has dtype {array.dtype}; it must be a floating-point array.")
        if not np.all(np.isfinite(array)):
            raise ValueError(f"gradcheck: {name} holds nan or inf; there is no gradient there.")
        self.narrow |= array.dtype.itemsize < 8
        self.points.append(np.array(array, np.float64))
        self.given.append(leaf)
        self.names.append(name)
        self.places.append(place)

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        """Call the function with these in the place of its points; return its floating results."""
        parameters = {p[1]: v for p, v in zip(self.places, values, strict=True) if p[0] == ""}
        inputs = {p: v for p, v in zip(self.places, values, strict=True) if p[0] != ""}
        args = [_replaced(a, (k,), inputs) for k, a in enumerate(self.args)]
        kwargs = {k: _replaced(a, (k,), inputs) for k, a in self.kwargs.items()}
        with self._repeating():
            y = functional_call(self.f, parameters, *args, **kwargs) if parameters else self.f(*args, **kwargs)
        return [v for _, v in _leaves(y, ()) if getattr(v, "dtype", None) is not None and v.dtype.kind in "fc"] or [y]

    def check_result(self, ys: Sequence[Any]) -> None:
        """Refuse results that have no gradient; note how many there are."""
        self.results = len(ys)
        for y in ys:
            if not isinstance(y, Tensor):
                raise GradcheckError(
                    f"gradcheck: f must return Tensors, it returned {_kind(y)}. Compute with tg's functions, and "
                    "return their results."
                )
            if y.dtype != np.float64:
                raise GradcheckError(
                    f"gradcheck: f returned {y.dtype} for float64 inputs; differences need float64. "
                    "Take the conversion out of f, or return a floating-point result."
                )

    def check_untouched(self) -> None:
        """Refuse a function that wrote to what it was given."""
        for name, value, before in zip(self.names, self.given, self.before, strict=True):
            if not np.array_equal(plain(value), before):
                raise GradcheckError(f"gradcheck: f changed {name} in place. Work on a copy inside f.")

    @contextmanager
    def _repeating(self) -> Iterator[None]:
        """Draw the same random numbers as at the last call, and leave generators and running statistics alone."""
        set_generators(self._unseeded)
        repeat = Unseeded(None, [rng for rng, _ in self._unseeded])
        with forked(None), switched(recomputing=True, generators={}, unseeded=repeat):
            try:
                yield
            finally:
                set_generators((current().generators or {}).values())
        self._unseeded = repeat.made


def _kind(y: Any) -> str:
    return "a plain array" if isinstance(y, np.ndarray) else describe(y)


def _leaves(tree: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """Everything in nested lists, tuples and dicts, with its place."""
    if isinstance(tree, Mapping):
        pairs: Any = tree.items()
    elif isinstance(tree, (list, tuple)):
        pairs = enumerate(tree)
    else:
        yield place, tree
        return
    for key, value in pairs:
        yield from _leaves(value, (*place, key))


def _replaced(tree: Any, place: Place, values: Mapping[Place, Any]) -> Any:
    """The same lists, tuples and dicts, with the values at their places."""
    if isinstance(tree, Mapping):
        return {k: _replaced(v, (*place, k), values) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        parts = [_replaced(v, (*place, k), values) for k, v in enumerate(tree)]
        return tree._make(parts) if hasattr(tree, "_make") else type(tree)(parts)
    return values.get(place, tree)
