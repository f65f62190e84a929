"""ONNX Runtime on the CPU: inference only; the model is written here, by the helpers of the package onnx."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from .. import nets
from . import NotHere, batches_of, net_of

OPSET, FORMAT = 17, 8  # of the model; old enough for every version in use


class Side:
    def __init__(self, setting: str, threads: int) -> None:
        self.threads = threads
        self.version = f"{onnxruntime.__version__}, onnx {onnx.__version__}"

    def prepare(self, task: dict[str, Any]) -> Any:
        if task["train"]:
            raise NotHere("it has no training in this package")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        model = Writer(net_of(task)).model(task["batch"]).SerializeToString()
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        turns = cycle([np.ascontiguousarray(x.transpose(0, 3, 1, 2)) for x, _ in batches_of(task)])
        return lambda: session.run(None, {"x": next(turns)})[0]


class Writer:
    """Nodes and weights of one network, with images (N, C, H, W)."""

    def __init__(self, net: nets.Net) -> None:
        self.net, self.weights = net, iter(nets.channels_first(net))
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []

    def model(self, batch: int) -> Any:
        h, w, c = self.net.shape
        last = self.layers(self.net.layers, "x")
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, c, h, w])
        y = helper.make_tensor_value_info(last, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, self.net.name, [x], [y], self.arrays)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=FORMAT)

    def layers(self, layers: Any, x: str) -> str:
        """Write `layers`; return the name of their result."""
        for layer in layers:
            x = self.layer(layer, x)
        return x

    def layer(self, layer: nets.Layer, x: str) -> str:
        kind = layer[0]
        if kind == "conv":
            _, _, window, stride, padding, bias, groups = layer
            sizes = {"kernel_shape": [window] * 2, "strides": [stride] * 2, "pads": [padding] * 4, "group": groups}
            return self.node("Conv", [x, *self.next(2 if bias else 1)], **sizes)
        if kind == "transposed":
            return self.node("ConvTranspose", [x, *self.next(2)], kernel_shape=[layer[2]] * 2, strides=[layer[3]] * 2)
        if kind == "norm":
            scale, shift = next(self.weights), next(self.weights)
            arrays = (scale, shift, np.zeros_like(scale), np.ones_like(scale))  # a new network's running averages
            return self.node("BatchNormalization", [x, *map(self.array, arrays)])
        if kind == "dense":
            return self.node("Gemm", [x, *self.next(2)])
        if kind in ("residual", "concat"):
            both = [self.layers(branch, x) for branch in layer[1:]]
            return self.node("Add", both) if kind == "residual" else self.node("Concat", both, axis=1)
        if kind == "mean":
            return self.node("Flatten", [self.node("GlobalAveragePool", [x])])
        if kind in ("pool", "average"):
            name = "MaxPool" if kind == "pool" else "AveragePool"
            return self.node(name, [x], kernel_shape=[2, 2], strides=[2, 2])
        return self.node({"relu": "Relu", "flatten": "Flatten"}[kind], [x])

    def node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"y{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def next(self, count: int) -> Iterator[str]:
        return map(self.array, [next(self.weights) for _ in range(count)])

    def array(self, values: np.ndarray) -> str:
        name = f"w{len(self.arrays)}"
        self.arrays.append(numpy_helper.from_array(values, name))
        return name
