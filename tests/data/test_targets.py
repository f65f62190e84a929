"""Targets of every kind, one by one, in batches, in parts of a data set and in a loader."""

import numpy as np
import pytest

from tinygrad_cnn.data import ArrayDataset, BalancedSampler, DataLoader, Subset, WeightedSampler, random_split

RNG = np.random.default_rng(0)
N = 7
X = RNG.integers(0, 256, (N, 4, 5, 3), dtype=np.uint8)
BOXES = [np.array([[0, 0, 2, 3]] * (k % 3), np.float64).reshape(-1, 4) for k in range(N)]
SORTS = [np.arange(k % 3) for k in range(N)]
PIXELS = np.float32(X) / np.float32(255)

F32, I64 = np.float32, np.int64
TARGETS = {  # what is given, and what a batch has of it
    "numbers": (np.linspace(0, 1, N), F32, np.linspace(0, 1, N).astype(F32)),
    "vectors": (RNG.random((N, 3)), F32, None),
    "half": (RNG.random((N, 3)).astype(np.float16), F32, None),
    "maps": (RNG.random((N, 4, 5)).astype(F32), F32, None),
    "images": (RNG.random((N, 8, 10, 2)).astype(F32), F32, None),
    "bytes": (X, F32, PIXELS),
    "labels": (np.arange(N, dtype=np.uint8), I64, np.arange(N)),
    "mask": (RNG.integers(0, 3, (N, 4, 5)).astype(np.uint8), I64, None),
    "mask of int32": (RNG.integers(0, 3, (N, 4, 5)).astype(np.int32), I64, None),
    "tags": (RNG.integers(0, 3, (N, 6)), I64, None),
}


def alike(a, b):
    """Whether two samples or batches are of the same structure with the same values."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(alike(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(alike, a, b))
    if a is None or b is None:
        return a is b
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and np.array_equal(a, b)


def part(targets, numbers):
    """Some entries of what a whole data set has."""
    if isinstance(targets, dict):
        return {key: part(value, numbers) for key, value in targets.items()}
    if isinstance(targets, tuple):
        return tuple(part(value, numbers) for value in targets)
    if isinstance(targets, list):
        return [targets[k] for k in numbers]
    return None if targets is None else targets[numbers]


def hold(made, inputs, targets):
    """Hold that a data set gives these inputs and targets by number, in batches, in a subset and in a loader."""
    numbers = [4, 0, 2]
    expected = (part(inputs, numbers), part(targets, numbers))
    assert alike(made.batch(numbers), expected)
    assert alike(Subset(made, [2, 0, 4, 1]).batch([2, 1, 0]), expected)
    assert alike(next(iter(DataLoader(Subset(made, numbers), 3, prefetch=1))), expected)
    singles = [made[k] for k in range(len(made))]  # a data set without `batch` is stacked sample by sample
    assert alike(next(iter(DataLoader(Subset(singles, numbers), 3))), expected)
    assert sum(len(half) for half in random_split(made, [0.5, 0.5])) == len(made)


@pytest.mark.parametrize("kind", TARGETS)
def test_arrays(kind):
    given, dtype, expected = TARGETS[kind]
    expected = given.astype(dtype) if expected is None else expected
    made = ArrayDataset(X, given)
    assert made.batch([0, 1])[1].dtype == dtype
    hold(made, PIXELS, expected)


def test_numbers_come_out_as_numbers():
    assert type(ArrayDataset(X, np.linspace(0, 1, N))[3][1]) is float
    assert type(ArrayDataset(X, np.arange(N))[3][1]) is int


def test_lists_of_boxes():
    made = ArrayDataset(X, BOXES)
    hold(made, PIXELS, BOXES)
    assert all(b.dtype == np.float32 for b in made.batch([0, 1, 2])[1])
    same = [np.array([[0, 0, 2, 3.0]])] * N  # that could be stacked, but are not, so that batches are all alike
    assert isinstance(ArrayDataset(X, same).batch([0, 1])[1], list)
    hold(ArrayDataset(X, same), PIXELS, same)
    whole = ArrayDataset(X, [[[0, 0, 2, 3]], []] * 3 + [[]])
    assert [b.shape for b in whole.batch([0, 1])[1]] == [(1, 4), (0, 4)]
    labels = [[3], []] * 3 + [[]]
    made = ArrayDataset(X, {"boxes": [[[0, 0, 2, 3]], []] * 3 + [[]], "labels": labels})
    for y in (made.batch([0, 1])[1], next(iter(DataLoader(Subset([made[0], made[1]], [0, 1]), 2)))[1]):
        assert [(b.shape, b.dtype) for b in y["labels"]] == [((1,), I64), ((0,), I64)]


@pytest.mark.parametrize("sorts", [SORTS, [np.zeros(1, int)] * N])
def test_dicts_of_boxes_and_labels(sorts):
    boxes = [np.zeros((len(s), 4), np.float32) for s in sorts]
    expected = {"boxes": boxes, "labels": sorts}
    for given in ([{"boxes": b, "labels": s} for b, s in zip(boxes, sorts, strict=True)], expected):
        made = ArrayDataset(X, given)
        hold(made, PIXELS, expected)
        assert all(isinstance(value, list) for value in made.batch([1, 2])[1].values())


def test_structures():
    mask, age = TARGETS["mask"][0], np.linspace(0, 1, N)
    targets = {"mask": mask, "age": age, "boxes": BOXES}
    expected = {"mask": mask.astype(I64), "age": age.astype(F32), "boxes": BOXES}
    hold(ArrayDataset(X, targets), PIXELS, expected)
    inputs = {"image": X, "tokens": np.arange(N * 2).reshape(N, 2)}
    hold(ArrayDataset(inputs, (mask, age)), {**inputs, "image": PIXELS}, (expected["mask"], expected["age"]))
    hold(ArrayDataset((X, age), None), (PIXELS, expected["age"]), None)
    made = ArrayDataset({"a": X, "b": age}, targets)
    assert made.image_shape == (4, 5, 3) and made.images.keys() == {"a", "b"}
    assert repr(made) == (
        "<ArrayDataset data set: 7 samples, targets {'mask': int64 (4, 5), 'age': float32 (), 'boxes': a list}>"
    )


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (RNG.random((N, 6)), None),
        (RNG.random(N), None),
        (np.arange(N * 3, dtype=np.int32).reshape(N, 3), None),
        (np.arange(N * 3, dtype=np.uint8).reshape(N, 3), None),
        (RNG.random((N, 2, 4, 4, 1)), None),
        (X[..., 0], PIXELS[..., :1]),
    ],
    ids=["vectors", "numbers", "tokens", "bytes", "films", "grey"],
)
def test_inputs_of_any_rank(inputs, expected):
    if expected is None:
        expected = inputs.astype(F32 if inputs.dtype.kind == "f" else I64)
    hold(ArrayDataset(inputs, np.arange(N)), expected, np.arange(N))


def test_series_get_no_channel_axis_if_asked():
    assert ArrayDataset(np.zeros((N, 6, 2)), channel_axis=False).batch([0])[0].shape == (1, 6, 2)
    assert ArrayDataset(np.zeros((N, 6, 2))).batch([0])[0].shape == (1, 6, 2, 1)


MASK = np.zeros((N, 4, 5), np.uint8)
MASK[3, 1, 2] = 255


def test_pixels_without_a_class():
    made = ArrayDataset(X, MASK, classes="ab", ignore_index=255)
    assert made.batch([3])[1][0, 1, 2] == 255
    with pytest.raises(ValueError, match=r"label 255 of sample 3 at \(1, 2\) is out of range: 0 to 1 .* ignore_index"):
        ArrayDataset(X, MASK, classes="ab")


@pytest.mark.parametrize(
    ("inputs", "targets", "error", "words"),
    [
        (X, np.ones((N - 1, 3)), ValueError, r"7 images need targets of shape \(7, \.\.\.\), got \(6, 3\)"),
        (X, np.full((N, 3), np.nan), ValueError, r"target 0 holds nan at \(0,\)"),
        (X, {"mask": MASK[:3]}, ValueError, r"in targets\['mask'\], got \(3, 4, 5\)"),
        (X, (MASK, np.zeros(N, bool)), TypeError, r"targets\[1\] must be whole .* got dtype bool.*astype"),
        (X, BOXES[:3], ValueError, "7 inputs need 7 entries of targets, got 3"),
        (X, [np.array([[2.0, 0, 0, 1]])] * N, ValueError, r"targets\[0\]\[0\] = \(2, 0, 0, 1\) is inverted"),
        (X, [{"boxes": b, "labels": b[:1]} for b in BOXES], ValueError, r"targets\[2\] has 2 boxes and 1 of 'labels'"),
        (X, {"boxes": BOXES, "labels": SORTS}, ValueError, r"label 1 of sample 2 \(box 1\) is out of range: 0 to 0"),
        (X, [{"boxes": b} for b in BOXES[:-1]] + [{}], TypeError, r"targets\[6\] must be a dict of 'boxes'"),
        (
            X,
            MASK[..., None].astype(object),
            TypeError,
            "labels must be whole numbers .*, got dtype object",
        ),
        ({"a": X, "b": X[:2]}, None, ValueError, r"inputs\['a'\] 7, inputs\['b'\] 2"),
        (np.float32(3), None, ValueError, "must have an axis for the samples, got a number"),
        (X.astype(int), None, TypeError, "images must be uint8 .0..255. or floating, got dtype int64"),
        (None, None, TypeError, "inputs=None"),
    ],
)
def test_bad_arrays_are_named(inputs, targets, error, words):
    with pytest.raises(error, match=words):
        ArrayDataset(inputs, targets, classes=["cat"] if isinstance(targets, dict) and "labels" in targets else ())


def test_the_former_names_warn():
    with pytest.warns(DeprecationWarning, match=r"images= is deprecated .* Use inputs=") as caught:
        made = ArrayDataset(images=X, targets=np.arange(N))
    assert caught[0].filename == __file__
    assert len(made) == N
    with pytest.raises(TypeError, match="labels= is the former name of targets=; give one"):
        ArrayDataset(X, np.arange(N), labels=np.arange(N))


def test_samplers_need_class_indices():
    numbers = ArrayDataset(X, np.linspace(0, 1, N))
    for made in (numbers, ArrayDataset(X, MASK), Subset(numbers, [1, 2])):
        assert not hasattr(made, "labels")
        with pytest.raises(ValueError, match="BalancedSampler: labels must be class indices .* targets of"):
            BalancedSampler(made)
    with pytest.raises(AttributeError, match=r"no labels .N,.: its targets are float32 \(\); see .targets"):
        _ = numbers.labels
    loader = DataLoader(numbers, 4, sampler=WeightedSampler(np.arange(N)))
    assert sum(len(y) for _, y in loader) == N


def test_batches_and_lists_are_the_callers_own():
    made = ArrayDataset(X, {"boxes": BOXES, "age": np.ones(N)})
    _, y = made.batch([1, 2])
    y["boxes"][0][...], y["age"][...] = 9, 9
    assert made.batch([1])[1]["boxes"][0].max() == 3 and made.batch([1])[1]["age"] == 1
    with pytest.raises(ValueError, match="read-only"):
        made.targets["boxes"][1][...] = 0
