"""CTC: the definition by all alignments, targets of every kind, and what does not fit."""

import itertools

import numpy as np
import pytest

import tinygrad_cnn as tg

RNG = np.random.default_rng(0)
LOG_P = np.log(RNG.dirichlet(np.ones(3), (4, 2)))
LENGTHS = np.array([4, 4])


def by_alignments(log_p, target, blank=0):
    """-log of the sum over all paths that read as the target."""
    total = 0.0
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        read = [label for label, _ in itertools.groupby(path) if label != blank]
        if read == list(target):
            total += np.exp(sum(log_p[t, c] for t, c in enumerate(path)))
    return -np.log(total) if total else np.inf


@pytest.mark.parametrize("blank", [0, 1, 2])
def test_every_target_of_every_length(blank):
    labels = [c for c in range(3) if c != blank]
    for size in range(4):
        for target in itertools.product(labels, repeat=size):
            for time in range(1, 5):
                row, lengths = np.array([[*target, 7]]), (np.array([time]), np.array([size]))
                got = tg.ctc_loss(LOG_P[:, :1], row, *lengths, blank=blank, reduction="sum")
                np.testing.assert_allclose(got, by_alignments(LOG_P[:time, 0], target, blank), rtol=1e-12)


def test_probabilities_of_all_targets_add_up_to_one():
    total = 0.0
    for size in range(5):
        for target in itertools.product([1, 2], repeat=size):
            loss = tg.ctc_loss(LOG_P[:, :1], np.array([target], int).reshape(1, size), LENGTHS[:1], np.array([size]))
            total += np.exp(-float(loss) * max(size, 1))
    assert total == pytest.approx(1.0)


def test_targets_in_rows_or_one_after_the_other():
    rows, sizes = np.array([[1, 2, 2], [2, -5, 99]]), np.array([3, 1])
    one = tg.ctc_loss(LOG_P, rows, LENGTHS, sizes, reduction="none")
    two = tg.ctc_loss(LOG_P, np.array([1, 2, 2, 2]), LENGTHS, sizes, reduction="none")
    np.testing.assert_array_equal(one, two)
    each = [by_alignments(LOG_P[:, 0], [1, 2, 2]), by_alignments(LOG_P[:, 1], [2])]
    np.testing.assert_allclose(tg.ctc_loss(LOG_P, rows, LENGTHS, sizes), (each[0] / 3 + each[1]) / 2)
    np.testing.assert_allclose(tg.ctc_loss(LOG_P, rows, LENGTHS, sizes, reduction="sum"), sum(each))


def test_gradients_are_minus_how_often_each_class_is_used():
    x = tg.Tensor(LOG_P, requires_grad=True)
    g = tg.grad(tg.ctc_loss(x, np.array([[1, 2], [1, 0]]), np.array([4, 2]), np.array([2, 1]), reduction="sum"), x)
    np.testing.assert_allclose(g.sum(axis=2), [[-1, -1], [-1, -1], [-1, 0], [-1, 0]], atol=1e-12)
    assert not g[2:, 1].any()


def test_what_does_not_fit_is_infinite_or_0_without_gradients():
    x = tg.Tensor(LOG_P[:2], requires_grad=True)
    targets, lengths, sizes = np.array([[1, 1], [1, 2]]), np.array([2, 2]), np.array([2, 2])  # 1, blank, 1 takes three
    loss = tg.ctc_loss(x, targets, lengths, sizes, reduction="none")
    assert np.isinf(loss[0].item()) and np.isfinite(loss[1].item())
    zero = tg.ctc_loss(x, targets, lengths, sizes, reduction="none", zero_infinity=True)
    assert zero.data.tolist() == [0.0, loss[1].item()]
    for y in (loss, zero):
        first = tg.grad(y, x, grad_outputs=np.ones(2), create_graph=True)
        assert not first.data[:, 0].any() and first.data[:, 1].any()
        assert np.isfinite(tg.grad(first, x, grad_outputs=LOG_P[:2])).all()


def test_long_sequences_do_not_underflow():
    log_p = np.full((2000, 1, 30), -np.log(30), np.float32)
    x = tg.Tensor(log_p, requires_grad=True)
    loss = tg.ctc_loss(x, RNG.integers(1, 30, (1, 40)), np.array([2000]), np.array([40]), reduction="sum")
    assert 6000 < loss.item() < 6800
    np.testing.assert_allclose(tg.grad(loss, x).sum(axis=2), -1, rtol=1e-5)


def test_no_time_and_no_sequences():
    nothing = np.zeros((0, 2, 3))
    found = tg.ctc_loss(nothing, np.array([[1], [1]]), np.array([0, 0]), np.array([1, 0]), reduction="none")
    assert found.tolist() == [np.inf, 0.0]
    none = np.zeros(0, int)
    assert tg.ctc_loss(LOG_P[:, :0], np.zeros((0, 2), int), none, none).item() == 0.0


@pytest.mark.parametrize(("change", "message"), [
    ({"log_probabilities": LOG_P[0]}, r"ctc_loss: log_probabilities have shape \(2, 3\), expected \(T, N, C\)"),
    ({"targets": np.array([[1, 0], [2, 1]])}, r"target of sequence 0 at 1 is 0, not a label.*0 is the blank"),
    ({"targets": np.array([[1, 2], [3, 1]])}, r"target of sequence 1 at 0 is 3, not a label.*classes 0 to 2"),
    ({"targets": np.array([1, 2, 1])},
     r"targets have shape \(3,\), expected \(2, S\), or all labels in one row, \(4,\)"),
    ({"targets": np.array([[1.0, 2.0]] * 2)}, r"targets are \(2, 2\) float64, expected whole numbers"),
    ({"input_lengths": np.array([4, 5])},
     r"input_lengths go from 4 to 5, but log_probabilities \(4, 2, 3\) have 4 steps"),
    ({"input_lengths": np.array([4])}, r"input_lengths are \(1,\) int64, expected whole numbers, one for each"),
    ({"target_lengths": np.array([2, 3])}, r"target_lengths go from 2 to 3, but targets \(2, 2\) have 2 columns"),
    ({"blank": 3}, r"ctc_loss: blank=3 must be a whole number from 0 to 2"),
])  # fmt: skip
def test_mistakes_are_named(change, message):
    right = {"log_probabilities": LOG_P, "targets": np.array([[1, 2], [2, 1]]), "input_lengths": LENGTHS,
             "target_lengths": np.array([2, 2])}  # fmt: skip
    with pytest.raises(ValueError, match=message):
        tg.ctc_loss(**{**right, **change})


def test_a_model_learns_to_write_a_word():
    logits = tg.nn.Parameter(np.zeros((8, 1, 4), np.float32))
    optimizer = tg.optim.Adam([logits], lr=0.3)
    for _ in range(60):
        loss = tg.ctc_loss(tg.log_softmax(logits), np.array([[3, 1, 1, 2]]), np.array([8]), np.array([4]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    read = [c for c, _ in itertools.groupby(logits.data.argmax(axis=2)[:, 0].tolist()) if c]
    assert read == [3, 1, 1, 2]
