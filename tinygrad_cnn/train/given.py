"""Models and functions that users give to `fit` and `evaluate`: what is said if they cannot be called as they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from ..autodiff.foreign import arguments
from ..core.errors import describe
from ..nn import Module

F = TypeVar("F", bound=Callable[..., Any])


def model_and_data(fn: F) -> F:
    """Refuse what is not a model, and inputs and targets in two arguments, as in Keras; a decorator."""

    @wraps(fn)
    def call(*args: Any, **given: Any) -> Any:
        if len(args) > 2:
            who = fn.__name__
            raise TypeError(f"{who}: inputs and targets are one argument, a pair: tg.{who}(model, (x, y)).")
        if args or "model" in given:
            check_model(fn.__name__, args[0] if args else given["model"])
        return fn(*args, **given)

    return cast(F, call)


def check_model(who: str, model: Any) -> None:
    """Refuse what is not a model, before anything else is made of it."""
    if isinstance(model, type):
        raise TypeError(f"{who}: model is the class {model.__name__}; pass an object of it: {model.__name__}(...).")
    if not callable(model):
        raise TypeError(f"{who}: model is {describe(model)}; it must be an nn.Module.")


def check_trains(who: str, model: Module) -> None:
    """Refuse a model of which no parameter can move."""
    parameters, name = list(model.parameters()), type(model).__name__
    if not parameters:
        raise ValueError(
            f"{who}: {name} has no parameters to train. Layers and nn.Parameter count if they are attributes of the "
            "model, or in an nn.ModuleList or nn.ModuleDict."
        )
    if not any(p.requires_grad for p in parameters):
        raise ValueError(f"{who}: all parameters of {name} are frozen. model.unfreeze() lets them move.")


def called(who: str, what: str, fn: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Call a function of the user's; that it does not take these arguments is said with what it takes."""
    try:
        return fn(*args, **named)
    except TypeError as error:
        refuse(who, what, fn, args, named, error)
        raise


def refuse(who: str, what: str, fn: Any, args: tuple[Any, ...], named: Mapping[str, Any], error: TypeError) -> None:
    """Say what a function takes, if it ended in an error because it does not take these arguments."""
    if takes := refusal(fn, args, named):
        raise TypeError(f"{who}: {what}, but {takes}.") from error


def refusal(fn: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any] | None = None) -> str:
    """Return what a function takes, if it does not take these arguments; nothing if it does, or does not say."""
    inner = fn.forward if isinstance(fn, Module) else fn
    try:
        signature = inspect.signature(inner)
    except (TypeError, ValueError):
        return ""
    try:
        signature.bind(*args, **(named or {}))
    except TypeError:
        name = f"{type(fn).__name__}.forward" if isinstance(fn, Module) else getattr(fn, "__name__", type(fn).__name__)
        return f"{'it' if name == '<lambda>' else name} takes {arguments(inner) or signature}"
    return ""


def number_of(what: str, value: Any) -> float:
    """Return what a function of the user's gave, which must be one number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{what} returned {describe(value)}; it must be one number, such as a mean.") from None
