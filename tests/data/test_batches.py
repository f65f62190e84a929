"""What a batch is: inputs and targets of any structure, and one number of examples."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.data.batches import inputs_and_targets, length

X, Y = np.zeros((3, 2, 2, 1)), np.zeros(3)
BOXES = [np.zeros((count, 4)) for count in range(3)]


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ((X, Y), (X, Y)),
        ([X, Y], (X, Y)),
        ((X,), (X, None)),
        (X, (X, None)),
        ({"image": X}, ({"image": X}, None)),
        (((X, X), {"mask": Y}), ((X, X), {"mask": Y})),
        ((X, None), (X, None)),
    ],
    ids=["pair", "list", "one", "array", "dict", "nested", "none"],
)
def test_inputs_and_targets(batch, expected):
    found = inputs_and_targets(batch)
    assert isinstance(found, tuple) and len(found) == 2
    assert found[0] is expected[0] or found[0] == expected[0]
    assert found[1] is expected[1] or found[1] == expected[1]


def test_a_tensor_is_inputs_alone():
    x = tg.Tensor(Y)
    assert inputs_and_targets(x)[0] is x and length(x) == 3


@pytest.mark.parametrize(("batch", "words"), [((X, X, Y), r"of 3 .*\(\(x1, x2\), y\)"), ((), "empty tuple")])
def test_other_lengths_are_refused(batch, words):
    with pytest.raises(ValueError, match=words):
        inputs_and_targets(batch)


@pytest.mark.parametrize(
    "batch",
    [
        (X, Y),
        X,
        {"image": X},
        ((X, Y), {"mask": Y, "more": (Y, Y)}),
        (X, BOXES),
        (X, [{"boxes": b, "labels": b[:, 0]} for b in BOXES]),
        ([X, X], Y),
        (X, None),
        (BOXES, [1, 2, 3]),
        ([np.zeros((5, 5))] * 3, None),
    ],
)
def test_length(batch):
    assert length(batch) == 3


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ((X, {"mask": Y[:2]}), r"inputs 3, targets\['mask'\] 2"),
        (((X, Y[:1]), Y), r"inputs\[0\] 3, inputs\[1\] 1, targets 3"),
        ((X, BOXES[:2]), "inputs 3, targets 2"),
        (3.0, "no array"),
        ((None, None), "no array"),
        ((), "no array"),
    ],
)
def test_arrays_that_disagree_are_listed(batch, words):
    with pytest.raises(ValueError, match=words):
        length(batch)
