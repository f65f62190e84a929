"""Verifying a written file: onnxruntime computes it at two batch sizes, and the first node that differs is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .assembling import Written
from .needs import library, runtime
from .recording import ExportError, Recording

TOLERANCE = 1e-3  # of the largest number in an array
STEP = 5e-2  # of states after a step: rounding moves elements across the kinks of relu
RANDOM = {"Dropout"}

Again = Callable[[Sequence[np.ndarray]], tuple[list[str], list[np.ndarray], Recording]]


def session(model: Any) -> Any:
    """An onnxruntime session of a model, silent and on one thread."""
    library = runtime("export with verify=True")
    options = library.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    return library.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def verify_model(written: Written, names: Sequence[str], inputs: Sequence[np.ndarray], again: Again) -> None:
    """Compare what onnxruntime computes with what ran here.

    Raises
    ------
    ExportError : they differ; the message names the node, its op and module, and the error.
    """
    draws = any(node.op_type in RANDOM for node in written.model.graph.node)
    runner = session(written.model)
    fixed = all(d.dim_value for v in written.model.graph.input for d in v.type.tensor_type.shape.dim[:1])
    for batch in [inputs] if fixed else [inputs, _longer(written, inputs)]:
        labels, expected, found = again(batch)
        got = runner.run(None, dict(zip(names, _native(batch), strict=True)))
        for label, mine, theirs in zip(labels, expected, got, strict=True):
            off = error(mine, theirs)
            most = STEP if label.endswith(".new") else TOLERANCE
            if mine.shape != theirs.shape or (off > most and not draws):
                shapes = f"{mine.shape} and {theirs.shape}" if mine.shape != theirs.shape else f"{off:.2g} apart"
                where = _worst(written, names, batch, found)
                raise ExportError(f"export: output {label} here and in onnxruntime are {shapes}. {where}")


def _native(batch: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [np.ascontiguousarray(x).reshape(x.shape) for x in batch]


def _longer(written: Written, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The inputs with a row twice, where their first axis is the batch."""
    infos = written.model.graph.input
    return [
        np.concatenate([x, x[:1]]) if info.type.tensor_type.shape.dim and info.type.tensor_type.shape.dim[0].dim_param
        else x for x, info in zip(inputs, infos, strict=True)
    ]  # fmt: skip


def error(mine: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference, as a part of the largest number."""
    if mine.shape != theirs.shape:
        return float("inf")
    if not mine.size:
        return 0.0
    mine, theirs = (a.astype(np.float64) for a in (mine, theirs))
    same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
    with np.errstate(invalid="ignore"):
        off = np.where(same, 0.0, np.abs(mine - theirs))
    finite = np.abs(mine[np.isfinite(mine)])
    return float(np.max(off) / max(finite.max(initial=0.0), 1e-3)) if np.isfinite(off).all() else float("inf")


def _worst(written: Written, names: Sequence[str], batch: Sequence[np.ndarray], found: Recording) -> str:
    """The first node that computes something else than the op that it stands for, in words."""
    onnx = library("export")
    model, pairs = onnx.ModelProto(), []
    seen: set[str] = set()
    model.CopyFrom(written.model)
    produced = {name for node in model.graph.node for name in node.output}
    outputs = {v.name for v in model.graph.output}
    for (value, step, _), array in zip(written.values, _results(written, found), strict=True):
        if value.name in produced and value.name not in seen | outputs and array is not None:
            seen.add(value.name)
            pairs.append((value, step, array))
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(value.name))
    got = session(model).run([v.name for v, _, _ in pairs], dict(zip(names, _native(batch), strict=True)))
    for (value, step, array), theirs in zip(pairs, got, strict=True):
        mine = array if value.order is None else np.transpose(array, value.order)
        if step.op.name == "max_pool2d" and array.dtype.kind != "f":
            continue
        if (off := error(mine, theirs)) > TOLERANCE:
            return f"The first node that differs is {value.name}, of {step.label} at {step.site}: {off:.2g} apart."
    return "No single node differs by that much."


def _results(written: Written, found: Recording) -> list[np.ndarray | None]:
    """What each written value was in another recording of the same steps."""
    arrays: list[np.ndarray | None] = []
    position, last = -1, None
    for _, step, _ in written.values:
        if step is not last:
            position, last, k = position + 1, step, 0
        results = found.steps[position].results
        arrays.append(results[k] if k < len(results) and step.op is not None else None)
        k += 1
    return arrays
