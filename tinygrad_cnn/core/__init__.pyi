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
from .operation import op as op
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
