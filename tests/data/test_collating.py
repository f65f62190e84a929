"""Single samples stacked into batches, and functions of the user's that do it otherwise."""

import numpy as np
import pytest

from tinygrad_cnn import data
from tinygrad_cnn.data import DataLoader, collate

IMAGE = np.zeros((2, 2, 1), np.float32)


class Own:
    """What users write: a length and samples by number, and nothing else."""

    def __init__(self, *samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


def only(*samples, **settings):
    return next(iter(DataLoader(Own(*samples), 8, **settings)))


def test_a_batch_has_the_structure_of_its_samples():
    sample = ((IMAGE, np.arange(3)), {"age": 0.5, "sort": 2, "mask": np.ones((2, 2), np.uint8), "note": None})
    (image, tokens), y = only(sample, sample)
    assert image.shape == (2, 2, 2, 1) and image.dtype == np.float32
    assert tokens.shape == (2, 3) and tokens.dtype == np.int64
    assert y["age"].dtype == np.float32 and y["sort"].dtype == np.int64 and y["note"] is None
    assert y["mask"].dtype == np.int64 and y["mask"].tolist() == np.ones((2, 2, 2)).tolist()


def test_samples_without_targets():
    assert only(IMAGE, IMAGE).shape == (2, 2, 2, 1)
    assert only({"a": IMAGE}, {"a": IMAGE})["a"].shape == (2, 2, 2, 1)
    (x,) = only((IMAGE,), (IMAGE,))
    assert x.shape == (2, 2, 2, 1)
    x, y = only((IMAGE, None), (IMAGE, None))
    assert x.shape == (2, 2, 2, 1) and y is None
    assert only(IMAGE, IMAGE, transform=lambda x, rng: x + np.float32(1)).max() == 1


def test_targets_of_several_shapes_stay_a_list():
    _, boxes = only((IMAGE, np.zeros((2, 4))), (IMAGE, np.zeros((0, 4))))
    assert [(b.shape, b.dtype) for b in boxes] == [((2, 4), np.float32), ((0, 4), np.float32)]
    _, boxes = only((IMAGE, np.zeros((2, 4))), (IMAGE, np.zeros((2, 4))))
    assert isinstance(boxes, list)
    _, y = only((IMAGE, {"boxes": np.zeros((1, 4)), "labels": np.array([3])}))
    assert isinstance(y["labels"], list) and y["labels"][0].dtype == np.int64
    samples = [(IMAGE, {"boxes": np.zeros((n, 4)), "labels": [7] * n}) for n in (0, 1)]
    assert [b.dtype for b in only(*samples)[1]["labels"]] == [np.int64, np.int64]
    _, pixels = only((IMAGE, np.full((2, 2, 3), 255, np.uint8)), (IMAGE, np.full((3, 2, 3), 255, np.uint8)))
    assert [p.max() for p in pixels] == [1, 1]


@pytest.mark.parametrize(
    ("sample", "error", "words"),
    [
        ((np.zeros((3, 2, 1)), 0), ValueError, r"sample 1 has shape \(3, 2, 1\), sample 0 has \(2, 2, 1\).*collate="),
        ((IMAGE.astype(np.uint8), 0), TypeError, "sample 1: inputs must be floating, as that of sample 0 is; .*uint8"),
        ((IMAGE, 0.5), TypeError, "sample 1: label=0.5 must be a whole number, as that of sample 0"),
        ((IMAGE, "cat"), TypeError, "sample 1: label='cat' must be a whole number, a float or an array"),
        ((IMAGE, True), TypeError, "sample 1: label=True must be"),
        ((IMAGE, [[1], [1, 2]]), TypeError, "sample 1: targets must be .* got list"),
        ((IMAGE, 0, 0), TypeError, "sample 1: must be a pair .input, target., as sample 0 is, got a tuple of 3"),
        (IMAGE, TypeError, "sample 1: must be a pair .* got ndarray"),
    ],
)
def test_a_sample_that_does_not_fit_is_named(sample, error, words):
    with pytest.raises(error, match=f"^DataLoader: batch 0 of epoch 0: {words}"):
        only((IMAGE, 0), sample)


def test_structures_that_differ_are_named():
    with pytest.raises(TypeError, match=r"sample 1: targets must be a dict of 'a', as of sample 0, got a dict of 'b'"):
        only((IMAGE, {"a": 0}), (IMAGE, {"b": 0}))
    with pytest.raises(TypeError, match=r"sample 1: inputs must be a tuple of 2, as of sample 0, got a tuple of 1"):
        only(((IMAGE, IMAGE), 0), ((IMAGE,), 0))
    with pytest.raises(TypeError, match=r"sample 0: must be a pair .*, got 3 entries. .*\(\(x1, x2\), y\)"):
        only((IMAGE, IMAGE, 0))
    with pytest.raises(TypeError, match=r"sample 1: targets\['a'\] must be a whole number, as that of sample 0"):
        only((IMAGE, {"a": 0}), (IMAGE, {"a": 0.5}))


def test_a_function_of_ones_own():
    def padded(samples):
        longest = max(len(x) for x, _ in samples)
        x = np.stack([np.pad(x, (0, longest - len(x))) for x, _ in samples])
        return {"x": x, "names": [name for _, name in samples]}

    batch = only((np.ones(2), "two"), (np.ones(3), "three"), collate=padded, prefetch=1)
    assert batch["x"].tolist() == [[1, 1, 0], [1, 1, 1]] and batch["names"] == ["two", "three"]
    arrays = data.ArrayDataset(np.zeros((4, 2, 2, 1)), np.arange(4))
    x, y = next(iter(DataLoader(arrays, 3, collate=lambda samples: collate(samples[::-1]))))
    assert x.shape == (3, 2, 2, 1) and y.tolist() == [2, 1, 0]


def test_errors_of_a_function_of_ones_own_are_located():
    def torn(samples):
        raise ValueError("no room")

    with pytest.raises(ValueError, match="^DataLoader: batch 0 of epoch 0: collate torn: no room$"):
        only((IMAGE, 0), collate=torn)
    with pytest.raises(TypeError, match="DataLoader: collate must be callable as f.samples., got int"):
        DataLoader(Own((IMAGE, 0)), collate=3)


def test_collate_by_itself():
    x, y = collate([(IMAGE, 1), (IMAGE, 2)])
    assert x.shape == (2, 2, 2, 1) and y.tolist() == [1, 2]
    with pytest.raises(ValueError, match="at least one"):
        collate([])
