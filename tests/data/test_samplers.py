"""Samplers: what they draw, that loader, seed and epoch alone decide it, and what they refuse."""

import itertools

import numpy as np
import pytest

from tinygrad_cnn.data import ArrayDataset, BalancedSampler, DataLoader, Sampler, Subset, WeightedSampler

LABELS = np.array([0] * 12 + [1] * 3 + [3] * 5)
DATA = ArrayDataset(np.zeros((20, 2, 2), np.uint8), LABELS)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_weights_are_frequencies():
    sampler = WeightedSampler([1, 0, 3], count=20000)
    counts = np.bincount(sampler.order(rng()), minlength=3)
    assert len(sampler) == 20000 and counts[1] == 0
    assert abs(counts[0] / 20000 - 0.25) < 0.01


def test_without_replacement_no_sample_comes_twice():
    order = WeightedSampler(np.arange(20), count=19, replacement=False).order(rng())
    assert sorted(order) == list(range(1, 20))
    first = [WeightedSampler([1, 1, 8], 1, replacement=False).order(rng(k))[0] for k in range(500)]
    assert 0.74 < np.mean(np.array(first) == 2) < 0.86


@pytest.mark.parametrize("count", [None, 1, 2, 7, 30, 31])
def test_classes_and_within_them_samples_are_drawn_evenly(count):
    sampler = BalancedSampler(DATA, count)
    order = sampler.order(rng(3))
    assert len(order) == len(sampler) == (count or 20)
    of_class = [np.count_nonzero(LABELS[order] == c) for c in (0, 1, 3)]
    assert max(of_class) - min(of_class) <= 1 and sum(of_class) == len(order)
    for c in (0, 1, 3):
        uses = np.bincount(order, minlength=20)[c == LABELS]
        assert uses.max() - uses.min() <= 1


def test_over_epochs_every_sample_of_a_large_class_has_its_turn_and_the_odd_one_goes_round():
    seen, extra = set(), set()
    for epoch in range(30):
        order = BalancedSampler(LABELS, 10).order(rng(epoch))
        seen |= set(order.tolist())
        extra.add(int(np.argmax(np.bincount(LABELS[order], minlength=4))))
    assert seen == set(range(20)) and extra == {0, 1, 3}


@pytest.mark.parametrize("make", [lambda: BalancedSampler(LABELS, 17), lambda: WeightedSampler(LABELS + 1)])
@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_loader_gives_the_samplers_order_and_resumes_in_it(make, prefetch):
    def fresh(seed=4):
        return DataLoader(DATA, 3, seed=seed, sampler=make(), prefetch=prefetch)

    loader = fresh()
    assert len(loader) == -(-len(make()) // 3)
    epochs = [[y.tolist() for _, y in loader] for _ in range(2)]
    assert list(itertools.chain(*epochs[0])) == LABELS[fresh().order(0)].tolist()
    assert not np.array_equal(loader.order(0), loader.order(1))
    assert not np.array_equal(loader.order(0), fresh(5).order(0))
    broken = fresh()
    seen = [y.tolist() for _, y in itertools.islice(broken, 2)]
    resumed = fresh()
    resumed.load_state_dict(broken.state_dict())
    assert seen + [y.tolist() for _, y in resumed] == epochs[0]
    assert [y.tolist() for _, y in resumed] == epochs[1]


def test_a_state_of_another_sampler_is_refused():
    def loader(sampler):
        return DataLoader(DATA, 3, sampler=sampler)

    weighted = loader(WeightedSampler(LABELS + 1))
    for other in (None, BalancedSampler(DATA), WeightedSampler(LABELS + 2), WeightedSampler(LABELS + 1, 19)):
        with pytest.raises(ValueError, match="the batches would not be the same"):
            loader(other).load_state_dict(weighted.state_dict())
        with pytest.raises(ValueError, match="the batches would not be the same"):
            weighted.load_state_dict(loader(other).state_dict())
    plain = loader(None).state_dict()
    old = {k: v for k, v in plain.items() if not k.startswith("sample") or k == "samples"}
    loader(None).load_state_dict(old)  # of before there were samplers


def test_labels_come_from_arrays_data_sets_and_parts_of_them():
    part = Subset(DATA, np.arange(10, 20))
    order = BalancedSampler(part).order(rng())
    counts = np.bincount(part.labels[order], minlength=4)[[0, 1, 3]]
    assert counts.sum() == 10 and set(counts.tolist()) == {3, 4}
    assert BalancedSampler(part.labels).fingerprint() == BalancedSampler(part).fingerprint()


def test_own_samplers_need_length_and_order():
    class Backwards(Sampler):
        count = 20

        def order(self, rng):
            return np.arange(20)[::-1]

    (batch,) = DataLoader(DATA, 20, sampler=Backwards())
    assert batch[1].tolist() == LABELS[::-1].tolist()

    class Short(Backwards):
        def order(self, rng):
            return np.arange(5)

    with pytest.raises(ValueError, match="Short.order: must give 20 sample numbers, its length; it gave 5"):
        list(DataLoader(DATA, 20, sampler=Short()))

    class Beyond(Backwards):
        def order(self, rng):
            return np.arange(1, 21)

    with pytest.raises(IndexError, match="Beyond.order: there is no sample 20"):
        list(DataLoader(DATA, 20, sampler=Beyond()))
    with pytest.raises(NotImplementedError, match="define order"):
        Sampler().order(rng())


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: WeightedSampler([]), ValueError, r"weights must be a row \(N,\)"),
        (lambda: WeightedSampler([[1, 2]]), ValueError, r"got shape \(1, 2\)"),
        (lambda: WeightedSampler([1, -2]), ValueError, "weight -2.0 of sample 1 must be finite and at least 0"),
        (lambda: WeightedSampler([1, np.nan]), ValueError, "weight nan of sample 1"),
        (lambda: WeightedSampler([0, 0]), ValueError, "all weights are 0"),
        (lambda: WeightedSampler([1], 0), ValueError, "count=0 must be a whole number of at least 1. None"),
        (lambda: WeightedSampler([1, 0], replacement=False), ValueError, "only 1 weights are above 0"),
        (lambda: BalancedSampler([0.5]), ValueError, r"labels must be class indices \(N,\).*float64"),
        (lambda: BalancedSampler([]), ValueError, "labels must be class indices"),
        (lambda: BalancedSampler([1], 1.5), TypeError, "count=1.5"),
        (lambda: DataLoader(DATA, sampler=[1, 2]), TypeError, r"sampler must have len and order\(rng\), got list"),
        (lambda: DataLoader(DATA, shuffle=True, sampler=BalancedSampler(DATA)), ValueError, "leave shuffle out"),
        (lambda: DataLoader(DATA, sampler=WeightedSampler([1, 2])), ValueError, "made for 2 samples, .* has 20"),
        (
            lambda: DataLoader(DATA, 9, sampler=BalancedSampler(DATA, 5), drop_last=True),
            ValueError,
            "leaves no batch: 5 samples, batch_size 9",
        ),
    ],
)
def test_mistakes_are_worded(make, error, words):
    with pytest.raises(error, match=words):
        make()
