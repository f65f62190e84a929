"""What is measured: suites of cases, each a task that several sides do, with its arithmetic and memory traffic."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from .nets import FOUR, NETS, OTHERS, SIX, flop, net
from .sides import BF16, LAYERED, LAYOUTS, OURS, SIDES

Task = dict[str, Any]


@dataclass(frozen=True)
class Case:
    suite: str
    name: str
    task: Task
    flop: int = 0
    bytes: int = 0  # of inputs and outputs, each once
    per: int = 1  # the work holds this many of what is reported: microseconds for each op of a chain
    threads: int | None = None  # other than the run's
    isa: str = ""  # the newest instructions that every side may use; "AVX2" or the machine's
    values: dict[str, Any] = field(default_factory=dict)  # place on a growth curve

    @property
    def title(self) -> str:
        return f"{self.suite}/{self.name}"


# name: (N, H, C, window, O, stride, padding, groups)
CONVOLUTIONS = {
    "mnist stem 1->32": (64, 28, 1, 3, 32, 1, 0, 1),
    "mnist 32->64": (64, 26, 32, 3, 64, 1, 0, 1),
    "lenet 5x5 6->16": (64, 14, 6, 5, 16, 1, 0, 1),
    "cifar stem 3->32": (64, 32, 3, 3, 32, 1, 1, 1),
    "32 px 32->32": (64, 32, 32, 3, 32, 1, 1, 1),
    "16 px 64->64": (64, 16, 64, 3, 64, 1, 1, 1),
    "8 px 128->128": (64, 8, 128, 3, 128, 1, 1, 1),
    "resnet 16->16": (128, 32, 16, 3, 16, 1, 1, 1),
    "stride 2 16->32": (128, 32, 16, 3, 32, 2, 1, 1),
    "56 px 64->64": (32, 56, 64, 3, 64, 1, 1, 1),
    "1x1 64->256": (32, 28, 64, 1, 256, 1, 0, 1),
    "depthwise 64": (32, 56, 64, 3, 64, 1, 1, 64),
    "depthwise 24": (32, 24, 24, 3, 24, 1, 1, 24),
    "8 groups of 4": (64, 32, 32, 3, 32, 1, 1, 8),
    "stride 2 3->24": (32, 48, 3, 3, 24, 2, 1, 1),
    "1x1 24->48": (32, 24, 24, 1, 48, 1, 0, 1),
    "odd 13->37": (48, 23, 13, 3, 37, 1, 1, 1),
    "odd stride 2 37->51": (48, 23, 37, 3, 51, 2, 1, 1),
}

# name: (op, shape of x, channels); sizes as they occur in the networks
OPS = {
    "relu": ("relu", (64, 24, 24, 64), 0),
    "add": ("add", (128, 32, 32, 16), 0),
    "max pool 2x2": ("max_pool", (64, 24, 24, 64), 0),
    "mean over places": ("mean_places", (128, 8, 8, 64), 0),
    "batch norm": ("batch_norm", (128, 32, 32, 16), 0),
    "dense 9216->128": ("dense", (64, 9216), 128),
    "softmax cross-entropy": ("softmax_cross_entropy", (128, 1000), 0),
}

NETWORKS = ("train", "more", "single", "infer", "infer-single", "one-thread", "avx2", "bf16")
RATIOS = (*NETWORKS, "conv", "op")  # suites of times that are compared side by side
GROWTH = ("batch", "side", "depth", "threads")
SUITES = (*RATIOS, "overhead", *GROWTH, "memory", "footprint")

INFERENCE = 64  # the batch of inference, beside 1
AVX2 = "AVX2"

_FORMS = (OURS, LAYERED)
_PURE = ("mygrad", "autograd")  # written in NumPy alone, with layers for the networks of SMALL
WHO = {  # takes part in which suite; in the others, whoever has means for the task
    "train": (*_FORMS, "ours-numpy", *LAYOUTS, "jax", *_PURE),
    "more": (*_FORMS, "ours-numpy", *LAYOUTS, "jax"),
    "single": (*_FORMS, *LAYOUTS, "jax"),
    "infer": (*_FORMS, "ours-numpy", *LAYOUTS, "onnxruntime", "jax", *_PURE),
    "infer-single": (*_FORMS, *LAYOUTS, "onnxruntime", "jax"),
    "one-thread": (*_FORMS, *LAYOUTS),
    "avx2": (OURS, *LAYOUTS),
    "bf16": (OURS, "ours-medium", *BF16),
    "batch": (OURS, *LAYOUTS),
    "side": (OURS, *LAYOUTS),
    "threads": (OURS, *LAYOUTS),
    "memory": (*_FORMS, "ours-unfused", "ours-numpy", *LAYOUTS, "jax", *_PURE),
}
SMALL = ("lenet5", "mnistnet")


def who(case: Case) -> list[str]:
    """The sides that do this case."""
    names = [name for name in WHO.get(case.suite, tuple(SIDES)) if case.task["kind"] in SIDES[name].tasks]
    if case.task["kind"] == "net" and case.task["net"] not in SMALL:
        names = [name for name in names if name not in _PURE]
    return names


def _net(suite: str, name: str, batch: int, train: bool, label: str, **more: Any) -> Case:
    task: Task = {"kind": "net", "net": name, "batch": batch, "train": train}
    for option in ("size", "repeat"):
        if option in more:
            task[option] = more.pop(option)
    return Case(suite, label, task, flop(net(name, task.get("size")), batch, train), **more)


def _conv(name: str, face: str) -> Case:
    n, h, c, i, o, stride, padding, groups = CONVOLUTIONS[name]
    task = {
        "kind": "op", "op": "conv", "face": face, "shape": (n, h, h, c), "window": i, "channels": o, "stride": stride,
        "padding": padding, "groups": groups,
    }  # fmt: skip
    out = (h + 2 * padding - i) // stride + 1
    filters = i * i * (c // groups) * o
    traffic = 4 * (n * h * h * c + n * out * out * o + filters)
    return Case("conv", f"{name}, {face}", task, 2 * n * out * out * filters, traffic)


def _op(name: str, backward: bool) -> Case:
    op, shape, channels = OPS[name]
    task = {"kind": "op", "op": op, "shape": shape, "channels": channels, "backward": backward}
    work = 2 * math.prod(shape) * channels * (3 if backward else 1)
    return Case("op", f"{name}, {'both' if backward else 'forward'}", task, work)


def _chain(suite: str, length: int, backward: bool, label: str, **more: Any) -> Case:
    task = {"kind": "chain", "length": length, "backward": backward}
    return Case(suite, label, task, per=length, **more)


def cases(quick: bool) -> list[Case]:
    """All of them, or for a quick look: fewer networks, a few ops, short curves."""
    return [*_networks(quick), *_ops(quick), *_growth(quick), *_memory(quick)]


def _networks(quick: bool) -> list[Case]:
    """Training and inference of the networks: at their batch, at batch 1, with one thread, with older instructions."""
    found = []
    for suite, names in (("train", SIX), ("more", OTHERS)):
        found += [_net(suite, name, net(name).batch, True, f"{name} [{net(name).batch}]") for name in names]
    few = FOUR if quick else tuple(NETS)
    found += [_net("single", name, 1, True, f"{name} [1]") for name in few]
    found += [_net("infer", name, INFERENCE, False, f"{name} [{INFERENCE}]") for name in few]
    found += [_net("infer-single", name, 1, False, f"{name} [1]") for name in few]
    six = FOUR[:2] if quick else SIX
    for name in six:
        found.append(_net("one-thread", name, net(name).batch, True, f"{name} [{net(name).batch}]", threads=1))
    for threads in (1, 2):
        for name in six:
            label = f"{name} [{net(name).batch}], {threads} thread{'s' * (threads > 1)}"
            found.append(_net("avx2", name, net(name).batch, True, label, threads=threads, isa=AVX2))
    return found + [_net("bf16", name, net(name).batch, True, f"{name} [{net(name).batch}]") for name in six]


def _ops(quick: bool) -> list[Case]:
    found = [
        _conv(name, face)
        for name in (list(CONVOLUTIONS)[1:10:4] if quick else CONVOLUTIONS)
        for face in ("forward", "dx", "dw")
    ]
    found += [_op(name, backward) for name in (list(OPS)[:3] if quick else OPS) for backward in (False, True)]
    return found + [_chain("overhead", 200, backward, "both" if backward else "forward") for backward in (False, True)]


def _growth(quick: bool) -> list[Case]:
    """Training steps of one network at many batches, sides and numbers of threads, and chains of many ops."""
    found = []
    for n in (1, 8, 64) if quick else (1, 4, 16, 64, 256, 512):
        found.append(_net("batch", "vgg_small", n, True, f"vgg_small [{n}]", values={"x": n, "work": n}))
    for size in (32, 128) if quick else (32, 64, 128, 256, 512, 1024):
        pixels = {"x": size, "work": size * size}
        found.append(_net("side", "any_size", 1, True, f"{size}x{size}", size=size, values=pixels))
    for length in (10, 1000) if quick else (10, 100, 1000, 10_000, 100_000):
        found.append(_chain("depth", length, True, f"{length} ops", values={"x": length, "work": length}))
    for name in ("mnistnet",) if quick else FOUR:
        for threads in (1, 2):
            label = f"{name}, {threads} thread{'s' * (threads > 1)}"
            place: dict[str, Any] = {"x": threads, "net": name}
            found.append(_net("threads", name, net(name).batch, True, label, threads=threads, values=place))
    return found


def _memory(quick: bool) -> list[Case]:
    """One batch again and again, so that a pool of images is not counted."""
    names = FOUR if quick else NETS
    return [_net("memory", name, net(name).batch, True, f"{name} [{net(name).batch}]", repeat=True) for name in names]
