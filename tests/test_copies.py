"""Everything public can be copied and pickled: an instance of each exported class, and each op.

A new public class takes part by an entry in MAKERS, a layer by its samples.  Optimisers and schedules have tests of
their own in tests/optim.
"""

import copy
import inspect
import pickle
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import data, detection, distributed, graphs, insight, io, models, nn, optim, plots, testing, train
from tinygrad_cnn.autodiff.pickling import registered

X = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype(np.float32)
PACKAGES = [
    tg, data, data.transforms, detection, distributed, graphs, insight, io, models, nn, tg.onnx, plots, testing,
    tg.linalg, train,
]  # fmt: skip


def pickled(value):
    return pickle.loads(pickle.dumps(value))


WAYS = [pytest.param(pickled, id="pickle"), pytest.param(copy.deepcopy, id="deepcopy")]


def public_classes():
    """name -> class of everything that a package exports as its own."""
    found = {}
    for package in PACKAGES:
        names = getattr(package, "__all__", None) or [name for name in vars(package) if not name.startswith("_")]
        for name in names:
            value = getattr(package, name)
            if inspect.isclass(value) and value.__module__.startswith("tinygrad_cnn."):
                found[f"{package.__name__.removeprefix('tinygrad_cnn').strip('.') or 'tg'}.{name}"] = value
    return found


def net():
    return nn.Sequential(nn.Conv2d(4, 3, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 6 * 6, 2, rng=1))


def samples():
    return data.ArrayDataset(X, np.array([0, 1]), classes=["cat", "dog"])


def folder_of_images(folder):
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        from PIL import Image

        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / name / "1.png")
    return data.ImageFolder(folder)


def raised(kind, call):
    with pytest.raises(kind) as caught:
        call()
    return caught.value


def backward_twice():
    x = tg.Tensor(2.0, requires_grad=True)
    y = x * x
    y.backward()
    y.backward()


def divide_by_zero():
    with tg.anomaly(), np.errstate(all="ignore"):
        tg.log(tg.Tensor([-1.0], requires_grad=True))


def wrong_gradient():
    testing.gradcheck(lambda x: x * x.detach(), np.array([1.0, 2.0]))


def explained():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    return tg.explain((x * x).sum(), wrt=x)


def profiled():
    with tg.profile() as profile:
        net()(X)
    return profile


def average_precision():
    boxes = np.array([[0.0, 0, 2, 2]])
    found = detection.Detections(boxes, np.array([0.9]), np.array([0]))
    return detection.mean_average_precision([found], [detection.Truths(boxes, np.array([0]))])


def stood():
    found = []
    tg.fit(net(), samples(), epochs=1, batch_size=1, progress=False, callbacks=[found.append])
    return found[0]


def compiled_wrongly():
    fast = tg.compile(lambda x: tg.Tensor(x).sum().item())
    for _ in range(2):
        fast(np.ones(3))
def exported(folder):
    tg.onnx.export(net().eval(), folder / "net.onnx", X, verify=False)
    return tg.onnx.load(folder / "net.onnx")


def not_exported():
    tg.onnx.export(tg.linalg.inv, "inverse.onnx", np.eye(2), dynamic=False)


def training_step():
    model = net()
    return tg.onnx.TrainingStep(model, tg.softmax_cross_entropy, tg.optim.SGD(model.parameters(), lr=0.1))


# class -> a function of an empty folder that makes an instance
MAKERS = {
    "tg.AnomalyError": lambda _: raised(tg.AnomalyError, divide_by_zero),
    "tg.CompileError": lambda _: raised(tg.CompileError, compiled_wrongly),
    "tg.Explanation": lambda _: explained(),
    "tg.GraphError": lambda _: raised(tg.GraphError, backward_twice),
    "tg.History": lambda _: tg.fit(net(), samples(), epochs=1, batch_size=2, seed=0),
    "tg.Op": lambda _: tg.relu,
    "tg.Profile": lambda _: profiled(),
    "tg.Run": lambda folder: tg.Run.create(folder / "run", {"note": "new"}),
    "tg.Sample": lambda _: tg.Sample(x=(2, 3)),
    "tg.Summary": lambda _: tg.summary(net(), (8, 8, 4)),
    "tg.set_default_dtype": lambda _: tg.set_default_dtype(np.float32),
    "tg.set_float32_precision": lambda _: tg.set_float32_precision("highest"),
    "onnx.ExportError": lambda _: raised(tg.onnx.ExportError, not_exported),
    "onnx.OnnxModule": exported,
    "onnx.TrainingStep": lambda _: training_step(),
    "tg.Tensor": lambda _: tg.Tensor([1.0, 2.0], requires_grad=True, name="w"),
    "data.ArrayDataset": lambda _: samples(),
    "data.Batches": lambda _: data.Batches([(X, np.array([0, 1]))]),
    "data.BalancedSampler": lambda _: data.BalancedSampler([0, 1, 1]),
    "data.DataLoader": lambda _: data.DataLoader(samples(), batch_size=1, shuffle=True, seed=3),
    "data.Dataset": lambda _: data.Dataset(),
    "data.DownloadError": lambda _: data.DownloadError("no network"),
    "data.ImageFolder": folder_of_images,
    "data.Sampler": lambda _: data.Sampler(),
    "data.Subset": lambda _: data.Subset(samples(), [1]),
    "data.WeightedSampler": lambda _: data.WeightedSampler([1.0, 2.0], count=3),
    "train.AverageWeights": lambda _: tg.train.AverageWeights(optim.EMA(net())),
    "train.Callback": lambda _: tg.train.Callback(),
    "train.Checkpoint": lambda folder: tg.train.Checkpoint(tg.Run.create(folder / "run"), every=2),
    "train.EarlyStop": lambda _: tg.train.EarlyStop(3, monitor="val_accuracy"),
    "train.Progress": lambda _: tg.train.Progress(),
    "train.Training": lambda _: stood(),
    "data.transforms.CenterCrop": lambda _: data.transforms.CenterCrop(4),
    "data.transforms.ColorJitter": lambda _: data.transforms.ColorJitter(0.1),
    "data.transforms.Compose": lambda _: data.transforms.Compose([data.transforms.RandomFlip()]),
    "data.transforms.Cutout": lambda _: data.transforms.Cutout(2),
    "data.transforms.Joint": lambda _: data.transforms.Joint([data.transforms.RandomFlip()], {"a": "mask"}, fill=1),
    "data.transforms.Move": lambda _: data.transforms.Move(np.negative, np.copy),
    "data.transforms.Resize": lambda _: data.transforms.Resize((4, 6)),
    "data.transforms.Mixup": lambda _: data.transforms.Mixup(0.2, 2),
    "data.transforms.Normalize": lambda _: data.transforms.Normalize([0.5], [0.2]),
    "data.transforms.RandomCrop": lambda _: data.transforms.RandomCrop(4),
    "data.transforms.RandomFlip": lambda _: data.transforms.RandomFlip(),
    "data.transforms.RandomRotate": lambda _: data.transforms.RandomRotate(10),
    "detection.Assignment": lambda _: detection.assign_anchors(
        [[0.0, 0, 2, 2]], [[2, 2], [1, 1]], grid=(3, 3)
    ),
    "detection.Detections": lambda _: detection.Detections(np.zeros((1, 4)), np.ones(1), np.zeros(1, int)),
    "detection.MeanAveragePrecision": lambda _: average_precision(),
    "detection.PrecisionRecall": lambda _: average_precision().classes[0],
    "detection.Truths": lambda _: detection.Truths(np.zeros((1, 4)), np.zeros(1, int)),
    "ops.linalg.EighResult": lambda _: tg.linalg.eigh(np.eye(2)),
    "ops.linalg.LstsqResult": lambda _: tg.linalg.lstsq(np.eye(2), np.ones(2)),
    "ops.linalg.QRResult": lambda _: tg.linalg.qr(np.eye(2)),
    "ops.linalg.SVDResult": lambda _: tg.linalg.svd(np.eye(2)),
    "ops.linalg.SlogdetResult": lambda _: tg.linalg.slogdet(np.eye(2)),
    "graphs.Drawing": lambda _: tg.draw(net()(X)),
    "graphs.RenderError": lambda _: graphs.RenderError("no Graphviz"),
    "insight.Finding": lambda _: insight.check_forward(net(), X),
    "insight.Report": lambda _: tg.doctor(net(), (8, 8, 4), 2, steps=3),
    "insight.SanityError": lambda _: insight.SanityError("forward", "is wrong.", "Fix it."),
    "insight.SummaryError": lambda _: insight.SummaryError("no"),
    "io.FileFormatError": lambda _: io.FileFormatError("no"),
    "models.BasicBlock": lambda _: models.BasicBlock(4, 4, 1, rng=0),
    "models.HED": lambda _: models.HED(),
    "models.InvertedResidual": lambda _: models.InvertedResidual(4, 4, 3, 1, 2, rng=0),
    "models.TinyFaceDetector": lambda _: models.TinyFaceDetector(),
    "models.UNet": lambda _: models.unet((8, 8, 1), 2, rng=0),
    "models.VGG16Features": lambda _: models.VGG16Features(),
    "nn.Module": lambda _: nn.Module(),
    "nn.ModuleDict": lambda _: nn.ModuleDict({"a": nn.ReLU()}),
    "nn.ModuleList": lambda _: nn.ModuleList([nn.ReLU()]),
    "nn.ParameterDict": lambda _: nn.ParameterDict({"a": np.ones(2, np.float32)}),
    "nn.ParameterList": lambda _: nn.ParameterList([np.ones(2, np.float32)]),
    "nn.Parameter": lambda _: nn.Parameter([1.0, 2.0], name="w"),
    "nn.Sequential": lambda _: net(),
    "plots.FeatureMaps": lambda _: plots.feature_maps_of(net(), X[:1])[0],
    "plots.LRFinder": lambda _: plots.LRFinder(X[0, 0], X[0, 1], X[0, 2], 0.1),
    "plots.LossSurface": lambda _: plots.loss_surface(net(), (X, np.array([0, 1])), steps=3),
    "plots.Mistake": lambda _: plots.mistakes_of(np.array([[0.0, 9.0], [0.0, 1.0]]), (X, np.array([0, 1])))[0],
    "plots.ReceptiveField": lambda _: plots.receptive_field_of(net(), (8, 8, 4)),
    "plots.Watch": lambda _: plots.Watch(),
    "testing.ContractError": lambda _: testing.ContractError("no"),
    "testing.GradReport": lambda _: testing.gradcheck(tg.sin, np.array([1.0])),
    "testing.GradientSnapshot": lambda folder: testing.GradientSnapshot(
        folder / "test_it.py", "test_it", update=True, pictures=Path.cwd
    ),
    "testing.SnapshotError": lambda _: testing.SnapshotError("no"),
    "testing.GradcheckError": lambda _: raised(testing.GradcheckError, wrong_gradient),
    "testing.ContractReport": lambda _: testing.check_op(tg.sin),
    "testing.LayerSample": lambda _: testing.LayerSample((3, 2), {"bias": False}, x=(4, 3)),
    "train.RunError": lambda _: train.RunError("no"),
}  # fmt: skip
CLASSES = public_classes()


def make(name, folder):
    kind = CLASSES[name]
    if name in MAKERS:
        return MAKERS[name](folder)
    for other in MAKERS:
        if CLASSES.get(other) is kind:
            return MAKERS[other](folder)
    if issubclass(kind, nn.Module) and getattr(kind, "samples", None):  # as its contract makes it
        return kind.samples[0].make(kind)
    if issubclass(kind, nn.Module) and takes_nothing(kind):
        return kind()
    return pytest.fail(
        f"{name} is public, so it must survive copy and pickle. Add to MAKERS in tests/{Path(__file__).name}: "
        f'"{name}": lambda folder: <an instance, not an empty one>'
    )


def takes_nothing(kind):
    """Whether a class can be called without arguments."""
    try:
        inspect.signature(kind).bind()
    except TypeError:
        return False
    return True


def described(value):
    """What a copy must have in common with the original, as far as one can look without knowing what it is."""
    if isinstance(value, BaseException):
        return type(value), str(value)
    if isinstance(value, nn.Module):
        return repr(value), {name: array.tolist() for name, array in value.state_dict().items()}
    if isinstance(value, tg.Tensor):
        return repr(value), None if value.grad is None else value.grad.tolist(), value.version
    state = value._asdict() if hasattr(value, "_asdict") else getattr(value, "__dict__", {})
    return type(value), {name: settled(v) for name, v in state.items()}


LARGE = {"models.HED", "models.UNet", "models.VGG16Features"}  # of millions of weights
SLOW = pytest.mark.level("thorough")


def settled(v):
    return (v.dtype, v.tolist()) if isinstance(v, np.ndarray) else repr(v) if " at 0x" not in repr(v) else type(v)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [pytest.param(n, marks=SLOW) if n in LARGE else n for n in CLASSES])
def test_an_instance_of_each_public_class_survives(name, way, tmp_path):
    value = make(name, tmp_path)
    assert isinstance(value, CLASSES[name]), f"MAKERS[{name!r}] made a {type(value).__name__}"
    assert described(way(value)) == described(value)


@pytest.mark.parametrize("base", [object, nn.Module])
def test_a_class_without_an_entry_is_noticed(base, monkeypatch, tmp_path):
    monkeypatch.setitem(CLASSES, "nn.New", type("New", (base,), {"__init__": lambda self, size: None}))
    with pytest.raises(pytest.fail.Exception, match=r'Add to MAKERS in tests/test_copies.py: "nn.New": lambda folder'):
        make("nn.New", tmp_path)


def test_the_table_has_nothing_that_is_gone():
    assert not MAKERS.keys() - CLASSES.keys()


@pytest.mark.parametrize("name", tg.registry)
def test_an_op_is_pickled_by_name(name):
    op = tg.registry[name]
    assert pickled(op) is op and copy.deepcopy(op) is op and copy.copy(op) is op
    assert len(pickle.dumps(op)) < 200


def test_an_op_that_is_not_registered_is_refused_in_words(register):
    op = register(lambda x: x + 1, name="passing")
    del tg.registry["passing"]
    with pytest.raises(pickle.PicklingError, match=r"op 'passing' cannot be pickled: .* Register it with @tg.op"):
        pickle.dumps(op)
    with pytest.raises(KeyError, match="no op is named 'passing'"):
        registered("passing", "math")
