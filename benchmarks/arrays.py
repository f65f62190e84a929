"""The arrays that single ops are measured on, channels last, float32; the same for all sides."""

from __future__ import annotations

from typing import Any

import numpy as np


def of(task: dict[str, Any]) -> dict[str, np.ndarray]:
    """The inputs of an op and ``g``, the cotangent of its output."""
    rng = np.random.default_rng(2)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    shape = tuple(task["shape"])
    x = normal(*shape)
    if task["op"] == "conv":
        n, h, w, _ = shape
        i, out, s, p = task["window"], task["channels"], task["stride"], task["padding"]
        filters = normal(i, i, shape[3] // task["groups"], out)
        return {"x": x, "w": filters, "g": normal(n, *((k + 2 * p - i) // s + 1 for k in (h, w)), out)}
    if task["op"] == "dense":
        width = task["channels"]
        return {"x": x, "w": normal(shape[1], width), "b": normal(width), "g": normal(shape[0], width)}
    if task["op"] == "matmul":
        return {"x": x, "w": normal(shape[1], shape[0])}
    if task["op"] == "softmax_cross_entropy":
        return {"x": x, "labels": rng.integers(0, shape[1], shape[0]), "g": np.ones((), np.float32)}
    if task["op"] == "max_pool":
        return {"x": x, "g": normal(shape[0], shape[1] // 2, shape[2] // 2, shape[3])}
    if task["op"] == "mean_places":
        return {"x": x, "g": normal(shape[0], shape[3])}
    if task["op"] == "batch_norm":
        return {"x": x, "gamma": normal(shape[3]), "beta": normal(shape[3]), "g": normal(*shape)}
    return {"x": x, **({"other": normal(*shape)} if task["op"] == "add" else {}), "g": normal(*shape)}


def chain() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, c and d of y = y * c + d, ten elements each."""
    return np.ones(10, np.float32), np.full(10, 0.9, np.float32), np.full(10, 0.1, np.float32)
