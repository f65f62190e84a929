"""Import: files compute what they say, train, and are refused where they ask for what is not supported."""

import glob

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn, optim
from tinygrad_cnn.autodiff.reader import graph_of
from tinygrad_cnn.io import FileFormatError
from tinygrad_cnn.onnx import ExportError
from tinygrad_cnn.onnx import readers as readers  # which fill READERS
from tinygrad_cnn.onnx.reading import READERS

MOST = 0.95  # of the library's own cases


def saved(path, nodes, inputs, outputs, initialisers=(), opset=18):
    infos = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in part.items()]
        for part in (inputs, outputs)
    ]
    arrays = [numpy_helper.from_array(a, name) for name, a in dict(initialisers).items()]
    graph = helper.make_graph(nodes, "test", *infos, arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    "name", ["lenet", "resnet8", pytest.param("unet_small", marks=pytest.mark.level("thorough")),
             pytest.param("resnet20", marks=pytest.mark.level("thorough"))],
)  # fmt: skip
def test_round_trip(name, tmp_path):
    """Exported, read back: equal outputs and gradients; and exported again."""
    shape = (28, 28, 1) if name == "lenet" else (32, 32, 3)
    net = models.build(name, shape, 10, rng=0).eval()
    x = tg.randn(2, *shape, rng=1).data
    tg.onnx.export(net, tmp_path / "net.onnx", x)
    again = tg.onnx.load(tmp_path / "net.onnx")
    a, b = (tg.Tensor(x, requires_grad=True) for _ in range(2))
    ya, yb = net(a), again(b)
    np.testing.assert_allclose(yb.data, ya.data, atol=1e-4)
    for y in (ya, yb):
        (y * y).sum().backward()
    np.testing.assert_allclose(b.grad, a.grad, atol=1e-3 * np.abs(a.grad).max())
    theirs = dict(again.named_parameters())
    for key, p in net.named_parameters():
        if p.ndim == 4:
            np.testing.assert_allclose(
                theirs[key].grad.transpose(2, 3, 1, 0), p.grad, atol=1e-3 * np.abs(p.grad).max(), err_msg=key
            )
    tg.onnx.export(again, tmp_path / "again.onnx", x)
    assert "conv2d" in tg.draw(again, x).source
    assert again.summary(shape)


def test_weights_that_are_constant_nodes(tmp_path):
    """Some tools write all weights as nodes."""
    w = np.random.default_rng(0).standard_normal((3, 2)).astype(np.float32)
    nodes = [
        helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(w)),
        helper.make_node("Constant", [], ["two"], value=numpy_helper.from_array(np.float32(2))),
        helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Mul", ["h", "two"], ["y"]),
    ]  # fmt: skip
    net = tg.onnx.load(saved(tmp_path / "c.onnx", nodes, {"x": [1, 3]}, {"y": [1, 2]}))
    assert [name for name, _ in net.named_parameters()] == ["w"]
    np.testing.assert_allclose(net(np.ones((1, 3), np.float32)).data, 2 * w.sum(0, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("inputs", [["x"], ["x", "low"], ["x", "", "high"], ["x", "low", "high"], ["x", "high", "low"]])
def test_clip_with_and_without_bounds(inputs, tmp_path):
    bounds = {"low": np.float32(-0.5), "high": np.float32(0.5)}
    given = {name: value for name, value in bounds.items() if name in inputs}
    path = saved(tmp_path / "c.onnx", [helper.make_node("Clip", inputs, ["y"])], {"x": [5]}, {"y": [5]}, given)
    x = np.array([-2, -0.5, 0, 0.5, 2], np.float32)
    low, high = ([*(bounds.get(name) for name in inputs[1:]), None, None])[:2]
    expected = x if low is None else np.maximum(x, low)
    expected = expected if high is None else np.minimum(expected, high)
    np.testing.assert_array_equal(tg.onnx.load(path)(x), expected)


def test_layouts(tmp_path):
    w = np.random.default_rng(0).standard_normal((3, 2, 3, 3)).astype(np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    path = saved(tmp_path / "c.onnx", [node], {"x": [1, 2, 4, 5]}, {"y": [1, 3, 4, 5]}, {"w": w})
    x = tg.randn(1, 2, 4, 5, rng=0).data
    first, last = tg.onnx.load(path), tg.onnx.load(path, layout="channels_last")
    assert first(x).shape == (1, 3, 4, 5)
    np.testing.assert_allclose(last(x.transpose(0, 2, 3, 1)).data, first(x).data.transpose(0, 2, 3, 1), rtol=1e-5)
    with pytest.raises(ValueError, match="layout='NCHW' must be"):
        tg.onnx.load(path, layout="NCHW")


def test_transposes_between_layers_cancel(tmp_path):
    rng = np.random.default_rng(0)
    nodes, arrays = [], {}
    for k in range(4):
        arrays[f"w{k}"] = rng.standard_normal((3, 3, 3, 3)).astype(np.float32)
        nodes.append(helper.make_node("Conv", [f"x{k}", f"w{k}"], [f"h{k}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"h{k}"], [f"x{k + 1}"]))
    path = saved(tmp_path / "deep.onnx", nodes, {"x0": [1, 3, 5, 5]}, {"x4": [1, 3, 5, 5]}, arrays)
    y = tg.onnx.load(path)(tg.Tensor(rng.standard_normal((1, 3, 5, 5)), requires_grad=True))
    turned = [n for n in graph_of(y).order if n.op is tg.transpose and n.inputs[0].op is not None]
    assert len(turned) == 1  # of the result; filters and the input are leaves


def test_fine_tuning(tmp_path):
    layers = nn.Conv2d(1, 4, 3, rng=0), nn.BatchNorm2d(4), nn.ReLU(), nn.GlobalAvgPool2d(), nn.Linear(4, 3, rng=1)
    net, y = nn.Sequential(*layers), np.arange(30) % 3
    x = (tg.randn(30, 6, 6, 1, rng=2).data + y[:, None, None, None]).astype(np.float32)
    tg.onnx.export(net.eval(), tmp_path / "net.onnx", x[:2])
    again = tg.onnx.load(tmp_path / "net.onnx")
    adam = optim.Adam(again.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        adam.zero_grad()
        loss = tg.softmax_cross_entropy(again(x), y)
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_higher_orders(tmp_path):
    net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 1, rng=1))
    tg.onnx.export(net, tmp_path / "net.onnx", np.ones((2, 3), np.float32))
    again, x = tg.onnx.load(tmp_path / "net.onnx"), tg.randn(1, 3, rng=2).data
    ours, theirs = (tg.hessian(lambda v, f=f: f(v).sum(), x) for f in (net, again))
    np.testing.assert_allclose(theirs, ours, atol=1e-5)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([helper.make_node("NonZero", ["x"], ["y"])], "operator NonZero is not supported"),
        ([helper.make_node("Relu", ["x"], ["y"], axis=1)], "attribute 'axis' is not supported"),
        ([helper.make_node("Relu", ["x"], ["y"], domain="com.example")], "com.example.Relu is not one of ONNX's own"),
        ([helper.make_node("If", ["x"], ["y"], then_branch=helper.make_graph([], "t", [], []))], "operator If"),
        ([helper.make_node("Relu", ["x"], ["y"], body=helper.make_graph([], "t", [], []))], "subgraph 'body'"),
    ],
)  # fmt: skip
def test_refusals(nodes, words, tmp_path):
    path = saved(tmp_path / "odd.onnx", nodes, {"x": [2]}, {"y": [2]})
    with pytest.raises(ExportError, match=words):
        tg.onnx.load(path)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([helper.make_node("Relu", ["z"], ["y"])], "needs 'z', which is missing"),
        ([helper.make_node("Relu", ["b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])], "cycle"),
        ([helper.make_node("Relu", ["x"], ["x"])], "exists already"),
        ([helper.make_node("Relu", ["x"], ["a"])], "nothing makes the output 'y'"),
    ],
)
def test_damaged_graphs(nodes, words, tmp_path):
    path = saved(tmp_path / "odd.onnx", nodes, {"x": [2]}, {"y": [2]})
    with pytest.raises(FileFormatError, match=words):
        tg.onnx.load(path)


def test_sizes_are_not_believed(tmp_path):
    node = helper.make_node("ConstantOfShape", ["n"], ["y"])
    path = saved(tmp_path / "big.onnx", [node], {}, {"y": [1]}, {"n": np.array([10**6, 10**6])})
    with pytest.raises(ExportError, match="too large"):
        tg.onnx.load(path)()
    path = saved(tmp_path / "w.onnx", [helper.make_node("Relu", ["w"], ["y"])], {}, {"y": [1]}, {"w": np.ones(2, "f4")})
    model = onnx.load(path)
    model.graph.initializer[0].dims[0] = 2**40
    path.write_bytes(model.SerializeToString())
    with pytest.raises(FileFormatError, match="tensor 'w'"):
        tg.onnx.load(path)


def test_external_data_stays_in_the_folder(tmp_path):
    (tmp_path / "inside").mkdir()
    path = tmp_path / "inside" / "net.onnx"
    saved(path, [helper.make_node("Relu", ["w"], ["y"])], {}, {"y": [4]}, {"w": np.arange(4, dtype="f4")})
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    data = bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key = "location"
    for name in ("w.bin", "../w.bin", str(tmp_path / "w.bin")):
        entry.value = name
        path.write_bytes(model.SerializeToString())
        (path.parent / name).write_bytes(data)
        if name == "w.bin":
            np.testing.assert_array_equal(tg.onnx.load(path)().data, np.arange(4))
        else:
            with pytest.raises(FileFormatError, match="only files in the model's folder"):
                tg.onnx.load(path)
    (path.parent / "w.bin").unlink()
    (path.parent / "w.bin").symlink_to(tmp_path / "w.bin")
    entry.value = "w.bin"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(FileFormatError, match="only files in the model's folder"):
        tg.onnx.load(path)


# -- the library's own cases ----------------------------------------------------------------------------------


def array(value):
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.asarray(value)


def differs(net, inputs, outputs, rtol, atol):
    """What is wrong with a network's outputs for some inputs; None if nothing."""
    try:
        y = net(*[array(x) for x in inputs])
        for got, want in zip(y if isinstance(y, tuple) else (y,), map(array, outputs), strict=False):
            got = np.asarray(got.data if isinstance(got, tg.Tensor) else got)
            assert (got.shape, got.dtype) == (want.shape, want.dtype)
            got, want = (a.astype(np.float64) if a.dtype.kind in "fV" else a for a in (got, want))
            np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    return None


@pytest.mark.level("thorough")
@pytest.mark.filterwarnings("ignore")
def test_cases_of_the_library(tmp_path):
    from onnx.backend.test.loader import load_model_tests

    wrong, count = {}, 0
    for case in load_model_tests(kind="node"):
        if not {n.op_type for n in case.model.graph.node} <= READERS.keys():
            continue
        count += 1
        path = tmp_path / "case.onnx"
        path.write_bytes(case.model.SerializeToString())
        try:
            net = tg.onnx.load(path)
        except (ExportError, FileFormatError) as error:
            wrong[case.name] = str(error)
            continue
        for inputs, outputs in case.data_sets:
            if why := differs(net, inputs, outputs, case.rtol, case.atol):
                wrong[case.name] = why
    assert count > 1000
    assert len(wrong) <= (1 - MOST) * count, "\n".join(f"{name}: {why}" for name, why in wrong.items())


def read(path):
    tensor = TensorProto()
    with open(path, "rb") as file:
        tensor.ParseFromString(file.read())
    return tensor


@pytest.mark.level("default")
@pytest.mark.filterwarnings("ignore")
def test_networks_that_pytorch_converted():
    from onnx.backend.test.loader import load_model_tests

    wrong, count = {}, 0
    kinds = "pytorch-converted", "pytorch-operator", "simple"
    for case in [case for kind in kinds for case in load_model_tests(kind=kind)]:
        path = f"{case.model_dir}/model.onnx"
        if not {n.op_type for n in onnx.load(path).graph.node} <= READERS.keys():
            continue
        count, net = count + 1, tg.onnx.load(path)
        for folder in glob.glob(f"{case.model_dir}/test_data_set_*"):
            parts = [[read(p) for p in sorted(glob.glob(f"{folder}/{kind}_*.pb"))] for kind in ("input", "output")]
            if why := differs(net, *parts, case.rtol, max(case.atol, 1e-6)):
                wrong[case.name] = why
    assert count > 100
    assert not wrong, "\n".join(f"{name}: {why}" for name, why in wrong.items())
