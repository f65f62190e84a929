"""Export: every op that says it exports computes the same in onnxruntime, and what cannot be exported is refused."""

import numpy as np
import onnx
import onnxruntime
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn, optim
from tinygrad_cnn.onnx import ExportError, how_exported
from tinygrad_cnn.onnx.table import EXPORTERS
from tinygrad_cnn.onnx.writers.elementwise import apply

EXPORTED = sorted(name for name in tg.registry if how_exported(name) != "no")
REFUSED = {  # samples of exported ops that have no counterpart, by a part of the reason
    ("add_along_axis", 2): "flattened", ("dropout", 3): "whole channels", ("getitem", 6): "depends on values",
    ("max_pool2d_put", 0): "taps", ("max_pool2d_put", 1): "taps", ("max_pool2d_put", 2): "taps",
    ("max_pool2d_take", 0): "taps", ("max_pool2d_take", 1): "taps", ("max_pool2d_take", 2): "taps",
    ("put", 4): "mask", ("repeat", 2): "one number of repeats",
}  # fmt: skip
IMAGES = {"lenet": (28, 28, 1), "mnistnet": (28, 28, 1), "unet": (32, 32, 1), "efficientnet_lite0": (64, 64, 3)}
SMALL = ("lenet", "resnet8", "unet_small", "vgg_small")


def build(name):
    net = models.build(name, IMAGES.get(name, (32, 32, 3)), 10, rng=0)
    return net, tg.randn(2, *IMAGES.get(name, (32, 32, 3)), rng=1).data


def call(op, sample):
    """An op on a sample, as a function of its arrays, and these arrays."""
    inputs, params = sample.draw(op, 0, np.float32)
    places = [k for k, a in enumerate(inputs) if isinstance(a, np.ndarray)]

    def fn(*arrays):
        full = list(inputs)
        for k, a in zip(places, arrays, strict=True):
            full[k] = a
        return op(*full, **params)

    return fn, [inputs[k] for k in places]


@pytest.mark.parametrize("name", EXPORTED)
def test_op(name, tmp_path):
    for k, sample in enumerate(tg.registry[name].samples):
        fn, arrays = call(tg.registry[name], sample)
        if (name, k) in REFUSED:
            with pytest.raises(ExportError, match=REFUSED[name, k]):
                tg.onnx.export(fn, tmp_path / "op.onnx", *arrays, dynamic=False)
        else:
            tg.onnx.export(fn, tmp_path / "op.onnx", *arrays, dynamic=False)  # compares both


OF_OTHERS = {"arcsinh", "conv3d", "conv_transpose3d", "det", "prod"}  # whose gradients need ops that do not


@pytest.mark.level("thorough")
@pytest.mark.parametrize("name", [name for name in EXPORTED if name not in OF_OTHERS])
def test_gradient_of_op(name, tmp_path):
    op = tg.registry[name]
    for k, sample in enumerate(op.samples):
        fn, arrays = call(op, sample)
        y = fn(*[tg.Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays])
        if (name, k) in REFUSED or y.dtype.kind != "f" or not y.requires_grad or (name, k) == ("take_along_axis", 2):
            continue

        def gradients(*xs, fn=fn):
            y = fn(*xs)
            points = [x for x in xs if x.requires_grad]
            found = tg.grad(y, points, grad_outputs=np.ones(y.shape, y.dtype), create_graph=True, allow_unused=True)
            return [g for g in found if g is not None]

        tg.onnx.export(gradients, tmp_path / "op.onnx", *arrays, dynamic=False)


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize(
    "name", [n if n in SMALL else pytest.param(n, marks=pytest.mark.level("thorough")) for n in models.names]
)
def test_model(name, mode, tmp_path):
    net, x = build(name)
    for module in net.modules():
        module.training = mode == "train" and not isinstance(module, nn.Dropout)
    path = tmp_path / "net.onnx"
    tg.onnx.export(net, path, x)
    model = onnx.load(path)
    assert {p.key: p.value for p in model.metadata_props}["tinygrad_cnn.mode"] == mode
    assert [n.op_type for n in model.graph.node].count("Transpose") <= 2  # at the borders
    assert [v.name for v in model.graph.input] == ["x"]
    assert [v.name for v in model.graph.output] == ["output"]
    weights = {t.name for t in model.graph.initializer}
    assert {name for name, p in net.named_parameters() if p.ndim == 4} <= weights
    got = onnxruntime.InferenceSession(path).run(None, {"x": np.concatenate([x, x, x])})[0]
    assert got.shape == (6, *net(x).shape[1:])


def test_nodes_say_where_they_come_from(tmp_path):
    net, x = build("lenet")
    tg.onnx.export(net, tmp_path / "net.onnx", x)
    conv = next(n for n in onnx.load(tmp_path / "net.onnx").graph.node if n.op_type == "Conv")
    said = {p.key: p.value for p in conv.metadata_props}
    assert said["tinygrad_cnn.module"] == "features.0"
    assert said["tinygrad_cnn.op"] == "conv2d (features.0)"
    assert "test_export.py:" in said["tinygrad_cnn.source"]


def test_sizes_and_means_follow_the_batch(tmp_path):
    def fn(x):
        rows = tg.reshape(x, (x.shape[0] * 2, -1))
        return {"mean": (rows * rows).mean(), "wide": tg.broadcast_to(tg.mean(x, axis=0, keepdims=True), x.shape)}

    x = tg.randn(2, 6, rng=0).data
    tg.onnx.export(fn, tmp_path / "f.onnx", x)
    more = tg.randn(7, 6, rng=1).data
    mean, wide = onnxruntime.InferenceSession(tmp_path / "f.onnx").run(["mean", "wide"], {"x": more})
    assert mean == pytest.approx((more * more).mean(), rel=1e-5)
    np.testing.assert_allclose(wide, np.broadcast_to(more.mean(0), more.shape), rtol=1e-5)


def test_an_op_without_counterpart_is_named_with_its_module(tmp_path):
    class Odd(nn.Module):
        def forward(self, x):
            return tg.linalg.svd(x)[1]

    with pytest.raises(ExportError, match=r"svd \(0\).*no counterpart"):
        tg.onnx.export(nn.Sequential(Odd()), tmp_path / "odd.onnx", np.eye(3, dtype=np.float32), dynamic=False)
    assert not (tmp_path / "odd.onnx").exists()


def test_what_would_freeze_is_refused(tmp_path):
    x = tg.randn(2, 3, rng=0).data
    with pytest.raises(ExportError, match="changes from call to call"):
        tg.onnx.export(lambda x: x * np.exp(x.data), tmp_path / "f.onnx", x)
    with pytest.raises(ExportError, match=r"test_export.py:\d+ reads a value \(item\)"):
        tg.onnx.export(lambda x: x * 2 if x.sum().item() > 100 else x, tmp_path / "f.onnx", x)
    with pytest.raises(ExportError, match=r"reads a value \(bool\)"):
        tg.onnx.export(lambda x: x * 2 if x.sum() > 100 else x, tmp_path / "f.onnx", x)
    assert tg.Tensor([1.0]).item() == 1  # reading is possible again


def test_steps_of_optimisers_are_refused(tmp_path):
    net = nn.Linear(3, 2, rng=0)
    before, x = net.state_dict(), tg.randn(2, 3, rng=0).data
    sgd = optim.SGD(net.parameters(), lr=0.1)

    def step(x):
        loss = net(x).sum()
        loss.backward()
        sgd.step()
        return loss

    with pytest.raises(ExportError, match=r"add_gradients.*tg.onnx.TrainingStep"):
        tg.onnx.export(step, tmp_path / "step.onnx", x)
    np.testing.assert_array_equal(net.weight.data, before["weight"])


def test_what_is_compiled_exports(tmp_path):
    net, x = build("lenet")
    tg.onnx.export(tg.compile(net.eval()), tmp_path / "net.onnx", x)
    assert {p.key: p.value for p in onnx.load(tmp_path / "net.onnx").metadata_props}["tinygrad_cnn.mode"] == "eval"


def test_gradients_export(tmp_path):
    net, x = build("lenet")

    def saliency(x):
        return tg.grad(net(x).max(axis=1).sum(), x, create_graph=True)

    tg.onnx.export(saliency, tmp_path / "saliency.onnx", x)
    got = onnxruntime.InferenceSession(tmp_path / "saliency.onnx").run(None, {"x": x})[0]
    np.testing.assert_allclose(got, saliency(tg.Tensor(x, requires_grad=True)).data, atol=1e-5)


def test_a_wrong_node_is_found_and_named(tmp_path, monkeypatch):
    monkeypatch.setitem(EXPORTERS, "tanh", lambda w, x: apply(w, "Sigmoid", x))
    net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 2, rng=1))
    with pytest.raises(ExportError, match=r"1/Sigmoid, of tanh \(1\) at .*test_export.py"):
        tg.onnx.export(net, tmp_path / "net.onnx", tg.randn(2, 3, rng=2).data)


def test_the_model_stays_as_it_was(tmp_path):
    net, x = build("resnet8")
    before = net.state_dict()
    tg.onnx.export(net, tmp_path / "net.onnx", x)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert all(p.grad is None for p in net.parameters())


def test_opsets(tmp_path):
    net, x = build("lenet")
    with pytest.raises(ValueError, match="opset=17 must be between 18"):
        tg.onnx.export(net, tmp_path / "net.onnx", x, opset=17)
    tg.onnx.export(net, tmp_path / "net.onnx", x, opset=21)
    assert onnx.load(tmp_path / "net.onnx").opset_import[0].version == 21
