"""`from_keras`: lists, names and files in Keras's known layouts."""

import zipfile

import h5py
import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 8, 8, 1)).astype(np.float32)


def net(seed=0):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, rng=seed), nn.BatchNorm2d(4, 1e-3), nn.ReLU(), nn.Conv2d(4, 4, 3, rng=seed + 1),
        nn.DepthwiseConv2d(4, 2, rng=seed + 2), nn.Flatten(), nn.Dropout(0.5, rng=0),
        nn.Linear(4 * 3 * 3, 6, rng=seed + 3), nn.Linear(6, 3, rng=seed + 4),
    )  # fmt: skip


def trained(seed=3):
    model = net(seed)
    for tensor in [*model.parameters(), *model.buffers()]:
        tensor.assign(RNG.random(tensor.shape).astype(np.float32))
    return model


def arrays(model):
    """The list of get_weights(): layer by layer, batch norm as gamma, beta, moving mean, moving variance."""
    return list(model.state_dict().values())


def same(a, b):
    np.testing.assert_array_equal(a.eval()(X).data, b.eval()(X).data)


LAYERS = {"0": "conv2d", "1": "batch_normalization", "3": "conv2d_1", "4": "depthwise_conv2d", "7": "dense",
          "8": "dense_1"}  # fmt: skip
LEAVES = {"weight": "kernel", "bias": "bias"}
NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def by_name(model, layers=LAYERS, form="{}/{}"):
    found = {}
    for path, array in model.state_dict().items():
        layer, leaf = path.split(".")
        found[form.format(layers[layer], (NORM if layer == "1" else LEAVES)[leaf])] = array
    return found


def test_lists():
    a, b = trained(), net(9)
    report = tg.io.from_keras(b, arrays(a))
    same(a, b)
    assert report.how == "in order" and "1.running_var  <- array 5 " in repr(report)
    trained_first = [v for k, v in a.state_dict().items() if "running" not in k]
    rest = [v for k, v in a.state_dict().items() if "running" in k]
    c = net(9)
    tg.io.from_keras(c, trained_first + rest)
    same(a, c)


@pytest.mark.parametrize("form", ["{}/{}", "{}/{}:0", "{0}/{0}/{1}:0"])
def test_names(form):
    a, b = trained(), net(9)
    assert tg.io.from_keras(b, by_name(a, form=form)).how == "by name"
    same(a, b)


def test_other_names():
    layers = {"0": "first", "1": "norm", "3": "second", "4": "thin", "7": "fc", "8": "head"}
    a, b, c = trained(), net(9), net(9)
    assert tg.io.from_keras(b, by_name(a, layers)).how == "in order"
    same(a, b)
    shuffled = dict(sorted(by_name(a, layers).items()))
    assert tg.io.from_keras(c, shuffled, names=layers).how == "by name"
    same(a, c)
    part = {k: v for k, v in by_name(a).items() if not k.startswith("dense_1")}
    report = tg.io.from_keras(c, {**part, "more/kernel": np.ones(2)}, strict=False)
    assert report.missing == ["8.weight", "8.bias"] and report.unexpected == ["more.kernel"]


def keras3(path, model):
    """As Keras 3 writes: each layer by its kind and number, its arrays by number; what a trained model keeps beside."""
    with h5py.File(path, "w") as file:
        counts = {}
        for name, array in model.state_dict().items():
            layer = LAYERS[name.split(".")[0]]
            k = counts[layer] = counts.get(layer, -1) + 1
            file[f"layers/{layer}/vars/{k}"] = array
        file["layers/dropout/seed_generator/vars/0"] = np.zeros(2, np.uint32)
        file["optimizer/vars/0"] = np.float32(1)
    return path


@pytest.mark.level("thorough")  # HDF5 is read in processes of their own
def test_files(tmp_path):
    a = trained()
    h5 = keras3(tmp_path / "a.weights.h5", a)
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.write(h5, "model.weights.h5")
    with h5py.File(tmp_path / "old.h5", "w") as file:  # Keras 2: names in the order of the layers
        file.attrs["layer_names"] = [name.encode() for name in LAYERS.values()]
        for layer in LAYERS.values():
            group = file.create_group(layer)
            own = {k: v for k, v in by_name(a).items() if k.startswith(f"{layer}/")}
            group.attrs["weight_names"] = [f"{name}:0".encode() for name in own]
            for name, array in own.items():
                group[f"{name}:0"] = array
    for path in (h5, tmp_path / "a.keras", str(tmp_path / "old.h5")):
        b = net(9)
        tg.io.from_keras(b, path)
        same(a, b)
    with zipfile.ZipFile(tmp_path / "b.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(tg.io.FileFormatError, match="b.keras: not a Keras file"):
        tg.io.from_keras(net(), tmp_path / "b.keras")
    with zipfile.ZipFile(tmp_path / "c.keras", "w") as archive:
        archive.writestr("model.weights.h5", "no")
    with pytest.raises(tg.io.FileFormatError, match=r"c.keras \(model.weights.h5\): not an HDF5 file"):
        tg.io.from_keras(net(), tmp_path / "c.keras")


def test_layouts_are_kerass():
    depthwise, point, b = RNG.random((3, 3, 2, 2)), RNG.random((1, 1, 4, 5)), RNG.random(5)
    separable = nn.SeparableConv2d(2, 5, 3, multiplier=2, rng=0).to(np.float64)
    tg.io.from_keras(separable, [depthwise, point, b])
    np.testing.assert_array_equal(separable.pointwise.data, point[0, 0])
    prelu = nn.PReLU(3).to(np.float64)
    tg.io.from_keras(prelu, {"p_re_lu/alpha": np.arange(3.0).reshape(1, 1, 3)})
    assert prelu.weight.data.tolist() == [0, 1, 2]
    transposed = nn.ConvTranspose2d(2, 3, 4, rng=0).to(np.float64)
    kernel = RNG.random((4, 4, 3, 2))  # (I, J, out, in)
    tg.io.from_keras(transposed, [kernel, np.zeros(3)])
    np.testing.assert_array_equal(transposed.weight.data, kernel)


@pytest.mark.parametrize(("weights", "words"), [
    ([np.ones((3, 3, 1, 4))], r"(?s)has 1 arrays and Sequential 14.*1  expects 0.bias \(4,\), got nothing  <-"),
    ([1.5], r"weights\[0\] must be an array, got"),
    (3, "weights must be the list of get_weights"),
    ({"a/kernel": np.ones(2)}, r"(?s)do not fit Sequential.*missing"),
])  # fmt: skip
def test_messages(weights, words):
    model = net()
    before = model.state_dict()
    with pytest.raises((TypeError, ValueError), match=words):
        tg.io.from_keras(model, weights)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
