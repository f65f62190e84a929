"""The loader: every sample once, in an order that only (seed, epoch) decides, also after a stop."""

import itertools
import threading
import time

import numpy as np
import pytest

from tinygrad_cnn import nn
from tinygrad_cnn.data import ArrayDataset, DataLoader, Dataset, Subset, transforms
from tinygrad_cnn.train import fit

PIXELS = np.arange(23, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 3, 1), np.uint8)
DATA = ArrayDataset(PIXELS, np.arange(23) % 5, name="toy")


def noise(x, rng):
    return x + rng.normal(size=x.shape).astype(np.float32)


def numbers(loader):
    """Which samples one epoch gives, batch by batch."""
    return [np.rint(x[:, 0, 0, 0] * 255).astype(int).tolist() for x, _ in loader]


def same(first, second):
    first, second = list(first), list(second)
    return len(first) == len(second) and all(
        np.array_equal(a, c) and np.array_equal(b, d) for (a, b), (c, d) in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_every_sample_comes_once(prefetch):
    loader = DataLoader(DATA, 5, prefetch=prefetch)
    assert len(loader) == 5
    assert numbers(loader) == [list(range(k, min(k + 5, 23))) for k in range(0, 23, 5)]
    shuffled = DataLoader(DATA, 5, shuffle=True, prefetch=prefetch)
    assert sorted(itertools.chain(*numbers(shuffled))) == list(range(23))
    dropped = DataLoader(DATA, 5, drop_last=True, prefetch=prefetch)
    assert len(dropped) == 4 and [len(b) for b in numbers(dropped)] == [5, 5, 5, 5]
    assert len(list(DataLoader(DATA, 100))) == 1


def test_what_a_batch_is():
    for x, y in DataLoader(DATA, 5, shuffle=True):
        assert x.dtype == np.float32 and x.shape[1:] == (3, 3, 1) and y.dtype == np.int64
        np.testing.assert_array_equal(np.rint(x[:, 0, 0, 0] * 255) % 5, y)


def test_no_seed_is_seed_0():
    loaders = [DataLoader(DATA, 5, shuffle=True, **settings) for settings in ({}, {"seed": None}, {"seed": 0})]
    assert numbers(loaders[0]) == numbers(loaders[1]) == numbers(loaders[2])
    assert loaders[0].state_dict() == loaders[2].state_dict()


def test_batches_of_nothing_do_not_end_an_epoch():
    assert list(DataLoader(DATA, 5, collate=lambda samples: None, prefetch=2)) == [None] * 5


def test_transforms_of_several_inputs():
    both = ArrayDataset((PIXELS, np.arange(23.0)), np.arange(23))
    (x, age), _ = next(iter(DataLoader(both, 5, transform=lambda x, rng: (x[0], x[1] + 1))))
    assert x.shape == (5, 3, 3, 1) and age.tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(RuntimeError, match=r"transform RandomFlip.* \(of inputs that are a tuple\)"):
        next(iter(DataLoader(both, 5, transform=transforms.RandomFlip())))


def test_orders_depend_on_seed_and_epoch_alone():
    loader, again, other = (DataLoader(DATA, 5, shuffle=True, seed=s) for s in (1, 1, 2))
    orders = [numbers(loader) for _ in range(3)]
    assert loader.epoch == 3
    assert orders[0] != orders[1] != orders[2]
    assert orders == [numbers(again) for _ in range(3)]
    assert orders[0] != numbers(other)
    again.epoch = 1
    assert numbers(again) == orders[1]
    assert list(itertools.chain(*orders[2])) == loader.order(2).tolist()


def test_randomness_of_transforms_is_that_of_the_batch():
    def run(**settings):
        loader = DataLoader(DATA, 5, shuffle=True, seed=7, transform=noise, **settings)
        return [list(loader) for _ in range(2)]

    first, second, ahead = run(), run(), run(prefetch=4)
    assert all(same(a, b) and same(a, c) for a, b, c in zip(first, second, ahead, strict=True))
    assert not same(first[0], first[1])
    draws = [x - DATA.images[0] for x, _ in DataLoader(ArrayDataset(np.zeros((4, 3, 3)), [0] * 4), 1, transform=noise)]
    assert len({d.tobytes() for d in draws}) == 4


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("stop", range(6))
def test_a_resumed_run_sees_what_it_would_have_seen(stop, prefetch):
    def fresh():
        return DataLoader(DATA, 5, shuffle=True, seed=3, transform=noise, prefetch=prefetch)

    whole = fresh()
    expected = [list(whole) for _ in range(3)]
    broken = fresh()
    list(broken)
    seen = list(itertools.islice(broken, stop)) if stop else []
    state = broken.state_dict()
    assert all(isinstance(v, int) for v in state.values())
    resumed = fresh()
    resumed.load_state_dict(state)
    assert same(seen + list(resumed), expected[1]) and resumed.epoch == 2
    assert same(list(resumed), expected[2])
    assert resumed.state_dict() == whole.state_dict()


def test_the_state_can_be_taken_back_in_the_same_loader():
    loader = DataLoader(DATA, 5, shuffle=True)
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    rest = list(iterator)
    loader.load_state_dict(state)
    assert same(list(loader), rest)


def test_a_loop_left_early_has_used_up_its_epoch():
    loader, other = DataLoader(DATA, 5, shuffle=True), DataLoader(DATA, 5, shuffle=True)
    list(other)
    for _ in loader:
        break
    assert numbers(loader) == numbers(other)
    assert loader.epoch == other.epoch == 2 and loader.position == 0


def test_two_loops_at_once_are_two_epochs():
    loader = DataLoader(DATA, 5)
    pairs = [(len(a[1]), len(b[1])) for a in loader for b in loader]
    assert len(pairs) == 25


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 9}, "taken with seed = 9, this loader has 0"),
        ({"batch_size": 4}, "batch_size = 4"),
        ({"samples": 24}, "samples = 24"),
        ({"shuffle": 1}, "shuffle = 1"),
        ({"position": 6}, "position 6, an epoch has 5"),
        ({"position": -1}, "position=-1 must be a whole number"),
        ({"epoch": "x"}, "epoch='x' must be a whole number"),
    ],
)
def test_a_state_that_would_give_other_batches_is_refused(change, words):
    loader = DataLoader(DATA, 5, seed=0)
    before = loader.state_dict()
    with pytest.raises((TypeError, ValueError), match=words):
        loader.load_state_dict({**before, **change})
    with pytest.raises(ValueError, match="lacks batch_size, drop_last, position"):
        loader.load_state_dict({"epoch": 0, "samples": 23, "seed": 0, "shuffle": 0})
    assert loader.state_dict() == before


def test_a_loader_without_a_seed_takes_the_one_of_a_state():
    loader, other = DataLoader(DATA, 5, shuffle=True, seed=3), DataLoader(DATA, 5, shuffle=True)
    next(iter(loader))
    other.load_state_dict(loader.state_dict())
    assert other.seed == 3 and np.array_equal(other.order(1), loader.order(1))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"batch_size": 0}, ValueError, "batch_size=0 must be a whole number of at least 1"),
        ({"batch_size": -3}, ValueError, "batch_size=-3"),
        ({"batch_size": 2.5}, TypeError, "batch_size=2.5"),
        ({"batch_size": True}, TypeError, "batch_size=True"),
        ({"prefetch": -1}, ValueError, "prefetch=-1 must be a whole number of at least 0"),
        ({"seed": 0.5}, TypeError, "DataLoader: seed=0.5 must be"),
        ({"transform": 3}, TypeError, "transform must be callable"),
        ({"batch_size": 24, "drop_last": True}, ValueError, "leaves no batch: 23 samples, batch_size 24"),
        ({"dataset": PIXELS}, TypeError, "needs a data set, got ndarray. Wrap arrays in ArrayDataset"),
        ({"dataset": (PIXELS, [0])}, TypeError, "got tuple"),
        ({"dataset": 3}, TypeError, "got int"),
        ({"dataset": Subset(DATA, [])}, ValueError, "toy is empty"),
        ({"dataset": []}, ValueError, "is empty"),
    ],
)
def test_bad_settings(arguments, error, words):
    with pytest.raises(error, match=words):
        DataLoader(**{"dataset": DATA, **arguments})


def raising(x, rng):
    raise KeyError("mask")


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize(
    ("transform", "error", "words"),
    [
        (lambda x, rng: x[:1], ValueError, r"transform <lambda>: must keep the number of images \(5\).*\(1, 3, 3, 1\)"),
        (lambda x, rng: x[..., 0], ValueError, r"axes \(4\); given \(5, 3, 3, 1\), it returned \(5, 3, 3\)"),
        (lambda x, rng: x.astype(float), TypeError, "must keep dtype float32, it returned float64"),
        (lambda x, rng: None, TypeError, "must return an array, got NoneType"),
        (raising, RuntimeError, "transform raising: KeyError: 'mask'"),
        (transforms.RandomCrop(9), ValueError, r"transform RandomCrop\(size=\(9, 9\).*9x9 window does not fit a 3x3"),
        (transforms.Compose([transforms.RandomFlip(), raising]), RuntimeError, "Compose: transform raising"),
    ],
    ids=["fewer", "rank", "dtype", "nothing", "raises", "misfit", "composed"],
)
def test_a_bad_transform_is_named_with_its_batch(transform, error, words, prefetch):
    with pytest.raises(error, match=words) as caught:
        list(DataLoader(DATA, 5, transform=transform, prefetch=prefetch))
    assert str(caught.value).startswith("DataLoader: batch 0 of epoch 0: transform ")


class Torn(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        if index == 7:
            raise ValueError("torn page")
        return np.zeros((2, 2, 1)), 0


@pytest.mark.parametrize("prefetch", [0, 1, 9])
def test_a_broken_sample_stops_the_loop_at_its_place_and_is_named(prefetch):
    loader = DataLoader(Torn(), 2, prefetch=prefetch)
    seen = []
    with pytest.raises(ValueError, match="^DataLoader: batch 3 of epoch 0: sample 7: torn page$"):
        for _, y in loader:
            seen.append(len(y))
    assert seen == [2, 2, 2] and loader.state_dict()["position"] == 3


def test_a_data_set_whose_batches_are_wrong_is_named():
    class Wrong(ArrayDataset):
        def batch(self, indices):
            x, y = super().batch(indices)
            return x.astype(float), y

    with pytest.raises(TypeError, match="Wrong.batch: images must be a float32 or .* of 5.*, got float64"):
        next(iter(DataLoader(Wrong(PIXELS, DATA.labels), 5)))

    class Short(ArrayDataset):
        def batch(self, indices):
            x, y = super().batch(indices)
            return x, y[:-1]

    with pytest.raises(TypeError, match=r"Short.batch: targets must be .* of 5.*, got int64 \(4,\)"):
        next(iter(DataLoader(Short(PIXELS, DATA.labels), 5)))


def ours():
    return [t for t in threading.enumerate() if t.name == "tinygrad-cnn prefetch"]


def test_prefetching_stays_a_given_number_ahead_and_ends_with_the_loop():
    made, enough = [], threading.Event()

    def count(x, rng):
        made.append(len(x))
        if len(made) == 4:
            enough.set()
        return x

    loader = DataLoader(DATA, 1, transform=count, prefetch=3)
    iterator = iter(loader)
    next(iterator)
    assert enough.wait(60)
    time.sleep(0.05)  # in which more would be made, if there were no limit
    assert len(made) == 4  # the one given out, and three ahead
    assert len(ours()) == 1
    iterator.close()
    assert not ours()
    list(loader)
    assert not ours()


def test_lists_of_pairs_are_data_sets():
    pairs = [(np.full((2, 2, 1), k / 10), k) for k in range(7)]
    batches = list(DataLoader(pairs, 3))
    assert [y.tolist() for _, y in batches] == [[0, 1, 2], [3, 4, 5], [6]]


# -- transforms that change labels ------------------------------------------------------------------------------


@pytest.mark.parametrize("prefetch", [0, 2])
def test_mixup_in_a_loader_gives_rows_and_a_resumed_run_the_same_ones(prefetch):
    def fresh():
        mix = transforms.Compose([noise, transforms.Mixup(0.4, 5)])
        return DataLoader(DATA, 5, shuffle=True, transform=mix, prefetch=prefetch)

    loader = fresh()
    expected = list(loader)
    assert all(y.shape == (len(x), 5) and y.dtype == np.float32 for x, y in expected)
    broken = fresh()
    seen = list(itertools.islice(broken, 2))
    resumed = fresh()
    resumed.load_state_dict(broken.state_dict())
    assert same(seen + list(resumed), expected)


def test_rows_of_probabilities_train_and_are_measured():
    images = (np.arange(40)[:, None, None, None] % 2 + np.zeros((1, 4, 4, 1))).astype(np.float32)
    data = ArrayDataset(images, np.arange(40) % 2)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2, rng=0))
    loader = DataLoader(data, 8, shuffle=True, transform=transforms.Mixup(0.2, 2))
    history = fit(net, loader, validation=data, epochs=20, lr=0.05, progress=False)
    assert history["val_accuracy"][-1] == 1.0 and 0 < history["accuracy"][-1] <= 1
    assert history["loss"][-1] < history["loss"][0]


def changing(result):
    def change(x, y, rng):
        return result(x, y)

    change.changes_labels = True
    return change


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize(
    ("result", "error", "words"),
    [
        (lambda x, y: x, TypeError, r"transform change: must return a pair \(x, y\), got ndarray"),
        (lambda x, y: (x, y[:-1]), TypeError, r"labels must be .* class indices \(5,\) .* returned int64 \(4,\)"),
        (lambda x, y: (x, y.astype(float)), TypeError, r"returned float64 \(5,\)"),
        (lambda x, y: (x, y[:, None].astype(float)), TypeError, r"returned float64 \(5, 1\)"),
        (lambda x, y: (x, list(y)), TypeError, "returned list"),
        (lambda x, y: (x, np.array(3)), TypeError, r"returned int64 \(\)"),
        (lambda x, y: (x[:2], y), ValueError, r"must keep the number of images \(5\)"),
        (lambda x, y: 1 / 0, RuntimeError, "transform change: ZeroDivisionError"),
    ],
    ids=["one", "fewer", "dtype", "columns", "list", "scalar", "images", "raises"],
)
def test_a_bad_change_of_labels_is_named_with_its_batch(result, error, words, prefetch):
    with pytest.raises(error, match=words) as caught:
        list(DataLoader(DATA, 5, transform=changing(result), prefetch=prefetch))
    assert str(caught.value).startswith("DataLoader: batch 0 of epoch 0: transform change")


# -- a loader that has come to its end --------------------------------------------------------------------------


@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_exhausted_loop_stays_exhausted_and_the_next_one_is_the_next_epoch(prefetch):
    loader = DataLoader(DATA, 5, shuffle=True, prefetch=prefetch)
    loop = iter(loader)
    assert len(list(loop)) == 5
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(loop)
    assert (loader.epoch, loader.position) == (1, 0)
    assert len(list(loader)) == 5 and loader.epoch == 2


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_after_an_error_the_loader_can_be_used_again(prefetch):
    wrong = [True]

    def once(x, rng):
        if wrong[0] and len(x) < 5:
            raise OSError("the disk is away")
        return x

    loader = DataLoader(DATA, 5, transform=once, prefetch=prefetch)
    with pytest.raises(OSError, match="batch 4 of epoch 0: transform once: the disk is away"):
        list(loader)
    assert not ours()
    assert loader.state_dict()["position"] == 4
    loader.load_state_dict(loader.state_dict())
    wrong[0] = False
    assert numbers(loader) == [[20, 21, 22]]  # the rest of the epoch, once the disk is back
