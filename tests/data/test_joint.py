"""Transforms that move masks, boxes and images along: each pixel and box stays with what it belongs to."""

import itertools

import numpy as np
import pytest

from tinygrad_cnn.data import ArrayDataset, DataLoader, digit_scenes
from tinygrad_cnn.data import transforms as T

RNG = np.random.default_rng(0)
B, H, W = 40, 9, 11
CODES = (RNG.permutation(H * W).reshape(1, H, W) + np.zeros((B, 1, 1), int)).astype(np.int64) + 1  # a number a pixel
X = CODES[..., None].astype(np.float32)
MOVES = [T.RandomCrop((6, 7)), T.RandomCrop((9, 11), padding=3), T.CenterCrop((4, 6)), T.RandomFlip(vertical=True)]


def rng(seed=5):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("t", MOVES, ids=repr)
def test_images_masks_and_images_among_the_targets_move_alike(t):
    x, y = T.Joint(t, {"mask": "mask", "clean": "image"})(X, {"mask": CODES, "clean": X, "age": 1}, rng())
    np.testing.assert_array_equal(x, t(X, rng()))  # the draws of the transform by itself
    np.testing.assert_array_equal(y["mask"], x[..., 0])
    np.testing.assert_array_equal(y["clean"], x)
    assert y["age"] == 1 and y["mask"].dtype == np.int64 and y["clean"].dtype == np.float32


@pytest.mark.parametrize("t", [*MOVES, T.Resize((18, 22))], ids=repr)
def test_boxes_follow_the_pixels(t):
    """A box around a block of ones is moved to where the ones are, cut at the edges."""
    x, boxes = np.zeros((B, H, W, 1), np.float32), []
    for k in range(B):
        top, left = RNG.integers(H - 3), RNG.integers(W - 3)
        x[k, top : top + 3, left : left + 4] = 1
        boxes.append(np.array([[left, top, left + 4, top + 3], [0, 0, W, H]], np.float32))
    moved, (found, rows) = move_boxes(t, x, boxes)
    for image, of_image, kept in zip(moved[..., 0], found, rows, strict=True):
        assert kept[-1] == 1  # the box of the whole image can always be seen
        if kept[0] == 0:
            down, across = np.nonzero(image > 0.5)
            around = [across.min(), down.min(), across.max() + 1, down.max() + 1]
            np.testing.assert_allclose(of_image[0], around, atol=1e-4)
        else:
            assert image.sum() < 12


def move_boxes(t, x, boxes, **settings):
    targets = {"boxes": boxes, "rows": [np.arange(len(b)) for b in boxes]}
    moved, y = T.Joint(t, {"boxes": "boxes", "rows": "rows"}, min_visible=0, **settings)(x, targets, rng())
    return moved, (y["boxes"], y["rows"])


def test_rotation_of_masks_is_that_of_images_without_values_between():
    t = T.RandomRotate(60)
    half = (CODES > 50).astype(np.int64)
    half[:, H // 3 : -H // 3] = 3  # smooth enough that most pixels have one class around them
    x, mask = T.Joint(t, "mask")(half[..., None].astype(np.float32), half, rng())
    assert set(np.unique(mask)) <= {0, 1, 3}
    exact = x[..., 0] == np.rint(x[..., 0])
    assert exact.mean() > 0.2 and (mask == x[..., 0])[exact & np.isin(x[..., 0], (0, 3))].mean() > 0.97
    x, mask = T.Joint(T.RandomRotate(0), "mask")(X, CODES, rng())
    np.testing.assert_array_equal(mask, CODES)


def test_boxes_turn_as_pixels_do():
    x = np.zeros((B, 41, 41, 1), np.float32)
    x[:, 18, 30] = 1
    moved, (found, _) = move_boxes(T.RandomRotate(90), x, [np.array([[30, 18, 31, 19]])] * B)
    for image, (box,) in zip(moved[..., 0], found, strict=True):
        centre = (np.indices(image.shape) * image).sum(axis=(1, 2)) / image.sum() + 0.5
        np.testing.assert_allclose([(box[1] + box[3]) / 2, (box[0] + box[2]) / 2], centre, atol=0.2)
        assert 0.99 <= box[2] - box[0] <= 1.42


def test_resize():
    x, mask = T.Joint(T.Resize((18, 22)), "mask")(X, CODES, rng())
    np.testing.assert_array_equal(mask, CODES.repeat(2, 1).repeat(2, 2))
    assert x.shape == (B, 18, 22, 1) and x.dtype == np.float32
    np.testing.assert_array_equal(x, T.Resize((18, 22))(X, rng()))


@pytest.mark.parametrize("t", [*MOVES, T.Resize((6, 4))], ids=repr)
def test_larger_targets_move_by_as_many_pixels_more(t):
    """The targets of super-resolution, with the inputs made from them."""
    large = X.repeat(2, 1).repeat(2, 2)
    x, y = T.Joint(t, "image")(X, large, rng())
    if isinstance(t, T.Resize):
        assert y.shape == (B, 12, 8, 1)
    else:
        np.testing.assert_array_equal(y, x.repeat(2, 1).repeat(2, 2))


def test_pixels_from_outside_have_the_class_fill():
    x, mask = T.Joint(T.RandomCrop((H, W), padding=4), "mask", fill=-1)(X, CODES, rng())
    np.testing.assert_array_equal(mask == -1, x[..., 0] == 0)
    assert (mask == -1).any()


def test_values_change_only_in_the_inputs_and_draws_go_on():
    t = T.Joint([T.RandomFlip(), T.ColorJitter(0.2), T.Compose([T.RandomCrop(5), T.Normalize(0.5, 0.5)])], "mask")
    x, mask = t(X / 100, CODES, rng())
    alone = T.Compose([T.RandomFlip(), T.ColorJitter(0.2), T.RandomCrop(5), T.Normalize(0.5, 0.5)])(X / 100, rng())
    np.testing.assert_array_equal(x, alone)
    assert set(np.unique(mask)) <= set(np.unique(CODES)) and mask.shape == (B, 5, 5)


def test_a_transform_of_ones_own():
    class Roll:
        def draw(self, shape, rng):
            by = int(rng.integers(1, shape[2]))
            return T.Move(lambda x: np.roll(x, by, axis=2))

        def __call__(self, x, rng):
            return self.draw(x.shape, rng).image(x)

    x, mask = T.Joint(Roll(), "mask")(X, CODES, rng())
    np.testing.assert_array_equal(mask, x[..., 0])
    assert (mask != CODES).any()
    with pytest.raises(TypeError, match=r"does not say how boxes move; return Move\(image, boxes=...\)"):
        T.Joint(Roll(), "boxes")(X, [np.zeros((0, 4))] * B, rng())


def test_boxes_that_leave_the_image_are_left_out():
    x = np.zeros((1, 10, 10, 1), np.float32)
    boxes = [np.array([[0, 0, 3, 10], [0, 0, 2, 2], [4, 4, 6, 6], [2, 2, 4, 4]], np.float32)]
    labels = {"boxes": boxes, "labels": [np.arange(4)]}
    for least, kept in ((0, [2, 3]), (0.2, [2, 3]), (0.3, [2])):  # the window goes from 3 to 7
        t = T.Joint(T.CenterCrop(4), {"boxes": "boxes", "labels": "rows"}, min_visible=least)
        _, y = t(x, labels, rng())
        assert y["labels"][0].tolist() == kept
        np.testing.assert_array_equal(y["boxes"][0], np.float32([[1, 1, 3, 3], [0, 0, 1, 1]])[: len(kept)])
    np.testing.assert_array_equal(boxes[0][0], [0, 0, 3, 10])  # the given ones are as they were


@pytest.mark.parametrize("prefetch", [0, 2])
def test_in_a_loader_with_resume(prefetch):
    scenes, _ = digit_scenes((30, 1), 24, boxes=True)

    def fresh():
        t = T.Joint([T.RandomCrop(20), T.RandomFlip()], {"mask": "mask", "boxes": "boxes", "labels": "rows"})
        return DataLoader(scenes, 8, shuffle=True, transform=t, prefetch=prefetch)

    expected = list(fresh())
    broken = fresh()
    seen = list(itertools.islice(broken, 2))
    resumed = fresh()
    resumed.load_state_dict(broken.state_dict())
    for (x, y), (again, same) in zip(expected, seen + list(resumed), strict=True):
        np.testing.assert_array_equal(x, again)
        np.testing.assert_array_equal(y["mask"], same["mask"])
        assert all(map(np.array_equal, y["boxes"], same["boxes"]))
        assert list(map(len, y["boxes"])) == list(map(len, y["labels"]))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: T.Joint(T.RandomFlip(), "masks"), ValueError, "targets='masks' must be .*mask"),
        (lambda: T.Joint(T.RandomFlip(), {"a": "rows"}), ValueError, "rows belong to boxes"),
        (lambda: T.Joint(3, "mask"), TypeError, "needs transforms .* got int"),
        (lambda: T.Joint(T.Mixup(0.2, 3), "mask"), TypeError, "got Mixup. Put one that changes labels beside it"),
        (lambda: T.Joint([], "mask", min_visible=2), ValueError, "min_visible=2 must be a number from 0 to 1"),
        (lambda: T.Joint(MOVES[3], "mask")(X, X, rng()), TypeError, r"must be masks \(B,H,W\) for .* got float32"),
        (lambda: T.Joint(MOVES[3], "image")(X, X[:, 1:], rng()), ValueError, "of the size of the inputs"),
        (lambda: T.Joint(MOVES[3], "boxes")(X, X, rng()), ValueError, r"must be a list of 40 arrays .* float32"),
        (lambda: T.Joint(MOVES[3], "boxes")(X, [np.zeros((2, 5))] * B, rng()), ValueError, "must be boxes"),
        (lambda: T.Joint(MOVES[3], {"a": "mask"})(X, {"b": CODES}, rng()), ValueError, "must be a dict of 'a', got"),
        (lambda: T.Joint(MOVES[3], ("mask", None))(X, CODES, rng()), ValueError, "must be a tuple of 2, got int64"),
        (lambda: T.Joint(T.RandomCrop(99), "mask")(X, CODES, rng()), ValueError, "transform RandomCrop: .* fit"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_mixup_of_floats_and_of_masks():
    y = RNG.random((B, H, W, 2)).astype(np.float32)
    _, mixed = T.Mixup(0.4)(X, y, rng())
    again = rng()
    other, share = again.permutation(B), again.beta(0.4, 0.4, B).astype(np.float32)
    np.testing.assert_allclose(
        mixed, np.einsum("b,b...->b...", share, y) + np.einsum("b,b...->b...", 1 - share, y[other])
    )
    numbers = T.Mixup(0.4)(X, y[:, 0, 0, 0], rng())[1]
    np.testing.assert_allclose(numbers, mixed[:, 0, 0, 0], rtol=1e-6)
    for wrong, settings, words in (
        (CODES, (0.2, 3), r"whole numbers \(40, 9, 11\), such as masks, have nothing between them"),
        (CODES[:, 0, 0], (0.2,), "give classes"),
        (y, (0.2, 3), "Leave classes out to mix floats"),
    ):
        with pytest.raises(ValueError, match=f"Mixup: .*{words}"):
            T.Mixup(*settings)(X, wrong, rng())
    with pytest.raises(TypeError, match="one array, got dict"):
        T.Mixup(0.2)(X, {"a": y}, rng())


def test_beside_other_transforms():
    t = T.Compose([T.Normalize(0.5, 0.5), T.Joint(T.RandomFlip(), "mask"), T.Joint(T.Resize(5), "mask")])
    for x, y in DataLoader(ArrayDataset(X, CODES), 16, transform=t, prefetch=2):
        assert x.shape[:3] == y.shape == (len(x), 5, 5)


def test_masks_are_moved_in_a_data_set_of_arrays():
    made = ArrayDataset(X, CODES.astype(np.uint8))
    for x, y in DataLoader(made, 16, transform=T.Joint(T.RandomCrop(5), "mask")):
        np.testing.assert_array_equal(x[..., 0], y)
