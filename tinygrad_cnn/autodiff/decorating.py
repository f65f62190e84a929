"""Modes as decorators of functions, generators, coroutines and asynchronous generators."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Generator
from functools import wraps
from typing import Any

from ..core.modes import switched
from ..core.register import hooks


def decorated(changes: dict[str, Any], fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function, generator or coroutine in which some modes have other values.

    Of what can wait, the modes are switched while it runs and restored while it waits.
    """
    if not callable(fn) or isinstance(fn, type):
        got = f"the class {fn.__name__}; decorate its methods" if isinstance(fn, type) else type(fn).__name__
        raise TypeError(f"no_grad and enable_grad decorate functions, got {got}.")

    @wraps(fn)
    def function(*args: Any, **params: Any) -> Any:
        with switched(**changes):
            return fn(*args, **params)

    @wraps(fn)
    def generator(*args: Any, **params: Any) -> Any:
        return (yield from _stepwise(changes, fn(*args, **params)))

    @wraps(fn)
    async def coroutine(*args: Any, **params: Any) -> Any:
        return await _awaited(changes, fn(*args, **params))

    @wraps(fn)
    async def async_generator(*args: Any, **params: Any) -> Any:
        inner = fn(*args, **params)
        step = inner.asend(None)
        try:
            while True:
                try:
                    item = await _awaited(changes, step)
                except StopAsyncIteration:
                    return
                try:
                    step = inner.asend((yield item))
                except GeneratorExit:
                    raise
                except BaseException as error:  # a task that was cancelled, too
                    step = inner.athrow(error)
        finally:
            await _awaited(changes, inner.aclose())

    if inspect.isasyncgenfunction(fn):
        return async_generator
    if inspect.iscoroutinefunction(fn):
        return coroutine
    return generator if inspect.isgeneratorfunction(fn) else function


def _stepwise(changes: dict[str, Any], inner: Any) -> Generator[Any, Any, Any]:
    """Run a generator or a coroutine to its end, with the modes switched during each of its steps."""
    switch, step, value = switched(**changes), inner.send, None
    while True:
        try:
            with switch:
                item = step(value)
        except StopIteration as end:
            return end.value
        try:
            step, value = inner.send, (yield item)
        except GeneratorExit:
            with switch:
                inner.close()
            raise
        except BaseException as error:
            step, value = inner.throw, error


@types.coroutine
def _awaited(changes: dict[str, Any], inner: Any) -> Generator[Any, Any, Any]:
    """The same for ``await``."""
    return (yield from _stepwise(changes, inner))


hooks["decorated"] = decorated
