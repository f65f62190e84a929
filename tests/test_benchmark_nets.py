"""The benchmark's networks: shapes, arithmetic, images, and that every side that is here computes the same."""

import importlib.util
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.cli.bench import load

load(Path(__file__).parents[1] / "benchmarks")
from benchmarks import nets, program, sides  # noqa: E402
from benchmarks.sides import ours  # noqa: E402

pytestmark = pytest.mark.level("default")

CHANNELS = {"odd": (13, 37, 51, 29), "mobile": (24, 24, 48, 48, 96, 96, 96, 96, 192), "unet": (16, 16, 32, 32, 64, 64)}


def task(name, train, **more):
    return {"kind": "net", "net": name, "batch": 2, "train": train, **more}


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_of_the_convolutions(name):
    net = nets.net(name)
    found = [after[2] for layer, _, after in nets.walk(net.layers, net.shape) if layer[0] == "conv"]
    assert tuple(found[: len(CHANNELS[name])]) == CHANNELS[name]


def test_shapes_of_branches():
    net = nets.net("densenet")
    joined = [after[2] for layer, _, after in nets.walk(net.layers, net.shape) if layer[0] == "concat"]
    assert joined == [36, 48, 60, 72, 48, 60, 72, 84, 54, 66, 78, 90]
    unet = nets.net("unet")
    *_, (_, _, last) = nets.walk(unet.layers, unet.shape)
    assert last == (64, 64, 10)
    grouped = [layer for layer, _, _ in nets.walk(nets.net("resnext").layers, (32, 32, 3)) if layer[0] == "conv"]
    assert {layer[6] for layer in grouped} == {1, 8}


def test_flop_of_groups_and_of_transposed_convolutions():
    grouped = nets.Net("grouped", 1, (4, 4, 8), (("conv", 8, 3, 1, 1, False, 8),))
    assert nets.flop(grouped, 1, train=False) == 2 * 16 * 9 * 8
    up = nets.Net("up", 1, (4, 4, 8), (("transposed", 5, 2, 2),))
    assert nets.flop(up, 3, train=False) == 3 * 2 * 16 * 4 * 8 * 5
    assert nets.flop(up, 3, train=True) == 2 * nets.flop(up, 3, train=False)


def test_single_images_change_and_memory_is_measured_of_one_batch():
    net = nets.net("lenet5")
    single = nets.batches(net, 1)
    assert len(single) == nets.IMAGES
    assert not np.array_equal(single[0][0], single[1][0])
    assert len(nets.batches(net, 64)) == 4
    assert len(nets.batches(net, 64, repeat=True)) == 1
    assert len(nets.batches(nets.net("any_size", 1024), 1)) == 1  # else they would fill the memory
    np.testing.assert_array_equal(nets.batches(net, 64)[0][0], nets.batches(net, 64, repeat=True)[0][0])


def test_labels_are_one_for_each_image_or_each_place():
    assert nets.batches(nets.net("mobile"), 3)[0][1].shape == (3,)
    assert nets.batches(nets.net("unet"), 3)[0][1].shape == (3, 64, 64)


def test_a_program_joins_branches_in_the_order_of_the_weights():
    layers = (
        ("dense", 1), ("relu",), ("residual", (("dense", 1),), (("dense", 1),)), ("concat", (), (("dense", 1),)),
        ("concat", (("dense", 1),), ()),
    )  # fmt: skip
    modules = iter([lambda x, k=k: f"d{k}({x})" for k in range(5)])
    words = {"relu": "relu({})".format, "add": "({} + {})".format, "concat": "[{}, {}]".format}
    written = program.program(layers, modules, words)("x")
    sum_ = "(d1(relu(d0(x))) + d2(relu(d0(x))))"
    join = f"[{sum_}, d3({sum_})]"
    assert written == f"[d4({join}), {join}]"


def test_what_only_the_next_function_needs_has_no_other_holder():
    """As many references as in code that is written by hand: a framework may overwrite its own temporaries."""
    counts = []

    def dense(x):
        return [x]

    def relu(x):
        counts.append(sys.getrefcount(x))
        return x

    relu(dense(1))
    program.program((("dense", 1), ("relu",), ("dense", 1), ("relu",)), iter([dense, dense]), {"relu": relu})(1)
    assert counts == [counts[0]] * 3


@pytest.mark.parametrize("name", [name for name in nets.NETS if name not in ("resnet20", "vgg_small")])
def test_both_forms_of_our_networks_compute_the_same(name):
    found = {}
    for setting in ("", "layered"):
        side = ours.Side(setting, 1)
        step, infer = side.prepare(task(name, True)), side.prepare(task(name, False))
        found[setting] = [step(), step()], np.asarray(infer().data)
    np.testing.assert_allclose(found[""][0], found["layered"][0], rtol=1e-4)
    np.testing.assert_allclose(found[""][1], found["layered"][1], rtol=1e-3, atol=1e-3)


def test_medium_precision_is_absent_or_chosen(monkeypatch):
    chosen = []
    monkeypatch.setattr(tg, "set_float32_precision", chosen.append)
    monkeypatch.setattr(ours, "bf16_instructions", lambda: "AMX tiles")
    ours.Side("medium", 1).prepare(task("lenet5", False))
    assert chosen == ["medium"]
    monkeypatch.setattr(ours, "bf16_instructions", lambda: "")
    with pytest.raises(sides.NotHere, match="medium precision would be float32: "):
        ours.Side("medium", 1).prepare(task("lenet5", False))


@pytest.mark.level("thorough")
@pytest.mark.parametrize("side", ["pytorch", "pytorch-cl", "jax", "onnxruntime"])
@pytest.mark.parametrize("name", list(nets.NETS))
def test_the_rivals_that_are_installed_compute_the_same(name, side):
    entry = sides.SIDES[side]
    for package in entry.package.split():
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    there = import_module(f"benchmarks.sides.{entry.module}").Side(entry.setting, 1)
    here = ours.Side("", 1)
    if side != "onnxruntime":
        steps = [s.prepare(task(name, True)) for s in (here, there)]
        losses = np.array([[step() for _ in range(2)] for step in steps])
        np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)
    want = np.asarray(here.prepare(task(name, False))().data)
    got = np.asarray(there.prepare(task(name, False))())
    if got.ndim == 4 and side != "jax":
        got = got.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3 * np.abs(want).max())


def onnx_side(monkeypatch):
    """The side with stand-ins for both packages: nodes are dictionaries, a session answers with its graph."""

    def session(model, options, providers):
        assert options.intra_op_num_threads == 2 and providers == ["CPUExecutionProvider"]
        return SimpleNamespace(run=lambda outputs, inputs: [(model, inputs["x"])])

    helper = SimpleNamespace(
        make_tensor_value_info=lambda name, kind, shape: (name, shape),
        make_node=lambda kind, inputs, outputs, **options: {"kind": kind, "in": inputs, "out": outputs, **options},
        make_graph=lambda nodes, name, inputs, outputs, arrays: SimpleNamespace(
            nodes=nodes, inputs=inputs, outputs=outputs, arrays=arrays
        ),
        make_opsetid=lambda domain, version: version,
        make_model=lambda graph, **options: SimpleNamespace(SerializeToString=lambda: graph),
    )
    numpy_helper = SimpleNamespace(from_array=lambda values, name: (name, values))
    onnx = SimpleNamespace(
        helper=helper, numpy_helper=numpy_helper, TensorProto=SimpleNamespace(FLOAT=1), __version__="0"
    )
    runtime = SimpleNamespace(SessionOptions=SimpleNamespace, InferenceSession=session, __version__="0")
    monkeypatch.setitem(sys.modules, "onnx", onnx)
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    monkeypatch.delitem(sys.modules, "benchmarks.sides.onnxruntime", raising=False)
    side = import_module("benchmarks.sides.onnxruntime").Side("", 2)
    monkeypatch.delitem(sys.modules, "benchmarks.sides.onnxruntime")
    return side


@pytest.mark.parametrize("name", list(nets.NETS))
def test_the_model_for_onnx_runtime_names_each_weight_once(name, monkeypatch):
    side = onnx_side(monkeypatch)
    graph, x = side.prepare(task(name, False))()
    h, w, c = nets.net(name).shape
    assert x.shape == (2, c, h, w) and graph.inputs == [("x", [2, c, h, w])]
    names = {name for name, _ in graph.arrays}
    used = [word for node in graph.nodes for word in node["in"] if word in names]
    assert sorted(used) == sorted(names)
    norms = sum(layer[0] == "norm" for layer, _, _ in nets.walk(nets.net(name).layers, (h, w, c)))
    assert len(names) == len(nets.weights(nets.net(name))) + 2 * norms
    made = {"x"}
    for node in graph.nodes:
        assert {word for word in node["in"] if word not in names} <= made
        made |= set(node["out"])
    assert graph.outputs[0][0] == graph.nodes[-1]["out"][0]


def test_onnx_runtime_does_not_train(monkeypatch):
    with pytest.raises(sides.NotHere, match="no training"):
        onnx_side(monkeypatch).prepare(task("lenet5", True))
