"""Pictures made like those of a data set: whatever their size, place, pen and paper."""

import numpy as np
import pytest

import tinygrad_cnn.data.prepare as module
from tinygrad_cnn.data import digits
from tinygrad_cnn.data.prepare import STYLES, prepare

SHAPES = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "fashion_mnist": (28, 28, 1)}


def ring(side=128, centre=(0.5, 0.5), radii=(0.36, 0.22), pen=0.08, slant=0.0):
    """A zero: dark ink on bright paper, (side, side, 1)."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side
    r = np.hypot((y - centre[0]) / radii[0], (x - centre[1] - slant * (y - centre[0])) / radii[1])
    ink = np.abs(r - 1) < pen / 2 / min(radii)
    return np.where(ink, 0.0, 1.0).astype(np.float32)[..., None]


@pytest.mark.parametrize("data", STYLES)
def test_place_and_size_on_the_paper_do_not_matter(data):
    shape = SHAPES[data]
    one = prepare(ring(256), shape, data, paper=True).x
    assert one.shape == shape and one.dtype == np.float32 and one.min() >= 0 and one.max() == 1
    for other in (ring(256, (0.45, 0.62)), ring(200), ring(256, (0.3, 0.3), (0.18, 0.11), 0.04)):
        again = prepare(other, shape, data, paper=True).x
        assert np.abs(again - one).mean() < 0.04


def test_digits_fill_all_rows_and_have_the_ink_of_those_in_the_package():
    train, _ = digits()
    usual = train.images.sum(axis=(1, 2, 3))
    for pen in (0.03, 0.08, 0.14):
        x = prepare(ring(pen=pen), (8, 8, 1), "digits", paper=True).x
        assert x[0].max() > 0.25 and x[-1].max() > 0.25  # as in each of the 1,797
        assert np.quantile(usual, 0.25) < x.sum() < np.quantile(usual, 0.75)
        np.testing.assert_array_equal(x * 16, np.round(x * 16))  # counts in blocks of 4x4
        assert x[:, 0].sum() == x[:, -1].sum() == 0


def test_a_part_of_a_digits_slant_is_undone():
    def slant(x):
        rows, columns = np.mgrid[: x.shape[0], : x.shape[1]]
        rows, columns = (v - (v * x).sum() / x.sum() for v in (rows, columns))
        return (rows * columns * x).sum() / (rows**2 * x).sum()

    x = prepare(ring(slant=-0.4), (8, 8, 1), "digits", paper=True).x[..., 0]
    upright = prepare(ring(), (8, 8, 1), "digits", paper=True).x[..., 0]
    assert abs(slant(upright)) < 0.02 and -0.3 < slant(x) < -0.05


def test_a_one_stays_slim():
    picture = np.ones((128, 128, 1), np.float32)
    picture[20:110, 60:66] = 0
    x = prepare(picture, (8, 8, 1), "digits", paper=True).x[..., 0]
    assert (x.max(axis=0) > 0.3).sum() <= 3


def test_mnist_has_a_side_of_20_and_its_mass_in_the_middle():
    picture = np.ones((100, 140, 1), np.float32)
    picture[10:60, 80:85] = 0
    picture[50:60, 70:95] = 0
    x = prepare(picture, (28, 28, 1), "mnist", paper=True).x[..., 0]
    rows, columns = np.mgrid[:28, :28] + 0.5
    assert abs((rows * x).sum() / x.sum() - 14) < 0.05 and abs((columns * x).sum() / x.sum() - 14) < 0.05
    assert 20 <= (x.max(axis=1) > 0.01).sum() <= 21


def test_clothes_fill_the_picture():
    picture = np.ones((100, 100, 1), np.float32)
    picture[30:70, 45:65] = 0.2
    x = prepare(picture, (28, 28, 1), "fashion_mnist", paper=True).x[..., 0]
    assert (x > 0.5).any(axis=1).all() and 13 <= (x > 0.5).any(axis=0).sum() <= 15


def test_the_frame_says_where_each_pixel_came_from():
    """A place in x, mapped by the frame, lands on ink where x has ink."""
    picture = ring(512, (0.4, 0.6), slant=0.3)
    for data, shape in SHAPES.items():
        prepared = prepare(picture, shape, data, paper=True)
        h, w, _ = shape
        places = np.stack([*(np.mgrid[:h, :w] + 0.5) / np.array([h, w])[:, None, None], np.ones((h, w))])
        r, c = np.clip(np.int64(512 * np.tensordot(prepared.frame, places, 1)), 0, 511)
        there = picture[r, c, 0] == 0
        assert prepared.x[..., 0][there].mean() > 3 * prepared.x[..., 0][~there].mean()


@pytest.mark.parametrize("data", [*STYLES, "cifar10", None])
def test_a_picture_of_the_networks_own_size_is_left_as_it_is(data):
    x = np.float32(np.random.default_rng(0).random((8, 8, 1)) * 0.4)
    np.testing.assert_array_equal(prepare(x, (8, 8, 1), data).x, x)


@pytest.mark.parametrize("data", STYLES)
def test_paper_is_told_by_its_border(data):
    picture = ring(radii=(0.3, 0.2))
    for given in (picture, 1 - picture, 0.9 * picture + 0.05):
        x = prepare(given, SHAPES[data], data).x
        np.testing.assert_allclose(x, prepare(picture, SHAPES[data], data, paper=True).x, atol=1e-5)


def test_a_picture_cut_out_from_edge_to_edge_keeps_its_frame():
    _, test = digits()
    for x in test.images[:20]:
        large = np.kron(x, np.ones((10, 10, 1), np.float32))
        np.testing.assert_allclose(prepare(large, (8, 8, 1), "digits").x, x, atol=1e-6)


def test_other_data_sets_pictures_are_resized_and_nothing_else():
    x = np.float32(np.random.default_rng(0).random((16, 12, 3)))
    small = prepare(x, (8, 6, 3), "cifar10").x
    np.testing.assert_allclose(small, x.reshape(8, 2, 6, 2, 3).mean(axis=(1, 3)), atol=1e-6)
    np.testing.assert_allclose(prepare(small, (16, 12, 3)).x, np.kron(small, np.ones((2, 2, 1))), atol=1e-6)


@pytest.mark.parametrize("data", STYLES)
def test_paper_without_ink_is_black(data):
    for value in (1.0, 0.93):
        x = prepare(np.full((50, 60, 1), value, np.float32), SHAPES[data], data).x
        assert x.shape == SHAPES[data] and not x.any()


def lines(*ends, pen=1.0, side=64):
    """Straight strokes between (row, column) and (row, column): dark ink on bright paper, (side, side, 1)."""
    y, x = np.mgrid[:side, :side] + 0.5
    picture = np.ones((side, side, 1), np.float32)
    for (top, left), (bottom, right) in ends:
        length = np.hypot(bottom - top, right - left)
        along = ((y - top) * (bottom - top) + (x - left) * (right - left)) / length
        beside = ((y - top) * (right - left) - (x - left) * (bottom - top)) / length
        picture[(np.abs(beside) <= pen / 2) & (along >= 0) & (along <= length)] = 0
    return picture


def block(rows, columns, side=64):
    picture = np.ones((side, side, 1), np.float32)
    picture[rows, columns] = 0
    return picture


SIMPLE = {
    "dot": block(slice(5, 6), slice(9, 10)),
    "column": block(slice(0, 64), slice(3, 4)),
    "row": block(slice(7, 8), slice(0, 64)),
    "square": block(slice(10, 40), slice(12, 42)),
    "cross": lines(((10.5, 10.5), (50.5, 50.5)), ((10.5, 50.5), (50.5, 10.5)), pen=6),
    **{
        f"{name} {pen}": lines(ends, pen=pen)
        for pen in (1, 2, 3, 5, 9, 16)
        for name, ends in (
            ("horizontal", ((30.5, 8), (30.5, 56))),
            ("vertical", ((8, 30.5), (56, 30.5))),
            ("diagonal", ((8, 8), (56, 56))),
            ("other diagonal", ((8, 56), (56, 8))),
            ("slanted", ((8, 40), (56, 24))),
        )
    },
}


@pytest.mark.parametrize("drawing", SIMPLE)
def test_simple_drawings_are_prepared_too(drawing):
    for data, shape in SHAPES.items():
        prepared = prepare(SIMPLE[drawing], shape, data, paper=True)
        assert np.isfinite(prepared.x).all() and np.isfinite(prepared.frame).all() and prepared.x.any()


@pytest.mark.parametrize("drawing", SIMPLE)
def test_simple_digits_have_about_the_usual_ink(drawing):
    """The most inked places are chosen by rank: 312 of 1,024, or fewer if the blurred stroke covers fewer."""
    x = prepare(SIMPLE[drawing], (8, 8, 1), "digits", paper=True).x
    assert 0.1 * 312 < (x * 16).sum() <= 312


@pytest.mark.parametrize("drawing", SIMPLE)
def test_rounding_moves_few_places(drawing, monkeypatch):
    """Sums and products are rounded differently by each BLAS; a difference of 1e-7 must not redraw the picture."""
    plain = {data: prepare(SIMPLE[drawing], shape, data, paper=True) for data, shape in SHAPES.items()}
    rng = np.random.default_rng(0)
    blurred, centre, slant = module._blurred, module._centre, module._slant
    monkeypatch.setattr(module, "_blurred", lambda x: blurred(x) + rng.uniform(-1e-7, 1e-7, x.shape))
    monkeypatch.setattr(module, "_centre", lambda ink: tuple(v + rng.uniform(-1e-9, 1e-9) for v in centre(ink)))
    monkeypatch.setattr(module, "_slant", lambda ink: slant(ink) + rng.uniform(-1e-12, 1e-12))
    for data, shape in SHAPES.items():
        for _ in range(5):
            again = prepare(SIMPLE[drawing], shape, data, paper=True)
            np.testing.assert_allclose(again.frame, plain[data].frame, atol=1e-9)
            places = 16 * np.abs(again.x - plain[data].x).sum()  # of 4x4 in each pixel
            assert places <= (4 if data == "digits" else 1e-3)


@pytest.mark.parametrize("grey", [1.0, 0.3])
def test_a_row_of_ink_has_no_slant(grey, monkeypatch):
    """Its spread over rows is zero but for rounding, so that the quotient of the moments means nothing."""
    ink = np.zeros((64, 64), np.float32)
    ink[7, 5:50] = grey
    assert module._slant(ink) == 0
    centre = module._centre
    monkeypatch.setattr(module, "_centre", lambda ink: tuple(v + 3e-6 for v in centre(ink)))
    assert module._slant(ink) == 0


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((8, 8)), r"a picture is \(H,W,1\) floating, got float64 \(8, 8\)"),
        (np.zeros((8, 8, 3)), r"got float64 \(8, 8, 3\)"),
        (np.zeros((8, 0, 1)), "got float64"),
        (np.zeros((8, 8, 1), int), "floating, got int64"),
        (np.full((8, 8, 1), np.nan), r"holds nan at \(row, column, channel\) \(0, 0, 0\)"),
        (np.full((8, 8, 1), 255.0), "values go from 255.0 to 255.0; scale them to 0..1"),
    ],
)
def test_other_forms_are_refused(picture, words):
    with pytest.raises(ValueError, match=words):
        prepare(picture, (8, 8, 1), "digits")
