"""What users do in a day, one story a test: data of their own, loops, saved files, seeds, and the usual mistakes."""

import copy
import csv
import io
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim, train

RNG = np.random.default_rng(0)
X = RNG.standard_normal((48, 6)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)  # 0, 1 or 2
Y = (X[:, :1] - 2 * X[:, 1:2] + 0.5).astype(np.float32)


class Rows(data.Dataset):
    """A data set as users of PyTorch write it."""

    def __len__(self):
        return len(X)

    def __getitem__(self, k):
        return X[k], LABELS[k]


def net(outputs=3):
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, outputs))


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def quiet(model, examples, **options):
    return tg.fit(model, examples, progress=False, **options)


def focal(outputs, labels):
    """A loss of a user's own."""
    chosen = tg.softmax(outputs)[np.arange(len(labels)), labels]
    return -((1 - chosen) ** 2 * tg.log(chosen)).mean()


def loop(model, optimizer, loader, epochs):
    losses = []
    for _ in range(epochs):
        for x, labels in loader:
            loss = focal(model(x), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def started(seed=3):
    tg.manual_seed(seed)
    model = net()
    return model, optim.Adam(model.parameters(), lr=0.02), data.DataLoader(Rows(), batch_size=16, shuffle=True, seed=1)


def test_a_loop_of_ones_own_learns_and_goes_on_from_a_file_to_the_same_bits(tmp_path):
    whole = started()
    losses = loop(*whole, epochs=6)
    assert losses[-1] < losses[0] / 2

    model, optimizer, loader = started()
    loop(model, optimizer, loader, epochs=2)
    place = tmp_path / "half.safetensors"
    tg.save(place, {"model": model, "optimizer": optimizer, "loader": loader, "losses": losses[:6]})

    model, optimizer, loader = started(seed=99)
    saved = tg.load(place)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    loader.load_state_dict(saved["loader"])
    assert saved["losses"] == losses[:6] and loop(model, optimizer, loader, epochs=4) == losses[6:]
    assert same(model.state_dict(), whole[0].state_dict())


def test_copies_and_pickles_are_models_of_their_own():
    model = started()[0]
    before = model.state_dict()
    twins = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for twin in twins:
        assert same(twin.state_dict(), before) and np.array_equal(tg.predict(twin, X), tg.predict(model, X))
    quiet(model, (X, LABELS), epochs=1)
    assert not same(model.state_dict(), before) and all(same(twin.state_dict(), before) for twin in twins)


def test_a_seed_repeats_a_training_and_freezing_keeps_a_part():
    def trained():
        tg.manual_seed(5)
        model = nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.5), nn.ReLU(), nn.Linear(16, 3))
        quiet(model, (X, LABELS), epochs=2, batch_size=16)
        return model

    model = trained()
    first = model.state_dict()
    assert same(first, trained().state_dict())
    model[0].freeze()
    model[-1] = nn.Linear(16, 1)  # a new head, for numbers in place of classes
    quiet(model, (X, Y), epochs=2, loss="mse", optimizer=optim.Adam([
        {"params": model[0].parameters()}, {"params": model[-1].parameters(), "lr": 0.01}], lr=0.001))  # fmt: skip
    assert np.array_equal(model[0].weight.data, first["0.weight"]) and model[-1].weight.shape == (16, 1)
    model.unfreeze()
    quiet(model, (X, Y), epochs=1, loss="mse")
    assert not np.array_equal(model[0].weight.data, first["0.weight"])


def test_a_regression_by_names_with_callbacks_and_what_it_exports():
    tg.manual_seed(0)
    model, seen = net(1), []
    stop = train.EarlyStop(20, monitor="val_mae")
    history = quiet(model, (X[:36], Y[:36]), validation=(X[36:], Y[36:]), loss="mse", metrics=["mae"], lr=0.02,
                    optimizer="adamw", schedule="cosine", epochs=25, batch_size=6,
                    callbacks=[stop, lambda training: seen.append(training.row["mae"])])  # fmt: skip
    assert history["val_mae"][-1] < history["val_mae"][0] / 3 and seen == history["mae"]
    rows = list(csv.DictReader(io.StringIO(history.as_csv())))
    assert [float(row["val_mae"]) for row in rows] == history["val_mae"]
    assert json.loads(json.dumps(history.to_json()))["rows"] == history.rows
    found = tg.evaluate(model, (X[36:], Y[36:]), metrics="mae")
    assert found == {"mae": min(history["val_mae"])}  # the best weights
    assert found["mae"] == pytest.approx(np.abs(tg.predict(model, X[36:]) - Y[36:]).mean())


def test_masks_have_a_class_for_each_pixel():
    images = RNG.random((12, 8, 8, 1)).astype(np.float32)
    masks = (images[..., 0] > 0.5).astype(np.int64)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding="same", rng=0), nn.ReLU(), nn.Conv2d(4, 2, 1, rng=1))
    history = quiet(model, (images, masks), metrics=["accuracy", "miou"], lr=0.1, epochs=12, batch_size=4)
    assert history["miou"][-1] > 0.85 and tg.predict(model, images).shape == (12, 8, 8, 2)
    turned = data.transforms.Joint(data.transforms.RandomFlip(p=1), targets="mask")(images, masks)
    assert np.array_equal(turned[1], masks[:, :, ::-1]) and np.array_equal(turned[0], images[:, :, ::-1])


class Two(nn.Module):
    """Two inputs by name, two outputs by name."""

    def __init__(self):
        self.left, self.right = nn.Linear(4, 8), nn.Linear(2, 8)
        self.kind, self.size = nn.Linear(8, 3), nn.Linear(8, 1)

    def forward(self, left, right):
        both = tg.tanh(self.left(left) + self.right(right))
        return {"kind": self.kind(both), "size": self.size(both)}


def both_losses(outputs, targets):
    return tg.softmax_cross_entropy(outputs["kind"], targets["kind"]) + tg.mse_loss(outputs["size"], targets["size"])


def test_inputs_and_targets_in_tuples_and_dicts():
    tg.manual_seed(1)
    targets = {"kind": LABELS, "size": Y}
    named, placed = ({"left": X[:, :4], "right": X[:, 4:]}, targets), ((X[:, :4], X[:, 4:]), targets)
    model = Two()
    history = quiet(model, named, loss=both_losses, lr=0.02, epochs=30, batch_size=8,
                    metrics={"right": lambda outputs, wanted: np.mean(outputs["kind"].argmax(1) == wanted["kind"])})
    assert history["loss"][-1] < history["loss"][0] / 2 and history["right"][-1] > 0.7
    assert tg.evaluate(model, named, loss=both_losses) == tg.evaluate(model, placed, loss=both_losses)
    outputs = tg.predict(model, placed[0])
    assert outputs["kind"].shape == (48, 3) and same(outputs, tg.predict(model, named[0], batch_size=48))


def test_float64_arrays_go_where_they_are_sent():
    model = started()[0]
    with pytest.warns(UserWarning, match="float64"):
        assert model(X.astype(np.float64)).dtype == np.float64
    quiet(model, (X.astype(np.float64), LABELS), epochs=1)  # loaders give float32
    assert tg.predict(model.to(np.float64), X.astype(np.float64)).dtype == np.float64


RESUME = """
import numpy as np, tinygrad_cnn as tg
from tinygrad_cnn import nn
tg.manual_seed({seed})
x = np.random.default_rng(0).standard_normal((32, 3)).astype(np.float32)
model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.2), nn.Linear(8, 1))
tg.fit(model, (x, x[:, :1]), loss="mse", batch_size=8, epochs={epochs}, progress=False, run={run})
tg.save("{name}", model)
"""


@pytest.mark.level("thorough")
def test_another_process_goes_on_with_a_run_to_the_same_bits(tmp_path):
    for lines in (
        {"seed": 4, "epochs": 5, "run": "None", "name": "through"},
        {"seed": 4, "epochs": 2, "run": 'tg.Run.create("run")', "name": "half"},
        {"seed": 8, "epochs": 5, "run": 'tg.Run.open("run")', "name": "resumed"},
    ):
        subprocess.run([sys.executable, "-c", RESUME.format(**lines)], cwd=tmp_path, check=True)
    through, half, resumed = (tg.load(tmp_path / name) for name in ("through", "half", "resumed"))
    assert same(through, resumed) and not same(through, half)


# -- mistakes ---------------------------------------------------------------------------------------------------


class Twice(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(6, 3, rng=0)

    def forward(self, x, mask):
        return self.layer(x)


class Cut(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(6, 1, rng=0)

    def forward(self, x):
        return tg.tensor(self.layer(x).data)


class Forgetful(Rows):
    def __getitem__(self, k):
        return None if k > 5 else (X[k], LABELS[k])


class Plain(nn.Module):
    def forward(self, x):
        return x * 2


def fitting(model=None, examples=(X, LABELS), **options):
    return lambda: quiet(model or net(), examples, epochs=2, **options)


MISTAKES = {
    "the class": (lambda: quiet(nn.Flatten, (X, LABELS)), TypeError, r"model is the class Flatten; pass an object"),
    "no model": (lambda: tg.evaluate(None, (X, LABELS)), TypeError, "evaluate: model is None; it must be an nn.Module"),
    "keras": (lambda: tg.fit(net(), X, LABELS), TypeError, r"a pair: tg.fit\(model, \(x, y\)\)"),
    "keras evaluate": (lambda: tg.evaluate(net(), X, LABELS), TypeError, r"a pair: tg.evaluate\(model, \(x, y\)\)"),
    "no parameters": (fitting(Plain()), ValueError, "fit: Plain has no parameters to train. .*nn.ModuleList"),
    "frozen": (fitting(net().freeze()), ValueError, r"all parameters of Sequential are frozen. model.unfreeze\(\)"),
    "float labels": (fitting(examples=(X, LABELS * 1.0)), TypeError, r"Class indices are whole numbers: astype"),
    "float labels, named loss": (
        fitting(examples=(X, LABELS * 1.0), loss="cross_entropy"), ValueError, r"Convert them by astype\(np.int64\)"),
    "names as labels": (fitting(examples=(X, np.array(["a", "b"] * 24))), TypeError, "Number them: .* = np.unique"),
    "label out of range": (fitting(net(2)), ValueError, r"labels\[\d+\] = 2 is not a valid class.* numbered 0 to 1"),
    "a column less": (fitting(net(1), (X, Y[:, 0]), loss="mse"), ValueError, r"\(48, 1\) and .* \(48,\) must have"),
    "nan": (fitting(examples=(np.where(X > 2, np.nan, X), LABELS)), ValueError, "input 13 holds nan"),
    "nothing": (fitting(examples=(X[:0], LABELS[:0])), ValueError, "empty"),
    "generator": (fitting(examples=((X, LABELS) for _ in range(2))), ValueError, "gives its batches once"),
    "loss of each": (fitting(loss=lambda a, b: a), TypeError, r"the loss returned \(48, 3\) float32; .* one number"),
    "loss as a float": (
        fitting(loss=lambda a, b: a.mean().item()), TypeError, "the loss returned .*, a plain number, .* no gradient"),
    "loss of one": (fitting(loss=lambda out: out.mean()), TypeError, r"targets\), but it takes \(out\)"),
    "outputs cut off": (fitting(Cut(), (X, Y), loss="mse"), tg.GraphError, "the loss has no gradient: .*unfreeze"),
    "metric of each": (fitting(metrics={"m": lambda a, b: b}), TypeError, "metrics: 'm' returned .*; it must be one"),
    "metric of one": (fitting(metrics={"m": lambda a: 0}), TypeError, r"'m' is called with .*, but it takes \(a\)"),
    "callback of two": (
        fitting(callbacks=[lambda epoch, logs: 0]), TypeError, r"with one Training .*, but it takes \(epoch, logs\)"),
    "schedule of one": (fitting(schedule=lambda epoch: 0.1), TypeError, r"steps\), but it takes \(epoch\)"),
    "no usual lr": (fitting(optimizer=optim.SGD), TypeError, "SGD has no usual learning rate. Give one"),
    "validation share": (fitting(validation=0.2), TypeError, "fit: validation is 0.2; it must be a data set"),
    "one input of two": (fitting(Twice()), TypeError, r"with one input .*, but Twice.forward takes \(x, mask\)"),
    "list to predict": (lambda: tg.predict(net(), X.tolist()), TypeError, "a list of plain numbers. Make an array"),
    "no return": (lambda: next(iter(data.DataLoader(Forgetful(), 8))), TypeError, "sample 6: is None, .*__getitem__"),
    "class of a data set": (lambda: data.DataLoader(Rows), TypeError, "dataset is the class Rows; pass an object"),
    "class of a transform": (
        lambda: data.DataLoader(Rows(), transform=data.transforms.RandomFlip), TypeError, "is the class RandomFlip"),
    "transforms in a list": (
        lambda: data.DataLoader(Rows(), transform=[data.transforms.RandomFlip()]), TypeError, "transforms.Compose"),
    "rows are no images": (lambda: data.transforms.RandomFlip()(X), ValueError, "needs images .N, H, W, C., got"),
    "one size": (lambda: data.random_split(Rows(), 0.8), TypeError, r"sizes=0.8 must be a list"),
    "torch.save": (lambda: tg.save("net.safetensors", "net"), TypeError, r"path comes first.*tg.save"),
    "path as weights": (lambda: net().load_state_dict("net.pth"), TypeError, r"Read a file first: tg.load\(path\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_common_mistakes_are_answered_with_what_to_write(name):
    mistake, kind, words = MISTAKES[name]
    with pytest.raises(kind, match=words) as caught:
        mistake()
    assert len(str(caught.value)) < 400 and "positional" not in str(caught.value)


def test_an_optimizer_of_another_model_is_noticed():
    with pytest.warns(UserWarning, match="the Adam holds none of the model's parameters"):
        quiet(net(), (X, LABELS), epochs=1, optimizer=optim.Adam(net().parameters()))


def test_errors_of_the_users_own_code_stay_as_they_are():
    class Fails:
        def on_epoch(self, training):
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="^mine$"):
        quiet(net(), (X, LABELS), epochs=1, callbacks=[Fails()])

    def inside(outputs, labels):
        return len(outputs, labels)  # a TypeError that is not about this function's arguments

    with pytest.raises(TypeError, match="^len"):
        quiet(net(), (X, LABELS), epochs=1, loss=inside)
