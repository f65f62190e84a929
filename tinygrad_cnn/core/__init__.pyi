"""The engine for type checkers and editors: `grad` with what its settings make it return.

Written by `python docs/make_stubs.py` from core/__init__.py and `grad`; do not edit.
"""
# ruff: noqa

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeVar, overload

import numpy as np

from .engine import backward as backward
from .errors import GraphError as GraphError
from .modes import scope as scope
from .operation import Op as Op
from .register import registry as registry
from .tensor import Tensor as Tensor

_F = TypeVar("_F", bound=Callable[..., Any])

class _Modes(Protocol):
    def __enter__(self) -> None: ...
    def __exit__(self, *_: Any) -> None: ...
    def __call__(self, fn: _F) -> _F: ...

@overload
def no_grad(fn: _F) -> _F:
    """Record nothing: a context, or a decorator with or without brackets.  Other threads and tasks go on as they were.

    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    >>> @tg.no_grad
    ... def double(x):
    ...     return x * 2
    >>> double(w).requires_grad
    False
    """
@overload
def no_grad(fn: None = None) -> _Modes:
    """Record nothing: a context, or a decorator with or without brackets.  Other threads and tasks go on as they were."""
@overload
def enable_grad(fn: _F) -> _F:
    """Record ops even inside `no_grad`: a context, or a decorator with or without brackets.

    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad(), tg.enable_grad():
    ...     y = w * 2
    >>> y.requires_grad
    True
    """
@overload
def enable_grad(fn: None = None) -> _Modes:
    """Record ops even inside `no_grad`: a context, or a decorator with or without brackets."""
@overload
def op(fn: Callable[..., Any], *, name: str | None = None, **options: Any) -> Op:
    """Register a function on raw arrays as an op; a decorator.

    Positional arguments are inputs (give None as default to one that may be left out, ``*xs`` for any number),
    keyword-only arguments are parameters.

    Parameters
    ----------
    name : of the op, if not the function's.
    params : names of positional arguments that are parameters, as the window in ``max_pool2d(x, window)``.
    aux : names of integer or boolean side results; the function then returns ``(y, *aux)``, callers get y alone.
    broadcasts : True if inputs of different shapes are broadcast by NumPy's rule; the engine sums gradients back.
    selectors : names of floating inputs that only choose, as x in ``dy * (x > 0)``: no gradient flows to them.
    arrange : a function of the inputs and parameters as they were written, ``arrange(*inputs, **parameters)``, that
        returns both sorted anew: ``(inputs, parameters)``.  It makes inputs of arrays inside a parameter.
    samples : some `tg.testing.Sample`, with which every contract is tested.
    ref : a slow or independent function of the same arguments that gives the same result.
    cost : a function of ``x_shape``, ``y_shape`` and parameters, by name, that gives FLOP; default: output elements.
    numpy : NumPy functions that mean this op, so that ``np.exp(tensor)`` reaches it.
    composition : for a fused op, the function of other ops that it equals.  Its rules then serve the first order
        only, on plain arrays, and may use floating side results; higher orders differentiate the composition.
    linear : names of inputs in which the op is linear, piece by piece, with no more rounding than its numbers need:
        for whole numbers, the check of its gradients then has no tolerance.  See `tg.testing.gradcheck(exact=True)`.
    branches : a function of inputs, y, parameters or side results, by name, that says which piece of the op each
        element is on, as ``lambda x: x > 0``: an array of booleans or whole numbers, or a tuple of some.  Checks of
        gradients then stay on one piece.
    floating : names of inputs whose whole numbers and booleans become floating-point numbers before the function gets
        them: of the dtype of the other inputs named here, or of float32 if all of these are whole numbers.
    effects : names of parameters that the function calls or changes, such as a random generator.  The function gets
        them; nodes, rules and the composition at higher orders do not, so nothing is called or changed a second time.
    over : a function of the same arguments that writes the result over the first input, and returns it.  The compiled
        core calls it in place of the op's function where nobody else can see that input, as in ``relu(conv2d(x, w))``.
    stacks : how the op treats inputs with one more axis in front, by a function of `autodiff.batching`; Jacobians then
        take many rows at once.  Ops that broadcast need none; of any other without it, row after row is computed.
    per_sample, per_sample_squares : rules by input, as in `vjp`, for what each sample contributes to a gradient, and
        for sums of squares of that; see `autodiff.by_sample`.  Without them the own rule is called for each sample.

    Raises
    ------
    ValueError : the name is taken by an op from somewhere else, or an effect is not a parameter.

    Examples
    --------
    >>> @tg.op(samples=[tg.Sample(x=(2, 3))], ref=lambda x: x**3)
    ... def cube(x):
    ...     'x cubed.  x (...) -> (...)'
    ...     return x * x * x
    >>> cube.vjp(x=lambda g, x: 3 * g * x * x)
    <op cube(x)>
    >>> tg.testing.check_op(cube).kept  # all is well; x is kept for the gradient
    ('x',)
    """
@overload
def op(*, name: str | None = None, **options: Any) -> Callable[[Callable[..., Any]], Op]:
    """Register a function on raw arrays as an op; a decorator."""
@overload
def grad(y: Tensor | Sequence[Tensor], xs: Tensor, *, grad_outputs: Any = None, create_graph: Literal[False] = False, retain_graph: bool | None = None, allow_unused: Literal[False] = False) -> np.ndarray:
    """Gradients of y (a Tensor or several) with respect to xs (a Tensor or several).

    Parameters
    ----------
    grad_outputs : cotangents, one per output; may be left out for outputs of one element.
    create_graph : record the gradients, as Tensors that can be differentiated again; plain arrays otherwise.
    retain_graph : keep what the graph saved for another pass; by default as `create_graph`.
    allow_unused : give None for an x that y does not depend on, instead of an error.

    Examples
    --------
    >>> x = tg.Tensor(2.0, requires_grad=True)
    >>> first = tg.grad(x**3, x, create_graph=True)
    >>> first.item()  # 3x²
    12.0
    >>> float(tg.grad(first, x))  # 6x
    12.0
    """
@overload
def grad(y: Tensor | Sequence[Tensor], xs: Tensor, *, grad_outputs: Any = None, create_graph: Literal[True], retain_graph: bool | None = None, allow_unused: Literal[False] = False) -> Tensor:
    """Gradients of y (a Tensor or several) with respect to xs (a Tensor or several)."""
@overload
def grad(y: Tensor | Sequence[Tensor], xs: Tensor, *, grad_outputs: Any = None, create_graph: Literal[False] = False, retain_graph: bool | None = None, allow_unused: Literal[True]) -> np.ndarray | None:
    """Gradients of y (a Tensor or several) with respect to xs (a Tensor or several)."""
@overload
def grad(y: Tensor | Sequence[Tensor], xs: Tensor, *, grad_outputs: Any = None, create_graph: Literal[True], retain_graph: bool | None = None, allow_unused: Literal[True]) -> Tensor | None:
    """Gradients of y (a Tensor or several) with respect to xs (a Tensor or several)."""
@overload
def grad(y: Tensor | Sequence[Tensor], xs: Sequence[Tensor], *, grad_outputs: Any = None, create_graph: Literal[False] = False, retain_graph: bool | None = None, allow_unused: Literal[False] = False) -> list[np.ndarray]:
    """Gradients of y (a Tensor or several) with respect to xs (a Tensor or several)."""
@overload
def grad(y: Tensor | Sequence[Tensor], xs: Sequence[Tensor], *, grad_outputs: Any = None, create_graph: Literal[True], retain_graph: bool | None = None, allow_unused: Literal[False] = False) -> list[Tensor]:
    """Gradients of y (a Tensor or several) with respect to xs (a Tensor or several)."""
@overload
def grad(y: Tensor | Sequence[Tensor], xs: Sequence[Tensor], *, grad_outputs: Any = None, create_graph: Literal[False] = False, retain_graph: bool | None = None, allow_unused: Literal[True]) -> list[np.ndarray | None]:
    """Gradients of y (a Tensor or several) with respect to xs (a Tensor or several)."""
@overload
def grad(y: Tensor | Sequence[Tensor], xs: Sequence[Tensor], *, grad_outputs: Any = None, create_graph: Literal[True], retain_graph: bool | None = None, allow_unused: Literal[True]) -> list[Tensor | None]:
    """Gradients of y (a Tensor or several) with respect to xs (a Tensor or several)."""
@overload
def grad(y: Tensor | Sequence[Tensor], xs: Tensor | Sequence[Tensor], *, grad_outputs: Any = None, create_graph: bool = False, retain_graph: bool | None = None, allow_unused: bool = False) -> Any:
    """Gradients of y (a Tensor or several) with respect to xs (a Tensor or several)."""
