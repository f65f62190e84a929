"""The graph that led to an exception: read from the frames of its traceback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import FrameType
from typing import Any

from ..core import Op, Tensor
from ..core.engine import pull_back
from ..core.graph import Leaf
from ..nn import Module
from .graph import Failure

OP, MODULE, STEP = Op.__call__.__code__, Module.__call__.__code__, pull_back.__code__


def failure_of(error: BaseException) -> tuple[Failure, Any]:
    """What failed, and the outermost module that was running, or None.

    Raises
    ------
    ValueError : neither an op nor a module was running when the error was raised.
    """
    frames = list(_frames(error))
    calls = [frame for frame in frames if frame.f_code is MODULE]
    modules = [frame.f_locals["self"] for frame in calls]
    where = calls[-1].f_locals.get("where", "") if calls else ""
    ops = [frame for frame in frames if frame.f_code is OP]
    steps = [frame for frame in frames if frame.f_code is STEP]
    recorded = [frame for frame in ops if any(isinstance(a, Tensor) for a in frame.f_locals["args"])]
    message = f"{type(error).__name__}: {error}"
    if steps:
        node = steps[-1].f_locals["node"]
        told = f"in its gradient. {message}"
        return Failure(node.op, list(node.inputs), node.params, node.path, told, node.site), None
    if ops:
        frame = (recorded or ops)[-1]
        return _of_op(frame, message, where), modules[0] if modules else None
    if modules:
        named = _Layer(type(modules[-1]).__name__)
        args = calls[-1].f_locals["args"]
        failure = Failure(named, [_node(a) for a in args], {}, _path(message, named.name, where), message)
        failure.tensors = [a for a in args if isinstance(a, Tensor)]
        return failure, modules[0]
    raise ValueError(
        f"draw: no op was running when this {type(error).__name__} was raised, so there is no graph to draw. "
        "Pass an exception that came out of a forward pass, as it was caught."
    )


class _Layer:
    """Stands for an op, where a layer refused its input before any op ran."""

    variadic, broadcasts, inputs = True, False, ("x",)

    def __init__(self, name: str) -> None:
        self.name = name


def _frames(error: BaseException) -> Iterator[FrameType]:
    """The frames through which an error passed, outer ones first; its own, or those of the errors that it came from."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        found, trace = [], cause.__traceback__
        while trace is not None:
            found.append(trace.tb_frame)
            trace = trace.tb_next
        if any(frame.f_code in (OP, MODULE, STEP) for frame in found):
            yield from found
            return
        cause = cause.__cause__ or cause.__context__


def _of_op(frame: FrameType, message: str, where: str) -> Failure:
    op, args, params = (frame.f_locals[name] for name in ("self", "args", "params"))
    if len(args) == 1 and isinstance(args[0], (list, tuple)):  # of any number of inputs, which were not sorted yet
        args = tuple(args[0])
    inputs = list(args)[: len(op.inputs) if not op.variadic else None]
    failure = Failure(op, [_node(a) for a in inputs], dict(params), _path(message, op.name, where), message)
    failure.tensors = [a for a in inputs if isinstance(a, Tensor)]
    return failure


def _node(value: Any) -> Any:
    """An argument as a node: a Tensor's own; for an array a leaf; None for a number."""
    if isinstance(value, Tensor):
        return value.node
    return Leaf(tuple(value.shape), value.dtype) if hasattr(value, "shape") and hasattr(value, "dtype") else None


def _path(message: str, name: str, where: str) -> str:
    """The module in which it happened: from the message, else where the innermost module was called."""
    told = re.search(rf"\b{re.escape(name)} \(([^()\s]+)\): ", message)
    return told.group(1) if told else where
