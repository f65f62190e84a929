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
    form: str = "functional"  # how its networks are written: relu(conv(x)), or "layered", a Sequential that may fuse


def _ours(setting: str, title: str, **more: Any) -> Entry:
    return Entry("ours", setting, title, "tinygrad-cnn", ("tinygrad_cnn",), **more)


def _torch(setting: str, title: str, **more: Any) -> Entry:
    return Entry("pytorch", setting, title, "torch", ("torch",), **more)


SIDES = {
    "ours": _ours("", "tinygrad_cnn"),
    "ours-layered": _ours("layered", "tinygrad_cnn, layers", tasks=("net",), form="layered"),
    "ours-unfused": _ours(
        "layered", "tinygrad_cnn, layers unfused", environment={"TINYGRAD_CNN_FUSE": "0"}, tasks=("net",),
        form="layered",
    ),
    "ours-numpy": _ours("numpy", "tinygrad_cnn, NumPy only", environment={"TINYGRAD_CNN_KERNELS": "numpy"}),
    "ours-python-core": _ours(
        "python-core", "tinygrad_cnn, core in Python", environment={"TINYGRAD_CNN_CORE": "python"}, tasks=("chain",)
    ),
    "ours-medium": _ours("medium", "tinygrad_cnn, medium precision", tasks=("net",)),
    "pytorch": _torch("nchw", "PyTorch NCHW"),
    "pytorch-cl": _torch("channels_last", "PyTorch channels_last", tasks=("net", "op")),
    "pytorch-bf16": _torch("nchw bf16", "PyTorch NCHW, bf16 autocast", tasks=("net",)),
    "pytorch-cl-bf16": _torch("channels_last bf16", "PyTorch channels_last, bf16 autocast", tasks=("net",)),
    "onnxruntime": Entry("onnxruntime", "", "ONNX Runtime", "onnxruntime onnx", ("onnxruntime",), tasks=("net",)),
    "jax": Entry("jax", "", "JAX jit (NHWC)", "jax", ("jax", "jaxlib"), tasks=("net", "op")),
    "mygrad": Entry("mygrad", "", "MyGrad", "mygrad", ("mygrad",), tasks=("net", "chain")),
    "autograd": Entry("autograd", "", "HIPS autograd", "autograd", ("autograd",), tasks=("net", "chain")),
}  # fmt: skip
OURS, LAYERED, LAYOUTS = "ours", "ours-layered", ("pytorch", "pytorch-cl")
BF16 = ("pytorch-bf16", "pytorch-cl-bf16")


class NotHere(Exception):
    """The side has no means for this task; the text says what is missing."""


def net_of(task: dict[str, Any]) -> Any:
    from ..nets import net

    return net(task["net"], task.get("size"))


def batches_of(task: dict[str, Any]) -> list[Any]:
    """The pairs of images (N, H, W, C) and labels that the steps of a task take in turn."""
    from ..nets import batches

    return batches(net_of(task), task["batch"], task.get("repeat", False))
