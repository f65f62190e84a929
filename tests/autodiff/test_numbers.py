"""Numbers that users pass are checked in one place, by one rule and in one form of words."""

import ast
import math
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import data, detection, nn, optim, plots
from tinygrad_cnn.autodiff.numbers import is_number, is_whole, number, whole, wholes
from tinygrad_cnn.data import transforms
from tinygrad_cnn.kernels import shapes

PACKAGE = Path(tg.__file__).parent

WHOLE = [3, np.int64(3), np.uint8(3), np.array(3), np.array(3, ">i4")]
FLOATING = [0.5, np.float32(0.5), np.float64(0.5), np.float16(0.5), np.array(0.5)]
NEITHER = [True, np.True_, np.array(True), "3", None, 3j, [3], np.array([3]), np.timedelta64(3, "s"), tg.Tensor(3)]


@pytest.mark.parametrize("value", WHOLE, ids=repr)
def test_a_whole_number_becomes_an_int(value):
    for check in (whole, shapes.whole):
        got = check("f", "n", value)
        assert got == 3 and type(got) is int
    assert type(number("f", "n", value)) is float and is_whole(value) and is_number(value)


@pytest.mark.parametrize("value", FLOATING, ids=repr)
def test_a_number_becomes_a_float(value):
    got = number("f", "n", value)
    assert got == 0.5 and type(got) is float
    assert is_number(value) and not is_whole(value)
    for check in (whole, shapes.whole):
        with pytest.raises(TypeError, match=r"^f: n=.* must be a whole number of at least 1\.$"):
            check("f", "n", value)


@pytest.mark.parametrize("value", NEITHER, ids=repr)
def test_what_is_not_a_number_is_a_type_error(value):
    assert not is_whole(value) and not is_number(value)
    for check in (whole, number, wholes, shapes.whole, shapes.pair):
        if check in (wholes, shapes.pair) and isinstance(value, list):
            continue
        with pytest.raises(TypeError, match="^f: n="):
            check("f", "n", value)


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (whole, 0, "n=0 must be a whole number of at least 1."),
        (whole, np.int64(0), "n=np.int64(0) must be a whole number of at least 1."),
        (partial(whole, low=0, high=9), 10, "n=10 must be a whole number from 0 to 9."),
        (partial(whole, low=None, high=9), 10, "n=10 must be a whole number of at most 9."),
        (partial(whole, remedy="Leave it out."), -1, "n=-1 must be a whole number of at least 1. Leave it out."),
        (number, math.nan, "n=nan must be a finite number."),
        (number, -math.inf, "n=-inf must be a finite number."),
        (partial(number, low=0), -0.5, "n=-0.5 must be a finite number of at least 0."),
        (partial(number, low=0.0, high=1.0), 2, "n=2 must be a number from 0 to 1."),
        (partial(number, low=0, below=1), 1, "n=1 must be a number of at least 0 and below 1."),
        (partial(number, above=0, high=1), 0.0, "n=0.0 must be a number above 0 and of at most 1."),
        (partial(number, above=0), 0, "n=0 must be a finite number above 0."),
        (partial(number, low=-1e-3), -1, "n=-1 must be a finite number of at least -0.001."),
        (wholes, (1, 0), "n=(1, 0) must be a tuple of whole numbers of at least 1."),
        (partial(wholes, count=2), (1, 2, 3), "n=(1, 2, 3) must be 2 whole numbers of at least 1."),
        (partial(wholes, form="(H, W)"), [0], "n=[0] must be (H, W), whole numbers of at least 1."),
        (partial(wholes, count=2, equal=True), 0, "n=0 must be a whole number of at least 1, or 2 of them."),
        (shapes.pair, 0, "n=0 must be a whole number of at least 1, or a pair of them."),
        (shapes.pair, (1, 2, 3), "n=(1, 2, 3) must be a whole number of at least 1, or a pair of them."),
        (partial(shapes.whole, most=9), 10, "n=10 must be a whole number from 1 to 9."),
    ],
)
def test_what_is_out_of_range_is_a_value_error(check, value, words):
    with pytest.raises(ValueError, match=f"^{re.escape('f: ' + words)}$"):
        check("f", "n", value)


def test_an_int_beyond_the_floats_is_out_of_range():
    with pytest.raises(ValueError, match=r"^f: n=<int> must be a finite number\.$"):
        number("f", "n", 10**400)
    assert whole("f", "n", 10**400) == 10**400


def test_messages_stay_short_and_say_how_to_read_a_tensor():
    with pytest.raises(TypeError, match=r"n=<ndarray \(9, 9\) float64> must be"):
        whole("f", "n", np.zeros((9, 9)))
    with pytest.raises(TypeError, match=r"n=<Tensor \(\) float32> must be .* such as n.item\(\)\.$"):
        number("f", "n", tg.Tensor(0.5))
    with pytest.raises(TypeError, match=r"n=<str> must be"):
        whole("f", "n", "3" * 101)


def test_several_whole_numbers():
    for given in ((2, 3), [2, np.int64(3)], (np.array(2), 3)):
        got = wholes("f", "n", given)
        assert got == (2, 3) and all(type(n) is int for n in got)
    assert wholes("f", "n", ()) == () and wholes("f", "n", 5, count=2, equal=True) == (5, 5)


# -- the public functions -------------------------------------------------------------------------------------

X = np.ones((2, 5, 5, 4), np.float32)
SET = data.ArrayDataset(np.ones((6, 4, 4, 1), np.float32), np.arange(6) % 2)
P = tg.Tensor(np.ones(2), requires_grad=True)
SIZES = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]])


def sgd():
    return optim.SGD([P], lr=0.1)


def model():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 2, rng=0))


def train(**settings):
    return tg.fit(model(), SET, progress=False, **{"epochs": 1, "batch_size": 3, **settings})


def threads(n):
    before = tg.get_num_threads()
    try:
        tg.set_num_threads(n)
    finally:
        tg.set_num_threads(before)


# name: (call, argument as messages name it, a value that is taken, a value that is too small or too large)
CALLS = {
    "Linear": (lambda n: nn.Linear(n, 2), "in_features", 3, 0),
    "Linear out": (lambda n: nn.Linear(2, n), "out_features", 3, 0),
    "Conv2d": (lambda n: nn.Conv2d(4, 4, n), "window", 3, 0),
    "Conv2d channels": (lambda n: nn.Conv2d(n, 4, 3), "in_channels", 4, 0),
    "Conv2d groups": (lambda n: nn.Conv2d(4, 4, 3, groups=n), "groups", 2, 0),
    "Conv2d stride": (lambda n: nn.Conv2d(4, 4, 3, stride=n), "stride", 2, 0),
    "Conv2d padding": (lambda n: nn.Conv2d(4, 4, 3, padding=n), "padding", 1, -1),
    "ConvTranspose2d": (lambda n: nn.ConvTranspose2d(4, 4, 3, stride=2, output_padding=n), "output_padding", 1, -1),
    "DepthwiseConv2d": (lambda n: nn.DepthwiseConv2d(4, 3, multiplier=n), "multiplier", 2, 0),
    "Conv1d": (lambda n: nn.Conv1d(4, 4, n), "window", 3, 0),
    "MaxPool2d": (lambda n: nn.MaxPool2d(n), "window", 2, 0),
    "AvgPool2d": (lambda n: nn.AvgPool2d(2, stride=n), "stride", 2, 0),
    "AdaptiveAvgPool2d": (lambda n: nn.AdaptiveAvgPool2d(n), "size", 2, 0),
    "Upsample": (lambda n: nn.Upsample(n), "scale", 2, 0),
    "GroupNorm": (lambda n: nn.GroupNorm(n, 4), "groups", 2, 0),
    "BatchNorm2d": (lambda n: nn.BatchNorm2d(n), "channels", 2, 0),
    "init.zeros": (lambda n: nn.init.zeros((2, n)), "shape", 2, -1),
    "rng": (lambda n: nn.Linear(2, 2, rng=n), "rng", 2, -1),
    "conv2d": (lambda n: tg.conv2d(X, np.ones((3, 3, 4, 2), np.float32), stride=n), "stride", 2, 0),
    "conv2d groups": (lambda n: tg.conv2d(X, np.ones((3, 3, 2, 2), np.float32), groups=n), "groups", 2, 0),
    "conv_transpose2d": (
        lambda n: tg.conv_transpose2d(X, np.ones((3, 3, 2, 4), np.float32), groups=n), "groups", 2, 0),
    "max_pool2d": (lambda n: tg.max_pool2d(X, n), "window", 2, 0),
    "resize": (lambda n: tg.resize(X, n), "size", 2, 0),
    "group_norm": (lambda n: tg.group_norm(X, n), "groups", 2, 0),
    "flatten": (lambda n: tg.flatten(X, start=n), "start", 2, 9),
    "split": (lambda n: tg.split(X, n, axis=3), "sections", 2, 0),
    "pad": (lambda n: tg.pad(X, n), "width", 2, -1),
    "sum": (lambda n: tg.sum(X, axis=n), "axis", 2, 4),
    "set_num_threads": (threads, "n", 1, 257),
    "LBFGS": (lambda n: optim.LBFGS([P], max_iter=n), "max_iter", 3, 0),
    "StepLR": (lambda n: optim.StepLR(sgd(), n), "step_size", 3, 0),
    "CosineLR": (lambda n: optim.CosineLR(sgd(), n), "steps", 3, 0),
    "WarmupLR": (lambda n: optim.WarmupLR(sgd(), n), "steps", 3, 0),
    "OneCycleLR": (lambda n: optim.OneCycleLR(sgd(), 1.0, n), "total_steps", 3, 1),
    "ReduceLROnPlateau": (lambda n: optim.ReduceLROnPlateau(sgd(), patience=n), "patience", 3, -1),
    "DataLoader": (lambda n: data.DataLoader(SET, n), "batch_size", 3, 0),
    "DataLoader prefetch": (lambda n: data.DataLoader(SET, prefetch=n), "prefetch", 1, -1),
    "DataLoader seed": (lambda n: data.DataLoader(SET, seed=n), "seed", 1, -1),
    "random_split": (lambda n: data.random_split(SET, [3, 3], seed=n), "seed", 1, -1),
    "digits": (lambda n: data.digits(seed=n), "seed", 1, -1),
    "WeightedSampler": (lambda n: data.WeightedSampler([1, 1], n), "count", 3, 0),
    "BalancedSampler": (lambda n: data.BalancedSampler([1, 1], n), "count", 3, 0),
    "RandomCrop": (lambda n: transforms.RandomCrop(n), "size", 3, 0),
    "RandomCrop padding": (lambda n: transforms.RandomCrop(3, (1, n)), "padding", 3, -1),
    "Mixup": (lambda n: transforms.Mixup(0.2, n), "classes", 3, 0),
    "fit": (lambda n: train(epochs=n), "epochs", 1, 0),
    "fit batch_size": (lambda n: train(batch_size=n), "batch_size", 3, 0),
    "fit accumulate": (lambda n: train(accumulate=n), "accumulate", 2, 0),
    "EarlyStop": (lambda n: tg.train.EarlyStop(n), "patience", 2, 0),
    "Checkpoint": (lambda n: tg.train.Checkpoint(tg.Run(Path("run"), {}), every=n), "every", 2, 0),
    "predict": (lambda n: tg.predict(model(), SET.images, batch_size=n), "batch_size", 3, 0),
    "evaluate": (lambda n: tg.evaluate(model(), SET, batch_size=n), "batch_size", 3, 0),
    "build": (lambda n: tg.models.build("lenet", (8, 8, 1), n), "classes", 3, 0),
    "resnet": (lambda n: tg.models.resnet(n, (8, 8, 1), 3), "depth", 8, 2),
    "unet": (lambda n: tg.models.unet((8, 8, 1), 3, width=2, depth=n), "depth", 2, 0),
    "kmeans_anchors": (lambda n: detection.kmeans_anchors(SIZES, n, rng=0), "count", 2, 0),
    "anchor_boxes": (lambda n: detection.anchor_boxes(SIZES, (2, n)), "grid", 2, 0),
    "average_precision": (lambda n: detection.average_precision([1.0], [1], n), "positives", 2, 0),
    "summary": (lambda n: tg.summary(model(), (4, n, 1)), "input", 4, 0),
    "doctor": (lambda n: tg.doctor(model(), (4, 4, 1), 2, steps=n), "steps", 1, 0),
    "doctor classes": (lambda n: tg.doctor(model(), (4, 4, 1), n, steps=1), "classes", 2, 1),
    "explain": (lambda n: tg.explain((P * 2.0).sum(), wrt=P, limit=n), "limit", 3, 0),
    "draw": (lambda n: tg.draw((P * 2.0).sum(), depth=n), "depth", 1, 0),
    "saliency": (lambda n: plots.saliency(model(), SET.images[0], n), "label", 1, 2),
    "saliency smooth": (lambda n: plots.saliency(model(), SET.images[0], smooth=n), "smooth", 1, -1),
    "lr_finder": (lambda n: plots.lr_finder(model(), SET, steps=n), "steps", 5, 4),
    "loss_surface": (
        lambda n: plots.loss_surface(model(), (SET.images, SET.labels), steps=n, directions=1), "steps", 3, 1),
    "loss_surface directions": (
        lambda n: plots.loss_surface(model(), (SET.images, SET.labels), steps=3, directions=n), "directions", 1, 3),
    "Watch": (lambda n: plots.Watch(bins=n), "bins", 3, 1),
    "filters": (lambda n: plots.filters(nn.Conv2d(1, 4, 3), most=n), "most", 2, 0),
    "receptive_field": (
        lambda n: plots.receptive_field(nn.Sequential(nn.Conv2d(1, 2, 3)), (6, n, 1)), "input_shape", 6, 0),
    "gradcheck": (lambda n: tg.testing.gradcheck(tg.exp, np.ones(2), order=n), "order", 1, 0),
    "check_op": (lambda n: tg.testing.check_op(tg.tanh, orders=(n,)), "orders", 1, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_whole_numbers_of_numpy_are_taken_and_nothing_else_is(name):
    call, argument, good, bad = CALLS[name]
    call(good)
    call(np.int64(good))
    words = () if name == "Conv2d padding" else (str(good),)  # which may be "same"
    for value in (True, np.True_, good + 0.5, tg.Tensor(good), *words):
        with pytest.raises(TypeError, match=rf"\b{argument}\b.*must be"):
            call(value)
    with pytest.raises(ValueError, match=rf"\b{argument}\b"):
        call(bad)


def test_settings_are_checked_also_where_the_same_window_is_known():
    w = np.ones((3, 3, 4, 4), np.float32)
    for name in ("stride", "dilation", "padding", "groups"):
        tg.conv2d(X, w, **{name: 1})
        for value in (True, 1.0, tg.Tensor(1)):
            with pytest.raises(TypeError, match=f"conv2d: {name}=.* must be"):
                tg.conv2d(X, w, **{name: value})
    tg.max_pool2d(X, 2, stride=1)
    with pytest.raises(TypeError, match="max_pool2d: stride=True must be"):
        tg.max_pool2d(X, 2, stride=True)


def test_layers_keep_whole_numbers_of_numpy_as_ints():
    layer = nn.Conv2d(np.int64(4), np.int64(4), np.int64(3), stride=np.int64(2), padding=[np.int64(1), 1])
    assert repr(layer) == repr(nn.Conv2d(4, 4, 3, stride=2, padding=(1, 1)))
    assert repr(nn.MaxPool2d(np.int64(2), stride=np.int64(1))) == repr(nn.MaxPool2d(2, stride=1))
    history = train(epochs=np.int64(2))
    assert len(history) == 2


# name: (call, argument, a value that is taken, values that are out of range)
NUMBERS = {
    "Dropout": (lambda v: nn.Dropout(v), "rate", 0.5, (1, -0.1, math.nan)),
    "dropout": (lambda v: tg.dropout(X, v), "rate", 0.5, (1, -0.1, math.nan)),
    "LeakyReLU": (lambda v: nn.LeakyReLU(v), "slope", 0.5, (math.inf,)),
    "HuberLoss": (lambda v: nn.HuberLoss(delta=v), "delta", 0.5, (0, math.inf)),
    "huber_loss": (lambda v: tg.huber_loss(X, X, delta=v), "delta", 0.5, (0, math.nan)),
    "cross entropy": (
        lambda v: tg.softmax_cross_entropy(X[0, 0], np.arange(5) % 4, label_smoothing=v), "label_smoothing", 0.5,
        (-1, 2, math.nan)),
    "init.constant": (lambda v: nn.init.constant(2, v), "value", 0.5, (math.nan,)),
    "SGD": (lambda v: optim.SGD([P], lr=v), "lr", 0.5, (-1, math.inf)),
    "Adam": (lambda v: optim.Adam([P], betas=(0.9, v)), "betas", 0.5, (1, math.nan)),
    "ExponentialLR": (lambda v: optim.ExponentialLR(sgd(), v), "gamma", 0.5, (-1, math.nan)),
    "EMA": (lambda v: optim.EMA(model(), v), "decay", 0.5, (1, -1)),
    "RandomFlip": (lambda v: transforms.RandomFlip(p=v), "p", 0.5, (2, math.nan)),
    "random_split": (lambda v: data.random_split(SET, [0.5, v]), "sizes", 0.5, (-1, math.inf)),
    "digits": (lambda v: data.digits(test_size=v), "test_size", 0.5, (0, 1)),
    "nms": (lambda v: detection.nms([], [], v), "threshold", 0.5, (-1, 2)),
    "anchor_boxes": (lambda v: detection.anchor_boxes(SIZES, (2, 2), v), "stride", 0.5, (0, math.inf)),
    "lr_finder": (lambda v: plots.lr_finder(model(), SET, low=v, steps=5), "low", 0.5, (0, math.nan)),
    "gradcheck": (lambda v: tg.testing.gradcheck(tg.exp, np.ones(2), rtol=v), "rtol", 0.5, (0, math.nan)),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_numpy_are_taken_and_nothing_else_is(name):
    call, argument, good, wrong = NUMBERS[name]
    for value in (good, np.float32(good), np.float64(good)):
        call(value)
    for value in (True, np.True_, str(good), tg.Tensor(good)):
        with pytest.raises(TypeError, match=rf"\b{argument}\b.*must be"):
            call(value)
    for value in wrong:
        with pytest.raises(ValueError, match=rf"\b{argument}\b"):
            call(value)


# -- one home -------------------------------------------------------------------------------------------------

ALLOWED = {
    "io/checked.py": "data in a file: a header that Python or JSON has read holds plain ints or is damaged",
    "io/quantised.py": "data in a file: JSON, where true is not a number and NumPy's numbers cannot occur",
    "insight/latex.py": "the text of a formula: which kind of constant Python's parser found in it",
}


def classes_of(call):
    """The names of the classes that a call of isinstance asks for."""
    if not (isinstance(call, ast.Call) and getattr(call.func, "id", "") == "isinstance" and len(call.args) == 2):
        return set()
    return {getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(call.args[1])}


def checks_by_hand(tree):
    """Lines of functions that tell whole numbers from booleans themselves, or ask for a class of NumPy's."""
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            asked = [classes_of(node) for node in ast.walk(function)]
            boolean = any(names & {"bool", "bool_"} and not names & {"int", "integer"} for names in asked)
            integer = any(names & {"int", "integer"} and not names & {"bool", "bool_"} for names in asked)
            if (boolean and integer) or any("integer" in names for names in asked):
                yield function.lineno


def test_no_module_checks_whole_numbers_by_hand():
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        lines = list(checks_by_hand(ast.parse(path.read_text(encoding="utf-8"))))
        if lines and name != "autodiff/numbers.py" and not name.startswith("kernels/"):
            found[name] = lines
    unexpected = {name: lines for name, lines in found.items() if name not in ALLOWED}
    assert not unexpected, f"use whole, number or wholes of autodiff/numbers.py: {unexpected}"
    assert ALLOWED.keys() <= found.keys(), "take out of ALLOWED what is gone"


@pytest.mark.parametrize(
    "text",
    [
        "isinstance(v, bool) or not isinstance(v, int) or v < 1",
        "isinstance(v, (bool, np.bool_)) or not isinstance(v, (int, np.integer))",
        "isinstance(v, (int, float)) and not isinstance(v, bool)",
        "isinstance(v, (int, np.integer))",
    ],
)
def test_the_checker_sees_checks_by_hand(text):
    assert list(checks_by_hand(ast.parse(f"def f(v):\n    return {text}")))


def test_the_checker_lets_other_questions_pass():
    assert not list(checks_by_hand(ast.parse("def f(v):\n    return isinstance(v, (bool, int, float, str))")))
    assert not list(checks_by_hand(ast.parse("def f(v):\n    return isinstance(v, bool)")))
