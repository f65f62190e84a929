"""`from_torch` and `to_torch`: names, order, axes, flattened features, and what `load_state_dict` notices."""

import io
import pickle
import zipfile

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn.layouts import Layout, Theirs
from tinygrad_cnn.nn.loading import TorchArrays

RNG = np.random.default_rng(0)


def lenet(seed=0):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, rng=seed), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(4 * 3 * 3, 6, rng=seed + 1), nn.ReLU(), nn.Linear(6, 3, rng=seed + 2),
    )  # fmt: skip


SHAPE = (8, 8, 1)


class Named(nn.Module):
    def __init__(self, rng=None):
        self.first, self.norm = nn.Conv2d(2, 4, 3, rng=rng), nn.GroupNorm(2, 4)
        self.head = nn.Linear(4, 3, rng=rng)

    def forward(self, x):
        return self.head(tg.global_avg_pool2d(self.norm(self.first(x))))


def same(a, b, x):
    np.testing.assert_array_equal(a.eval()(x).data, b.eval()(x).data)


MODELS = {
    "lenet": (lenet, {"input_shape": SHAPE}, (2, 8, 8, 1)),
    "named": (Named, {}, (2, 5, 5, 2)),
    "depthwise": (lambda rng=None: nn.DepthwiseConv2d(3, (2, 3), multiplier=2, rng=rng), {}, (1, 4, 4, 3)),
    "separable": (lambda rng=None: nn.SeparableConv2d(3, 5, 2, rng=rng), {}, (1, 4, 4, 3)),
    "transposed": (lambda rng=None: nn.ConvTranspose2d(4, 6, 3, 2, groups=2, rng=rng), {}, (1, 3, 3, 4)),
    "sequence": (lambda rng=None: nn.Sequential(nn.Conv1d(2, 3, 4, rng=rng), nn.PReLU(3, 0.1)), {}, (1, 6, 2)),
}


@pytest.mark.parametrize("name", MODELS)
def test_there_and_back(name):
    make, options, shape = MODELS[name]
    a, b = make(1), make(5)
    for buffer in a.buffers():
        buffer.assign(RNG.random(buffer.shape).astype(np.float32))
    report = tg.io.from_torch(b, tg.io.to_torch(a, **options), **options)
    assert report.how == "by name" and not report.missing and not report.unexpected
    assert {row[0] for row in report.rows} == set(b.state_dict())
    same(a, b, RNG.standard_normal(shape).astype(np.float32))


def test_layouts_are_pytorchs():
    w = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(5, 4, 2, 3)  # (O, C, I, J)
    conv = nn.Conv2d(4, 5, (2, 3), rng=0)
    tg.io.from_torch(conv, {"weight": w, "bias": np.arange(5.0)})
    assert conv.weight.data[1, 2, 3, 4] == w[4, 3, 1, 2]
    dense = nn.Linear(3, 2, False, rng=0)
    tg.io.from_torch(dense, {"weight": np.float32([[1, 2, 3], [4, 5, 6]])})
    assert dense.weight.data.tolist() == [[1, 4], [2, 5], [3, 6]]
    depthwise = nn.DepthwiseConv2d(2, (1, 1), multiplier=3, bias=False, rng=0)
    tg.io.from_torch(depthwise, {"weight": np.arange(6, dtype=np.float32).reshape(6, 1, 1, 1)})
    assert depthwise.weight.data.reshape(2, 3).tolist() == [[0, 1, 2], [3, 4, 5]]  # channel by channel


def test_rows_behind_a_flatten_change_places():
    net = nn.Sequential(nn.Conv2d(1, 2, 1, rng=0), nn.Flatten(), nn.Linear(2 * 2 * 3, 1, False, rng=0))
    there = np.arange(12, dtype=np.float32).reshape(1, 12)  # channel 0: 0..5, channel 1: 6..11
    weights = {"0.weight": np.ones((2, 1, 1, 1)), "0.bias": np.zeros(2), "2.weight": there}
    expected = there.reshape(2, 2, 3).transpose(1, 2, 0).ravel()
    for options in ({"input_shape": (2, 3, 1)}, {"flatten": {"2": (2, 2, 3)}}, {"flatten": {"2": 2}}):
        report = tg.io.from_torch(net, weights, **options)
        np.testing.assert_array_equal(net[2].weight.data.ravel(), expected)
        assert "rows from channels first to last" in repr(report)
        np.testing.assert_array_equal(tg.io.to_torch(net, **options)["2.weight"], there)
    tg.io.from_torch(net, weights, flatten={})
    np.testing.assert_array_equal(net[2].weight.data.ravel(), there.ravel())


def test_a_dense_layer_after_convolutions_asks_for_the_shape():
    for call in (lambda: tg.io.from_torch(lenet(), tg.io.to_torch(lenet(), input_shape=SHAPE)),
                 lambda: tg.io.to_torch(lenet())):  # fmt: skip
        with pytest.raises(ValueError, match=r"'5' reads features after convolutions.*input_shape=\(H, W, C\)"):
            call()


class Branches(nn.Module):
    """Two flattens side by side, with a norm of their features, and one that is turned by hand."""

    def __init__(self):
        self.a, self.b = nn.Conv2d(1, 2, 1, rng=0), nn.Conv2d(1, 3, 1, rng=1)
        self.norm = nn.LayerNorm(2 * 4)
        self.joint = nn.Linear(2 * 4 + 3 * 4 + 3, 2, rng=2)
        self.turned = nn.Linear(12, 2, rng=3)

    def forward(self, x):
        a, b = self.a(x), self.b(x)
        rows = tg.concatenate([self.norm(tg.flatten(a, 1)), b.reshape(len(x), -1), b.mean((1, 2))], axis=1)
        return self.joint(rows) + self.turned(tg.flatten(tg.transpose(b, (0, 3, 1, 2)), 1))


def test_features_are_followed_through_the_graph():
    net = Branches()
    state = {name: value.copy() for name, value in net.state_dict().items()}
    there = tg.io.to_torch(net, input_shape=(2, 2, 1))
    rows = there["joint.weight"].T
    own = net.joint.weight.data
    np.testing.assert_array_equal(rows[:8], own[:8].reshape(4, 2, 2).transpose(1, 0, 2).reshape(8, 2))
    np.testing.assert_array_equal(rows[8:20], own[8:20].reshape(4, 3, 2).transpose(1, 0, 2).reshape(12, 2))
    np.testing.assert_array_equal(rows[20:], own[20:])
    np.testing.assert_array_equal(there["turned.weight"].T, net.turned.weight.data)
    net.norm.weight.assign(np.arange(8, dtype=np.float32))
    there = tg.io.to_torch(net, input_shape=(2, 2, 1))
    assert there["norm.weight"].tolist() == [0, 2, 4, 6, 1, 3, 5, 7]
    tg.io.from_torch(net, there, input_shape=(2, 2, 1))
    assert net.norm.weight.data.tolist() == list(range(8))
    for name in state:
        if name != "norm.weight":
            np.testing.assert_array_equal(net.state_dict()[name], state[name])
    assert net.training


def test_a_square_layer_turns_its_rows_and_leaves_its_bias():
    net = nn.Sequential(nn.Conv2d(1, 2, 1, rng=0), nn.Flatten(), nn.Linear(8, 8, rng=0))
    net[2].bias.assign(np.arange(8, dtype=np.float32))
    there = tg.io.to_torch(net, input_shape=(2, 2, 1))
    assert there["2.bias"].tolist() == list(range(8))
    np.testing.assert_array_equal(there["2.weight"].T, net[2].weight.data.reshape(4, 2, 8).swapaxes(0, 1).reshape(8, 8))


def test_other_names_are_matched_in_order_and_the_report_says_so():
    weights = tg.io.to_torch(lenet(3), input_shape=SHAPE)
    words = {"0": "features.conv", "1": "features.bn", "5": "fc1", "7": "fc2"}
    other = {words[k.partition(".")[0]] + "." + k.partition(".")[2]: v for k, v in weights.items()}
    net = lenet(9)
    report = tg.io.from_torch(net, other, input_shape=SHAPE)
    assert report.how == "in order"
    assert "0.weight       <- features.conv.weight" in repr(report)
    same(net, lenet(3), RNG.standard_normal((2, *SHAPE)).astype(np.float32))


def test_numbers_that_mean_other_layers_do_not_mislead():
    def net(seed):
        return nn.Sequential(*(nn.Conv2d(2, 2, 1, rng=seed + k) for k in range(3)))

    weights = {f"{2 * int(k[0])}{k[1:]}": v for k, v in tg.io.to_torch(net(3)).items()}  # "0", "2", "4"
    ours = net(9)
    assert tg.io.from_torch(ours, weights).how == "in order"
    same(ours, net(3), RNG.standard_normal((1, 2, 2, 2)).astype(np.float32))


def test_equal_words_go_together_though_the_order_differs():
    class Pair(nn.Module):
        def __init__(self):
            self.a, self.b, self.head = nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1), nn.Linear(2, 1, rng=2)

    a, b, c = (RNG.standard_normal((2, 2)) for _ in range(3))
    weights = {"b.weight": b, "b.bias": b[0], "a.weight": a, "a.bias": a[0], "fc.weight": c[:1], "fc.bias": c[0, :1]}
    net = Pair()
    tg.io.from_torch(net, weights)
    np.testing.assert_array_equal(net.a.weight.data, a.T.astype(np.float32))
    np.testing.assert_array_equal(net.b.weight.data, b.T.astype(np.float32))


def test_wrappers_checkpoints_and_names():
    weights = tg.io.to_torch(Named(3))
    checkpoint = {"model": {f"module.{k}": v for k, v in weights.items()}, "epoch": 3, "optimizer": {"lr": np.ones(1)}}
    net = Named(1)
    assert tg.io.from_torch(net, checkpoint).how == "by name"
    same(net, Named(3), RNG.standard_normal((1, 4, 4, 2)).astype(np.float32))
    net, other = Named(1), {k.replace("head", "fc"): v for k, v in weights.items()}
    tg.io.from_torch(net, other, names={"head": "fc"})
    same(net, Named(3), RNG.standard_normal((1, 4, 4, 2)).astype(np.float32))
    other["scores"] = other.pop("fc.bias")
    tg.io.from_torch(net, other, names={"head": "fc", "head.bias": "scores"})
    with pytest.raises(ValueError, match="names has 'haed', which the model has not. Did you mean head"):
        tg.io.from_torch(net, other, names={"haed": "fc"})


def test_strict_and_not():
    weights = tg.io.to_torch(Named(3))
    part = {k: v for k, v in weights.items() if not k.startswith("head")}
    net = Named(1)
    before = net.state_dict()
    with pytest.raises(ValueError, match=r"(?s)do not fit Named; nothing was loaded.*missing +head.weight +expects"):
        tg.io.from_torch(net, {**part, "fc.weight": np.ones((7, 4))})
    with pytest.raises(ValueError, match=r"(?s)shape +head.weight +expects \(3, 4\), got \(2, 4\)"):
        tg.io.from_torch(net, {**weights, "head.weight": np.ones((2, 4))}, strict=False)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    report = tg.io.from_torch(net, {**part, "extra": np.ones(2)}, strict=False)
    assert report.missing == ["head.weight", "head.bias"] and report.unexpected == ["extra"]
    assert "passed over: extra" in repr(report)
    np.testing.assert_array_equal(net.first.weight.data, Named(3).first.weight.data)


def test_dtypes():
    net = nn.Linear(2, 2, rng=0)
    tg.io.from_torch(net, {"weight": np.eye(2), "bias": np.zeros(2)})
    assert net.weight.dtype == np.float32
    with pytest.raises(ValueError, match="'bias' is complex128, which cannot become float32"):
        tg.io.from_torch(net, {"weight": np.eye(2), "bias": np.zeros(2, complex)})
    tg.io.from_torch(net.to(np.float64), {"weight": np.eye(2, dtype=np.float32), "bias": np.zeros(2)})
    assert net.weight.dtype == np.float64


def test_a_shared_layer_has_all_its_names():
    class Tied(nn.Module):
        def __init__(self, rng):
            self.a = nn.Linear(2, 2, rng=rng)
            self.b = self.a

    there = tg.io.to_torch(Tied(3))
    assert list(there) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    net = Tied(1)
    tg.io.from_torch(net, there)
    np.testing.assert_array_equal(net.a.weight.data, Tied(3).a.weight.data)
    with pytest.raises(ValueError, match="b.weight is a.weight too, but the weights have two different arrays"):
        tg.io.from_torch(net, {**there, "b.weight": np.zeros((2, 2))})


class Joint(nn.Module):
    """Declares all that a layout can say: a joint projection, gates in another order, two biases."""

    in_torch = {
        "q": Layout("in_proj", axes=(1, 0), part=(0, 2)),
        "k": Layout("in_proj", axes=(1, 0), part=(1, 2)),
        "gates": Layout("weight_ih_l0", axes=(1, 0), blocks=(1, 0, 2)),
        "bias": Layout("bias_ih_l0", blocks=(1, 0, 2), plus=("bias_hh_l0",)),
        "steps": Theirs(np.int64(0)),
    }

    def __init__(self, rng):
        rng = np.random.default_rng(rng)
        for name, shape in (("q", (3, 4)), ("k", (3, 4)), ("gates", (2, 6)), ("bias", (6,))):
            setattr(self, name, nn.Parameter(rng.standard_normal(shape).astype(np.float32)))


def test_layers_declare_what_they_need():
    model = nn.Sequential(Joint(1))
    there = tg.io.to_torch(model)
    shapes = {"in_proj": (8, 3), "weight_ih_l0": (6, 2), "bias_ih_l0": (6,), "bias_hh_l0": (6,), "steps": ()}
    assert {k: v.shape for k, v in there.items()} == {f"0.{k}": v for k, v in shapes.items()}
    np.testing.assert_array_equal(there["0.in_proj"][4:], model[0].k.data.T)
    np.testing.assert_array_equal(there["0.weight_ih_l0"][:2], model[0].gates.data.T[2:4])
    other = nn.Sequential(Joint(2))
    there["0.bias_hh_l0"] = np.ones(6, np.float32)
    assert "part 2 of 2" in repr(tg.io.from_torch(other, there))
    for name in ("q", "k", "gates"):
        np.testing.assert_array_equal(getattr(other[0], name).data, getattr(model[0], name).data)
    np.testing.assert_allclose(other[0].bias.data, model[0].bias.data + 1)
    named = {k.replace("0.", "rnn."): v for k, v in there.items()}
    tg.io.from_torch(nn.Sequential(Joint(3)), named, names={"0": "rnn"})


# -- files, and what load_state_dict notices ----------------------------------------------------------------------


def pth(path, arrays):
    """A file as torch.save writes it, without torch: the pickle by hand-made opcodes, a storage for each array."""
    from pickle import BININT1, BINPERSID, EMPTY_DICT, GLOBAL, MARK, PROTO, REDUCE, SETITEM, STOP, TUPLE

    out = io.BytesIO()
    out.write(PROTO + b"\x02" + EMPTY_DICT)

    def text(word):
        out.write(pickle.BINUNICODE + len(word.encode()).to_bytes(4, "little") + word.encode())

    def number(n):
        out.write(BININT1 + bytes([n]) if n < 256 else pickle.BININT + n.to_bytes(4, "little"))

    for key, (name, array) in enumerate(arrays.items()):
        text(name)
        out.write(GLOBAL + b"torch._utils\n_rebuild_tensor_v2\n" + MARK + MARK)
        text("storage")
        kind = {"f4": "FloatStorage", "i8": "LongStorage"}[array.dtype.str[1:]]
        out.write(GLOBAL + f"torch\n{kind}\n".encode())
        text(str(key))
        text("cpu")
        number(array.size)
        out.write(TUPLE + BINPERSID)
        number(0)
        for row in (array.shape, [s // array.itemsize for s in array.strides]):
            out.write(MARK)
            for n in row:
                number(n)
            out.write(TUPLE)
        out.write(pickle.NEWFALSE + GLOBAL + b"collections\nOrderedDict\n" + pickle.EMPTY_TUPLE + REDUCE)
        out.write(TUPLE + REDUCE + SETITEM)
    out.write(STOP)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", out.getvalue())
        archive.writestr("archive/byteorder", "little")
        for key, array in enumerate(arrays.values()):
            archive.writestr(f"archive/data/{key}", array.tobytes())
    return path


def test_files(tmp_path):
    a, x = lenet(3), RNG.standard_normal((2, *SHAPE)).astype(np.float32)
    there = tg.io.to_torch(a, input_shape=SHAPE)
    tg.save(tmp_path / "a.safetensors", there)
    for path in (pth(tmp_path / "a.pth", there), str(tmp_path / "a.safetensors")):
        b = lenet(7)
        tg.io.from_torch(b, path, input_shape=SHAPE)
        same(a, b, x)


def test_a_square_layer_of_pytorchs_is_noticed(tmp_path):
    there = tg.io.to_torch(nn.Linear(3, 3, rng=0))
    tg.save(tmp_path / "pt.safetensors", there, metadata={"format": "pt"})
    tg.save(tmp_path / "ours.safetensors", there)
    net = nn.Linear(3, 3, rng=1)
    before = net.state_dict()
    for path in (pth(tmp_path / "a.pth", there), tmp_path / "pt.safetensors"):
        values = tg.io.load_pth(path) if path.suffix == ".pth" else tg.load(path)
        for strict in (True, False):
            with pytest.raises(ValueError, match=r"read from a file of PyTorch's.*from_torch\(model, values\)"):
                net.load_state_dict(values, strict=strict)
        np.testing.assert_array_equal(net.weight.data, before["weight"])
        net.load_state_dict(dict(values))  # the user says that the axes are ours
        net.load_state_dict(before)
    net.load_state_dict(tg.load(tmp_path / "ours.safetensors"))


def test_square_filters_are_noticed():
    net = nn.Conv2d(3, 3, 3, rng=0)
    with pytest.raises(ValueError, match="another order of axes"):
        net.load_state_dict(TorchArrays(tg.io.to_torch(net)))
    norm = nn.LayerNorm(3)  # whose arrays stand alike in both
    norm.load_state_dict(TorchArrays(tg.io.to_torch(norm)))


def test_one_layer_betrays_the_others():
    net = nn.Sequential(nn.Linear(3, 3, rng=0), nn.Linear(3, 2, rng=1))
    with pytest.raises(ValueError, match=r"(?s)shape +1.weight.*'1.weight' has the shape that it has there.*from_"):
        net.load_state_dict(tg.io.to_torch(net))
    net = nn.Sequential(nn.Conv2d(3, 3, 3, rng=0), nn.BatchNorm2d(3))
    for strict in (True, False):
        with pytest.raises(ValueError, match=r"num_batches_tracked'.*from_torch"):
            net.load_state_dict(tg.io.to_torch(net), strict=strict)
    with pytest.raises(ValueError, match="Rename or convert"):  # nothing of PyTorch's in it
        net.load_state_dict({"0.weight": np.zeros((1, 2, 3, 4), np.float32)})


@pytest.mark.parametrize(("call", "words"), [
    (lambda: tg.io.from_torch(3, {}), "from_torch: model must be a Module, got"),
    (lambda: tg.io.to_torch(None), "to_torch: model must be a Module, got None"),
    (lambda: tg.io.from_torch(nn.ReLU(), [1]), "from_torch: weights must be a state_dict"),
    (lambda: tg.io.to_torch(lenet(), flatten={"4": 3}), "flatten names '4', which is not a Linear"),
    (lambda: tg.io.to_torch(lenet(), flatten={"5": 5}), r"flatten\['5'\]=5 must fit the 36 features"),
    (lambda: tg.io.to_torch(lenet(), flatten={"5": ()}), r"flatten\['5'\]=\(\) must be a whole number"),
    (lambda: tg.io.to_torch(lenet(), flatten={"5": (4, True)}), r"must be \(C, H, W\) before the flatten"),
    (lambda: tg.io.to_torch(lenet(), flatten={"5": (4, 3, 2)}), "must fit the 36 features that"),
    (lambda: tg.io.to_torch(lenet(), flatten=[5]), "flatten must be a dict"),
    (lambda: tg.io.to_torch(lenet(), input_shape="big"), r"input_shape='big' must be \(H, W, C\)"),
    (lambda: tg.io.from_torch(nn.Linear(1, 1, rng=0), {}, names=[1]), "names must be a dict of names"),
])  # fmt: skip
def test_messages(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


class HeadFirst(nn.Module):
    """Defines its dense layer before the convolution whose features it reads."""

    def __init__(self):
        self.fc, self.conv = nn.Linear(8, 3, rng=0), nn.Conv2d(1, 2, 1, rng=1)

    def forward(self, x):
        return self.fc(tg.flatten(self.conv(x), 1))


def test_the_order_of_definition_need_not_be_that_of_use():
    with pytest.raises(ValueError, match="'fc' reads features after convolutions"):
        tg.io.to_torch(HeadFirst())
    assert tg.io.to_torch(nn.Sequential(nn.Conv2d(1, 2, 1, rng=0), nn.GlobalAvgPool2d(), nn.Linear(2, 3, rng=1)))
