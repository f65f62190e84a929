"""Transforms of whole batches: each against a loop over its images, or a property that defines it."""

import numpy as np
import pytest
from scipy import ndimage

from tinygrad_cnn.data import transforms as T

RNG = np.random.default_rng(0)
X = RNG.random((64, 7, 9, 3)).astype(np.float32)

ALL = [
    T.Normalize(0.5, 0.2),
    T.Normalize([0.1, 0.2, 0.3], (1, 2, 3)),
    T.RandomCrop((5, 6)),
    T.RandomCrop((7, 9), padding=2),
    T.CenterCrop(4),
    T.RandomFlip(),
    T.RandomFlip(vertical=True, p=0.3),
    T.Cutout(3),
    T.RandomRotate(30),
    T.ColorJitter(0.2, 0.3, 0.4),
    T.Compose([T.RandomCrop((7, 9), 1), T.RandomFlip(), T.Normalize(0.5, 0.5)]),
    T.Compose([]),
]


@pytest.mark.parametrize("t", ALL, ids=repr)
def test_contract(t):
    before = X.copy()
    y = t(X, np.random.default_rng(5))
    np.testing.assert_array_equal(X, before)  # inputs are not written to
    assert y.dtype == np.float32 and y.ndim == 4 and len(y) == len(X) and np.isfinite(y).all()
    np.testing.assert_array_equal(y, t(X, np.random.default_rng(5)))  # only rng decides
    assert t(X[:0], np.random.default_rng(5)).shape == (0, *y.shape[1:])
    strided = np.asfortranarray(X)[:, ::-1]
    np.testing.assert_array_equal(
        t(strided, np.random.default_rng(5)), t(np.ascontiguousarray(strided), np.random.default_rng(5))
    )


def test_normalize():
    mean, std = X.mean(axis=(0, 1, 2)), X.std(axis=(0, 1, 2))
    y = T.Normalize(mean, std)(X, RNG)
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=(0, 1, 2)), 1, rtol=1e-5)


def test_random_crops_are_windows_of_the_padded_image_and_all_of_them():
    places = set()
    rng = np.random.default_rng(0)
    x = np.arange(1, 7 * 9 + 1, dtype=np.float32).reshape(1, 7, 9, 1)
    padded = np.pad(x[0], ((1, 1), (1, 1), (0, 0)))
    windows = {padded[i : i + 7, j : j + 8].tobytes(): (i, j) for i in range(3) for j in range(4)}
    for y in T.RandomCrop((7, 8), padding=1)(np.repeat(x, 300, axis=0), rng):
        places.add(windows[y.tobytes()])
    assert len(places) == 12


def test_center_crop():
    np.testing.assert_array_equal(T.CenterCrop((3, 4))(X, RNG), X[:, 2:5, 2:6])


def test_flips_are_mirrors_with_the_given_probability():
    y = T.RandomFlip(p=0.25)(np.repeat(X, 50, axis=0), np.random.default_rng(0))
    x = np.repeat(X, 50, axis=0)
    mirrored = (y == x[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (mirrored | (y == x).all(axis=(1, 2, 3))).all()
    assert 0.22 < mirrored.mean() < 0.28
    np.testing.assert_array_equal(T.RandomFlip(p=1)(X, RNG), X[:, :, ::-1])
    np.testing.assert_array_equal(T.RandomFlip(False, True, p=1)(X, RNG), X[:, ::-1])
    np.testing.assert_array_equal(T.RandomFlip(p=0)(X, RNG), X)


def test_cutout_blanks_one_square_of_all_channels():
    ones = np.ones((500, 8, 8, 2), np.float32)
    y = T.Cutout(3)(ones, np.random.default_rng(0))
    assert (y[..., 0] == y[..., 1]).all()
    seen = set()
    for image in y[..., 0] == 0:
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        assert image.sum() == len(rows) * len(columns) and 2 <= len(rows) <= 3 and 2 <= len(columns) <= 3
        assert np.ptp(rows) == len(rows) - 1
        seen.add((rows[0], len(rows), columns[0], len(columns)))
    assert len(seen) == 64  # every pixel was a centre


@pytest.mark.parametrize("shape", [(6, 6), (5, 8)])
def test_rotation_agrees_with_scipy(shape):
    x = RNG.random((4, *shape, 2)).astype(np.float32)
    y = T.RandomRotate(40)(x, np.random.default_rng(3))
    angles = np.random.default_rng(3).uniform(-40, 40, (4, 1, 1)).ravel()
    for image, turned, angle in zip(x, y, angles, strict=True):
        for c in range(2):
            expected = ndimage.rotate(np.pad(image[..., c], 6), -angle, order=1, reshape=False)[6:-6, 6:-6]
            np.testing.assert_allclose(turned[..., c], expected, atol=1e-5)


def test_no_rotation_is_the_identity():
    np.testing.assert_array_equal(T.RandomRotate(0)(X, RNG), X)


def test_colour_jitter_parts():
    np.testing.assert_array_equal(T.ColorJitter()(X, RNG), X)
    bright = T.ColorJitter(brightness=0.4)(X / 2 + 0.1, np.random.default_rng(0)) / (X / 2 + 0.1)
    factors = bright.reshape(len(X), -1)
    np.testing.assert_allclose(factors, factors[:, :1] * np.ones_like(factors), rtol=1e-4)
    assert factors.min() >= 0.6 - 1e-4 and factors.max() <= 1.4 + 1e-4 and np.ptp(factors[:, 0]) > 0.3
    middle = X * 0.2 + 0.4
    contrast = T.ColorJitter(contrast=0.5)(middle, np.random.default_rng(0))
    np.testing.assert_allclose(contrast.mean(axis=(1, 2, 3)), middle.mean(axis=(1, 2, 3)), rtol=1e-5)
    saturation = T.ColorJitter(saturation=0.5)(middle, np.random.default_rng(0))
    np.testing.assert_allclose(saturation.mean(axis=3), middle.mean(axis=3), rtol=1e-5)
    for y in (contrast, saturation):
        assert np.abs(y - middle).max() > 0.01


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: T.Normalize(0, 0), "Normalize: std must be above 0"),
        (lambda: T.Normalize(float("nan"), 1), "mean must be a finite number"),
        (lambda: T.RandomCrop(0), "RandomCrop: size=0 must be a whole number of at least 1, or .height, width."),
        (lambda: T.RandomCrop((3, 3, 3)), r"size=\(3, 3, 3\)"),
        (lambda: T.RandomCrop(3, -1), "padding=-1 must be .* at least 0"),
        (lambda: T.CenterCrop(2.5), "CenterCrop: size"),
        (lambda: T.RandomFlip(p=1.5), "RandomFlip: p=1.5 must be a number from 0 to 1"),
        (lambda: T.RandomFlip(p="often"), "p='often'"),
        (lambda: T.Cutout(0), "Cutout: size"),
        (lambda: T.RandomRotate(-5), "degrees=-5 must be a number from 0 to 180"),
        (lambda: T.RandomRotate(float("nan")), "degrees=nan"),
        (lambda: T.ColorJitter(2), "brightness=2 must be a number from 0 to 1"),
        (lambda: T.Normalize([1, 2], 1)(X, RNG), r"mean has 2 channels, the images \(64, 7, 9, 3\) 3"),
        (lambda: T.Mixup(0, 3), "Mixup: alpha=0 must be a number from 0.001 to 1000"),
        (lambda: T.Mixup(float("nan"), 3), "alpha=nan"),
        (lambda: T.Mixup(0.2, 0), "Mixup: classes=0 must be a whole number of at least 1"),
        (lambda: T.Mixup(0.2, 3)(X, np.arange(len(X)), RNG), "Mixup: labels go from 0 to 63, but classes=3"),
        (lambda: T.Mixup(0.2, 3)(X, np.eye(64, 4), RNG), r"labels \(64, 4\) are rows of 4 classes, but classes=3"),
        (lambda: T.CenterCrop(8)(X, RNG), "CenterCrop: a 8x8 window does not fit a 7x9 image"),
    ],
)
def test_bad_settings(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()


def test_mixup_mixes_pictures_and_labels_alike():
    rng = np.random.default_rng(0)
    y = np.arange(len(X)) % 4
    x, rows = T.Mixup(0.4, 4)(X, y, rng)
    again = np.random.default_rng(0)
    other, share = again.permutation(len(X)), again.beta(0.4, 0.4, len(X))
    for k in range(len(X)):
        np.testing.assert_allclose(x[k], share[k] * X[k] + (1 - share[k]) * X[other[k]], atol=1e-6)
        expected = np.zeros(4)
        expected[y[k]] += share[k]
        expected[y[other[k]]] += 1 - share[k]
        np.testing.assert_allclose(rows[k], expected, atol=1e-6)
    assert x.dtype == rows.dtype == np.float32
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)
    assert len(np.unique(share)) == len(X)


def test_mixup_of_an_empty_batch_of_rows_and_of_a_view():
    mix = T.Mixup(1.0, 3)
    x, rows = mix(X[:0], np.zeros(0, np.int64), RNG)
    assert x.shape == (0, 7, 9, 3) and rows.shape == (0, 3)
    y = np.arange(len(X)) % 3
    as_rows = np.eye(3, dtype=np.float32)[y]
    before = X.copy()
    for a, b in zip(mix(X, y, np.random.default_rng(1)), mix(X, as_rows, np.random.default_rng(1)), strict=True):
        np.testing.assert_array_equal(a, b)
    strided = np.asfortranarray(X)
    np.testing.assert_array_equal(mix(strided, y, np.random.default_rng(1))[0], mix(X, y, np.random.default_rng(1))[0])
    np.testing.assert_array_equal(X, before)


def test_a_composition_hands_labels_through_those_that_ask_for_them():
    y = np.arange(len(X)) % 3
    both = T.Compose([T.RandomFlip(), T.Mixup(0.3, 3), T.Normalize(0.5, 0.5), T.Mixup(0.3, 3)])
    assert both.changes_labels and not T.Compose([T.RandomFlip()]).changes_labels
    x, rows = both(X, y, np.random.default_rng(0))
    assert x.shape == X.shape and rows.shape == (len(X), 3)
    nested, same = T.Compose([both])(X, y, np.random.default_rng(0))
    np.testing.assert_array_equal(x, nested)
    np.testing.assert_array_equal(rows, same)
    with pytest.raises(TypeError, match=r"changes labels, so call it as t\(x, y, rng\)"):
        both(X, np.random.default_rng(0))


def test_compose_takes_callables_only():
    with pytest.raises(TypeError, match="Compose: needs callables"):
        T.Compose([T.RandomFlip(), 3])
