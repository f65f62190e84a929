"""Who takes part: one module each with a class ``Side(setting, threads)``, imported in its worker only.

``side.version`` is text, ``side.prepare(task)`` returns a function that does the task once and returns when it is done
(a training step returns its loss as a float); it raises `NotHere` for a task it has no means for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Entry:
    module: str  # of this folder
    setting: str
    title: str
    package: str  # what to install
    folders: tuple[str, ...]  # its top-level modules, whose size on disk counts
    environment: dict[str, str] = field(default_factory=dict)
    tasks: tuple[str, ...] = ("net", "op", "chain")


SIDES = {
    "ours": Entry("ours", "", "tinygrad_cnn", "tinygrad-cnn", ("tinygrad_cnn",)),
    "ours-numpy": Entry(
        "ours", "numpy", "tinygrad_cnn, NumPy only", "tinygrad-cnn", ("tinygrad_cnn",),
        {"TINYGRAD_CNN_KERNELS": "numpy"},
    ),
    "pytorch": Entry("pytorch", "nchw", "PyTorch NCHW", "torch", ("torch",)),
    "pytorch-cl": Entry("pytorch", "channels_last", "PyTorch channels_last", "torch", ("torch",), tasks=("net", "op")),
    "jax": Entry("jax", "", "JAX jit (NHWC)", "jax", ("jax", "jaxlib"), tasks=("net", "op")),
    "mygrad": Entry("mygrad", "", "MyGrad", "mygrad", ("mygrad",), tasks=("net", "chain")),
    "autograd": Entry("autograd", "", "HIPS autograd", "autograd", ("autograd",), tasks=("net", "chain")),
}  # fmt: skip
OURS, LAYOUTS = "ours", ("pytorch", "pytorch-cl")


class NotHere(Exception):
    """The side has no means for this task; the text says what is missing."""


def net_of(task: dict[str, Any]) -> Any:
    from ..nets import net

    return net(task["net"], task.get("size"))
